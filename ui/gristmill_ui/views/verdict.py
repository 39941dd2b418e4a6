"""The verdict bar at the bottom of the review page, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_ui.services import blind, grades, rubric_view, verdicts
from gristmill_ui.services.desk import Desk, Mode
from gristmill_ui.services.grades import Question
from gristmill_ui.services.markup import escape
from gristmill_ui.views import editing

PICKS: dict[blind.Choice, str] = {
    "left": "A is better", "right": "B is better", "tie": "Tie", "both_bad": "Both bad",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bar:
    """What the buttons of one screen act on."""

    desk: Desk
    item: ItemView
    asked: Sequence[Question] = ()
    reader: bool = False
    """Whether whoever looks may only look; the store refuses their decisions as well."""

    @property
    def screen(self) -> str:
        """The screen the buttons are drawn on."""
        return self.desk.decision_id

    @property
    def pair(self) -> bool:
        """Whether the row is a preference."""
        return self.item.example.kind == "preference"


def draw(bar: Bar) -> None:
    """The buttons for the mode the desk is in, in a form with the edit fields: a key saves what is typed."""
    with st.form(f"form_{bar.screen}", enter_to_submit=False, border=False):
        if bar.desk.mode == "edit":
            editing.fields(bar.desk, bar.item)
        with st.container(key="gm_verdict"):
            if bar.desk.message:
                st.html(f'<div class="gm-message" role="alert">{escape(bar.desk.message)}</div>')
            mode = bar.desk.mode if bar.asked or bar.desk.mode != "grade" else "read"
            _MODES[mode](bar)


def _press(bar: Bar, drawn: tuple[str, Mode], action: Callable[[], Any]) -> None:
    """Do ``action`` unless what it was pressed on is gone; what was typed is kept in any case."""
    desk, item, (screen, _) = bar.desk, bar.item, drawn
    with desk.pressed(*drawn) as counts:
        if not counts:
            return
        if desk.mode in ("edit", "reject"):
            verdicts.keep_typed(desk, item, editing.typed(desk, item))
        action()
        if screen != desk.decision_id:
            desk.drafts.end(item.example.id, screen)


def _button(bar: Bar, label: str, key: str | None, action: Callable[[], Any], **options: Any) -> None:
    st.form_submit_button(
        label, shortcut=key, key=f"{label}_{bar.screen}", on_click=_press,
        args=(bar, (bar.screen, bar.desk.mode), action), **options,
    )  # fmt: skip


def _row() -> Any:
    return st.container(horizontal=True, gap="small", vertical_alignment="center")


def _ends() -> Any:
    return st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")


def _end() -> Any:
    """One end of a row of buttons: as wide as these, so that the other end has the rest."""
    return st.container(horizontal=True, gap="small", vertical_alignment="center", width="content")


def _read(bar: Bar) -> None:
    with _ends():
        with _end():
            if bar.reader:
                st.html('<div class="gm-progress">You may read here; ask a lead to decide rows too.</div>')
            else:
                _decisions(bar)
        with _end():
            _navigation(bar)


def _decisions(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    if bar.pair:
        _choices(bar, blind.CHOICES, lambda choice: verdicts.prefer(desk, screen, choice))
    else:
        _button(bar, "Accept", "a", lambda: verdicts.accept(desk, screen), type="primary")
    _button(bar, "Reject", "x", lambda: desk.switch(screen, "reject"))
    _button(bar, "Edit", "e", lambda: desk.switch(screen, "edit"))
    if bar.asked:
        _button(bar, "Grade", "g", lambda: verdicts.begin_grading(desk, screen, bar.asked))
    _button(bar, "Skip", "s", lambda: desk.decide(screen, "skip", {}))


def _navigation(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    with st.container(key="gm_undo", width="content"):
        _button(bar, "Undo", "u", lambda: desk.undo(screen), disabled=not desk.can_undo)
    _button(bar, "Previous", "p", desk.back, disabled=not desk.can_go_back)
    _button(bar, "Next", "n", desk.forward)


def _choices(bar: Bar, choices: Sequence[blind.Choice], act: Callable[[blind.Choice], Any]) -> None:
    for number, choice in enumerate(choices, 1):
        with st.container(key=f"gm_pick_{choice}", width="content"):
            _button(bar, PICKS[choice], str(number), partial(act, choice))


def _edit(bar: Bar) -> None:
    desk, item, screen = bar.desk, bar.item, bar.screen
    save = "Save edit …" if bar.pair else "Save edit"
    with _row():
        _button(bar, save, "ctrl+enter", lambda: verdicts.save_edit(desk, screen, item), type="primary")
        _button(bar, "Back", "escape", lambda: desk.switch(screen, "read"))
        _button(bar, "Discard changes", None, lambda: verdicts.discard(desk, screen))
        st.html('<div class="gm-progress">Ctrl+Enter saves, Esc goes back and keeps what you typed.</div>')


def _choose(bar: Bar) -> None:
    desk, item, screen = bar.desk, bar.item, bar.screen
    with _row():
        st.html('<div class="gm-asking">With your changes, which response is better?</div>', width="content")
        picks = blind.CHOICES[:2]
        _choices(bar, picks, lambda choice: verdicts.save_edited_pair(desk, screen, item, choice))
        _button(bar, "Back to editing", "escape", lambda: desk.switch(screen, "edit"))


def _reject(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    with _row():
        for label, key, tick, kind in editing.reasons(desk, bar.item):
            _button(bar, label, key, tick, type=kind)
    if desk.drafts.of(bar.item.example.id).texts:
        st.html('<div class="gm-message" role="status">Rejecting drops your unsaved edit of this row.</div>')
    with _row():
        editing.note(desk, bar.item)
        with st.container(key="gm_confirm", width="content"):
            _button(bar, "Save rejection", "x", lambda: verdicts.reject(desk, screen), type="primary")
        _button(
            bar, "Make it again", "m", lambda: verdicts.reject(desk, screen, again=True),
            help="Reject the row and have a new one made in its place (M)",
        )  # fmt: skip
        _button(bar, "Back", "escape", lambda: desk.switch(screen, "read"))


def _grade(bar: Bar) -> None:
    desk, screen, asked = bar.desk, bar.screen, bar.asked
    question = asked[min(desk.question, len(asked) - 1)]
    given = grades.grade_of(desk.drafts.of(bar.item.example.id).ratings, question)
    st.html(rubric_view.asking(question, desk.question, len(asked)))
    with _ends():
        with _row():
            for value in question.criterion.grades:
                _button(
                    bar, rubric_view.button(question.criterion, value),
                    str(value) if 0 <= value <= 9 else None,
                    partial(verdicts.grade, desk, screen, asked, value),
                    type="primary" if value == given else "secondary",
                )  # fmt: skip
            _button(
                bar, "Clear", "backspace", lambda: verdicts.grade(desk, screen, asked, None),
                disabled=given is None,
            )  # fmt: skip
        with _end():
            back = partial(verdicts.step, desk, screen, asked, -1)
            _button(bar, "Previous", "p", back, disabled=desk.question == 0)
            on = partial(verdicts.step, desk, screen, asked, 1)
            _button(bar, "Next", "n", on, disabled=desk.question + 1 >= len(asked))
            _button(bar, "Done", "escape", lambda: desk.switch(screen, "read"))


_MODES: dict[str, Callable[[Bar], None]] = {
    "read": _read, "edit": _edit, "choose": _choose, "reject": _reject, "grade": _grade,
}  # fmt: skip
