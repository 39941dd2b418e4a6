"""From a press of a button to an event on the desk, or to what is kept of one that is not made yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gristmill.records import Action
from gristmill_data.store import ItemView
from gristmill_ui.services import blind, grades
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.drafting import Draft
from gristmill_ui.services.edits import Field, edit_payload, emptied, fields_of
from gristmill_ui.services.grades import Question
from gristmill_ui.services.reasons import REASONS, reject_payload, toggled

UNSAVED = "There is an unsaved edit on this row. Press E to go on with it, or discard it there."
NOTE = "note"
"""Name of the field for free text, beside the texts of the row."""


def fields(desk: Desk, item: ItemView) -> tuple[Field, ...]:
    """The texts of the row as this reviewer's screen orders them."""
    return fields_of(item, blind.sides(desk.reviewer, item.example.id))


def keep_typed(desk: Desk, item: ItemView, typed: Mapping[str, str]) -> Draft:
    """Keep what stands in the fields, by their names; the draft as it is now."""
    draft = desk.drafts.of(item.example.id)
    texts = {field.slot: typed[field.name] for field in fields(desk, item) if field.name in typed}
    if texts:
        draft = draft.typed(item, {**draft.shown(item), **texts})
    note = typed.get(NOTE, draft.note)
    draft = replace(draft, note=note, mode=desk.mode)
    desk.drafts.keep(item.example.id, draft)
    return draft


def take_typed(desk: Desk, item: ItemView, told: Any) -> bool:
    """Keep what the browser says is being typed; whether the page must be drawn anew.

    It must when the text is of a screen that is gone (a reload, a lost connection): then the row is opened as
    it was left. What does not belong to the screen shown is ignored.
    """
    if not isinstance(told, Mapping) or told.get("screen") != desk.decision_id:
        return False
    given = told.get("texts")
    if told.get("example") != item.example.id or not isinstance(given, Mapping):
        return False
    typed = {str(name): text for name, text in given.items() if isinstance(text, str)}
    mode, before = desk.mode, _draft(desk)
    if told.get("recovered"):
        desk.mode = "reject" if set(typed) == {NOTE} else "edit"
    after = keep_typed(desk, item, typed)
    news = (after.texts, after.note) != (before.texts, before.note)
    if not told.get("recovered"):
        return False
    if not news:
        desk.mode = mode
        return False
    # on a new screen, because fields that are drawn already would keep what they show
    desk.drafts.end(item.example.id, desk.decision_id)
    desk.afresh(desk.decision_id)
    desk.message = "What you typed before the page was lost is back. It is not saved as a decision yet."
    return True


def toggle_reason(desk: Desk, decision_id: str, reason: str) -> None:
    """Tick or untick a reason for rejecting."""
    if decision_id == desk.decision_id and desk.example_id is not None:
        draft = desk.drafts.of(desk.example_id)
        now = replace(draft, reasons=toggled(draft.reasons, reason), mode=desk.mode)
        desk.drafts.keep(desk.example_id, now)


def accept(desk: Desk, decision_id: str) -> bool:
    """Accept the text as it reads; not over an edit that is not saved."""
    return not _unsaved(desk) and desk.decide(decision_id, "accept", _with_ratings(desk, {}))


def save_edit(desk: Desk, decision_id: str, item: ItemView) -> bool:
    """Save the changed text, which accepts the row; of a pair, ask which side is better now."""
    payload = _edited(desk, item)
    if payload is None:
        return False
    if item.example.kind == "preference":
        desk.switch(decision_id, "choose")
        return False
    return desk.decide(decision_id, "edit", _with_ratings(desk, payload))


def save_edited_pair(desk: Desk, decision_id: str, item: ItemView, choice: blind.Choice) -> bool:
    """Save the changed texts of a pair together with the side that is better now."""
    payload = _edited(desk, item)
    if payload is None:
        return False
    payload |= _side(desk, item.example.id, choice)
    return desk.decide(decision_id, "edit", _with_ratings(desk, payload), blind.LETTERS[choice])


def reject(desk: Desk, decision_id: str, *, again: bool = False) -> bool:
    """Reject for the reasons ticked and noted, without any ask for one; ``again``: have the row made anew."""
    draft = _draft(desk)
    payload = reject_payload(draft.reasons, draft.note)
    if payload is None:
        desk.message = "Choose at least one reason (1–8) or write one."
        return False
    said = ", ".join(REASONS.get(reason, reason).lower() for reason in draft.reasons) or "see note"
    action: Action = "regenerate" if again else "reject"
    return desk.decide(decision_id, action, _with_ratings(desk, payload), said)


def prefer(desk: Desk, decision_id: str, choice: blind.Choice) -> bool:
    """Save which side of the pair on the screen is better, in terms of the recorded pair."""
    if desk.example_id is None or _unsaved(desk):
        return False
    payload = _side(desk, desk.example_id, choice)
    agrees = {"chosen": ", as recorded", "rejected": ", against the record"}.get(payload["side"], "")
    said = f"{blind.LETTERS[choice]}{agrees}"
    return desk.decide(decision_id, "prefer", _with_ratings(desk, payload), said)


def discard(desk: Desk, decision_id: str) -> None:
    """Drop the unsaved changes of the text; reasons, note and grades stay."""
    if decision_id == desk.decision_id and desk.example_id is not None:
        rest = replace(_draft(desk), texts={}, base={}, mode="read")
        desk.drafts.keep(desk.example_id, rest)
        desk.afresh(decision_id)


def begin_grading(desk: Desk, decision_id: str, asked: Sequence[Question]) -> None:
    """Ask for grades, from the first criterion that has none."""
    if decision_id == desk.decision_id and asked:
        desk.switch(decision_id, "grade")
        desk.question = grades.first_open(asked, _draft(desk).ratings)


def grade(desk: Desk, decision_id: str, asked: Sequence[Question], value: int | None) -> None:
    """Keep a grade (None: take it back) and go on to the next criterion; after the last, back to reading."""
    if decision_id != desk.decision_id or desk.example_id is None or not 0 <= desk.question < len(asked):
        return
    draft, question = _draft(desk), asked[desk.question]
    ratings = grades.with_grade(draft.ratings, question, value)
    last = desk.question + 1 == len(asked) and value is not None
    desk.drafts.keep(desk.example_id, replace(draft, ratings=ratings, mode="read" if last else "grade"))
    if last:
        desk.switch(decision_id, "read")
    elif value is not None:
        desk.question += 1


def step(desk: Desk, decision_id: str, asked: Sequence[Question], by: int) -> None:
    """To the criterion before or after, without a grade."""
    if decision_id == desk.decision_id:
        desk.question = min(max(desk.question + by, 0), len(asked) - 1)


def _draft(desk: Desk) -> Draft:
    return desk.drafts.of(desk.example_id) if desk.example_id else Draft()


def _unsaved(desk: Desk) -> bool:
    if not _draft(desk).texts:
        return False
    desk.message = UNSAVED
    return True


def _edited(desk: Desk, item: ItemView) -> dict[str, Any] | None:
    """The payload of the edit; None, with a message, when there is nothing to save."""
    texts = _draft(desk).texts
    payload = edit_payload(item, texts)
    if payload is None:
        empty = emptied(texts)
        desk.message = "A text cannot be empty: reject the row instead." if empty else "Nothing was changed."
    return payload


def _side(desk: Desk, example_id: str, choice: blind.Choice) -> dict[str, Any]:
    order = blind.sides(desk.reviewer, example_id)
    return {"side": blind.preferred(choice, order), "left": order[0]}


def _with_ratings(desk: Desk, payload: Mapping[str, Any]) -> dict[str, Any]:
    ratings = _draft(desk).ratings
    return {**payload, "ratings": dict(ratings)} if ratings else dict(payload)
