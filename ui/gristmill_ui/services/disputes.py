"""Rows on which reviewers disagree: what each of them said, and a lead's last word on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gristmill.records import Example
from gristmill_data.store import Filters, ItemView, Store
from gristmill_data.store.teamwork import Word, words
from gristmill_ui.services import blind, events, rounds
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.diff import diff_html
from gristmill_ui.services.drafting import Draft
from gristmill_ui.services.edits import edit_payload, emptied, fields_of
from gristmill_ui.services.markup import escape
from gristmill_ui.services.reasons import in_words, reject_payload, tags_of
from gristmill_ui.services.verdicts import UNSAVED

MAX_KEYS = 9
"""People whose word a key takes over; more have a button."""
LONG_NAME = 18
SIDES = {"tie": "a tie", "both_bad": "both are bad"}
ACTIONS = {"edit": "edited and accepted", "regenerate": "rejected, to be made again"}


def desk_for(store: Store, lead: str) -> Desk:
    """A desk whose queue holds the rows in dispute, oldest first."""
    return Desk(store, lead, Filters(status=("disputed",), viewer=lead))


def said(item: ItemView, word: Word, lead: str) -> str:
    """One reviewer's word in a few words; sides of a pair by the letters on the lead's screen."""
    if (
        item.example.kind == "preference"
        and word.side in ("chosen", "rejected")
        and word.verdict == "accepted"
    ):
        return f"{'A' if word.side == blind.sides(lead, item.example.id)[0] else 'B'} is better"
    if word.action == "prefer":
        return SIDES[str(word.side)]
    return ACTIONS.get(word.action, word.verdict)


def opinion_card(item: ItemView, word: Word, lead: str) -> str:
    """What one reviewer said and why, and what they changed, as HTML."""
    tone = "good" if word.verdict == "accepted" else "bad"
    head = f'<span class="gm-tag {tone}">{escape(said(item, word, lead))}</span>'
    why = f"<p>{escape(in_words(word.payload))}</p>" if in_words(word.payload) else ""
    grades = _grades(item, word.payload, lead)
    name = escape(word.reviewer)
    when = f'<span class="gm-small">{events.clock(word.time)}</span>'
    return (
        f'<section class="gm-card" aria-label="{name}">'
        f'<div class="gm-opinion"><b>{name}</b>{head}{when}</div>'
        f'<div class="gm-prose">{why}{grades}</div>{_changes(item, word, lead)}</section>'
    )


def _grades(item: ItemView, payload: Mapping[str, Any], lead: str) -> str:
    ratings = payload.get("ratings") or {}
    if item.example.kind == "preference":
        left, right = blind.sides(lead, item.example.id)
        ratings = {letter: ratings[side] for letter, side in (("A", left), ("B", right)) if ratings.get(side)}
    return f"<p>{escape(events.graded(ratings))}</p>" if ratings else ""


def _changes(item: ItemView, word: Word, lead: str) -> str:
    """The text this reviewer made of the row, beside the one they were given."""
    order = blind.sides(lead, item.example.id)
    before = fields_of(rounds.at_the_start(item), order)
    after = fields_of(replace(item, example=text_of(item, word)), order)
    return "".join(
        f'<div class="gm-label">{escape(now.label)}, changed</div>{diff_html(was.text, now.text)}'
        for was, now in zip(before, after, strict=False)
        if was.text != now.text
    )


def text_of(item: ItemView, word: Word) -> Example:
    """The row's text as this reviewer left it."""
    return rounds.edited(rounds.at_the_start(item).example, [word.payload])


def last_word(item: ItemView, word: Word) -> dict[str, Any]:
    """The payload that makes one reviewer's word the last one, their text and their reasons with it."""
    payload = {"verdict": word.verdict, "agrees_with": word.reviewer}
    if word.side in ("chosen", "rejected", "tie", "both_bad") and item.example.kind == "preference":
        payload["side"] = word.side
    if word.verdict == "rejected":
        why = {name: word.payload[name] for name in ("reason", "note") if word.payload.get(name)}
        return {**payload, **why, "tags": tags_of(word.payload)}
    return {**payload, **_text(item, text_of(item, word))}


def _text(item: ItemView, example: Example) -> dict[str, Any]:
    """The text to carry along: only when the row reads otherwise now, because somebody edited it."""
    wanted, now = rounds.texts(example), rounds.texts(item.example)
    return {} if wanted == now else wanted


def side_with(desk: Desk, decision_id: str, item: ItemView, word: Word) -> bool:
    """Settle the row as this reviewer said; not over an edit of the lead's own that is not saved."""
    if _unsaved(desk):
        return False
    note = f"{said(item, word, desk.reviewer)}, as {word.reviewer} said"
    return desk.decide(decision_id, "adjudicate", last_word(item, word), note)


def accept(desk: Desk, decision_id: str, item: ItemView) -> bool:
    """Accept the row as it was made, whatever the reviewers changed."""
    if _unsaved(desk):
        return False
    payload = {"verdict": "accepted", **_text(item, rounds.at_the_start(item).example)}
    return desk.decide(decision_id, "adjudicate", payload, "accepted as it was made")


def _unsaved(desk: Desk) -> bool:
    if desk.example_id is None or not desk.drafts.of(desk.example_id).texts:
        return False
    desk.message = UNSAVED
    return True


def edit(desk: Desk, decision_id: str, item: ItemView) -> bool:
    """Accept the row with the text that the lead typed."""
    asked = rounds.at_the_start(item)
    texts = desk.drafts.of(item.example.id).texts
    payload = edit_payload(asked, texts)
    if payload is None:
        empty = "A text cannot be empty: reject the row instead."
        desk.message = empty if emptied(texts) else "Nothing was changed."
        return False
    text = rounds.texts(rounds.edited(asked.example, [payload]))
    return desk.decide(
        decision_id, "adjudicate", {"verdict": "accepted", **text}, "accepted with another text"
    )


def reject(desk: Desk, decision_id: str) -> bool:
    """Reject the row for the reasons ticked and noted; without any ask for one."""
    draft = desk.drafts.of(desk.example_id) if desk.example_id else Draft()
    payload = reject_payload(draft.reasons, draft.note)
    if payload is None:
        desk.message = "Choose at least one reason (1–8) or write one."
        return False
    return desk.decide(decision_id, "adjudicate", {"verdict": "rejected", **payload}, "rejected")


def put_back(desk: Desk, decision_id: str) -> None:
    """Have the row reviewed again by everybody, and go on."""
    if desk.requeue(decision_id):
        desk.forward()


def button(name: str, said: str) -> str:
    """What the button says that takes a reviewer's word over; a long name is cut, its help has it whole."""
    return f"{name if len(name) <= LONG_NAME else name[: LONG_NAME - 1] + '…'}: {said}"


def of(desk: Desk, item: ItemView) -> list[Word]:
    """The words to choose among, in the order said."""
    return words(desk.store, item.example.id)


def told(store: Store) -> str:
    """How many rows are in dispute, as HTML."""
    number = store.counts(waiting=False)["disputed"]
    return f'<div class="gm-progress"><b>{number:,}</b> {"row" if number == 1 else "rows"} in dispute</div>'
