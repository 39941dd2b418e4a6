"""The bar at the bottom of the disputes page: whose word is the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_data.store.teamwork import Word
from gristmill_ui.services import disputes, verdicts
from gristmill_ui.services.desk import Desk, Mode
from gristmill_ui.services.markup import escape
from gristmill_ui.services.rounds import at_the_start
from gristmill_ui.views import editing

SHEET = (
    ("1–9", "settle the row as this reviewer said, with their text and reasons"),
    ("A", "accept the row as it was made"),
    ("E, then Ctrl+Enter", "accept it with a text of your own"),
    ("X, then 1–8, then X", "reject it for reasons of your own"),
    ("B", "put the row back: it is to review again for everybody"),
    ("U or Z", "undo your last word"),
    ("P, N", "previous, next disagreement"),
    ("D", "the whole source document"),
    ("Esc", "leave editing or rejecting: what you typed is kept"),
    ("?", "this sheet"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """What the buttons of one screen act on; ``words`` are what the reviewers said."""

    desk: Desk
    item: ItemView
    words: Sequence[Word]

    @property
    def screen(self) -> str:
        """The screen the buttons are drawn on."""
        return self.desk.decision_id

    @property
    def asked(self) -> ItemView:
        """The row with the text that the reviewers were asked about."""
        return at_the_start(self.item)


def draw(bar: Bar) -> None:
    """The buttons, in one form with the fields of a text or a note."""
    desk = bar.desk
    with st.form(f"form_{bar.screen}", enter_to_submit=False, border=False):
        if desk.mode == "edit":
            editing.fields(desk, bar.asked)
        with st.container(key="gm_verdict"):
            if desk.message:
                st.html(f'<div class="gm-message" role="alert">{escape(desk.message)}</div>')
            {"edit": _edit, "reject": _reject}.get(desk.mode, _choose)(bar)
    editing.live(desk, bar.asked)


def _press(bar: Bar, drawn: tuple[str, Mode], action: Callable[[], Any]) -> None:
    """Do ``action`` unless what it was pressed on is gone; what was typed is kept in any case."""
    desk, (screen, _) = bar.desk, drawn
    with desk.pressed(*drawn) as counts:
        if not counts:
            return
        if desk.mode in ("edit", "reject"):
            verdicts.keep_typed(desk, bar.asked, editing.typed(desk, bar.asked))
        action()
        if screen != desk.decision_id:
            desk.drafts.end(bar.item.example.id, screen)


def _button(bar: Bar, label: str, key: str | None, action: Callable[[], Any], **options: Any) -> None:
    st.form_submit_button(
        label, shortcut=key, key=f"{options.pop('place', label)}_{bar.screen}", on_click=_press,
        args=(bar, (bar.screen, bar.desk.mode), action), **options,
    )  # fmt: skip


def _row() -> Any:
    return st.container(horizontal=True, gap="small", vertical_alignment="center")


def _choose(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, gap="small", width="content"):
            for number, word in enumerate(bar.words, 1):
                _word(bar, number, word)
            if bar.item.example.kind != "preference":
                _button(bar, "Accept as made", "a", lambda: disputes.accept(desk, screen, bar.item))
                _button(bar, "Edit", "e", lambda: desk.switch(screen, "edit"))
            _button(bar, "Reject", "x", lambda: desk.switch(screen, "reject"))
            _button(
                bar, "Put back", "b", lambda: disputes.put_back(desk, screen),
                help="The words so far count no longer, and the row is to review again for everybody.",
            )  # fmt: skip
        with st.container(horizontal=True, gap="small", width="content"):
            with st.container(key="gm_undo", width="content"):
                _button(bar, "Undo", "u", lambda: desk.undo(screen), disabled=not desk.can_undo)
            _button(bar, "Previous", "p", desk.back, disabled=not desk.can_go_back)
            _button(bar, "Next", "n", desk.forward)


def _word(bar: Bar, number: int, word: Word) -> None:
    said = disputes.said(bar.item, word, bar.desk.reviewer)
    key = str(number) if number <= disputes.MAX_KEYS else None
    settle = partial(disputes.side_with, bar.desk, bar.screen, bar.item, word)
    _button(
        bar, disputes.button(word.reviewer, said), key, settle, type="primary", place=f"word{number}",
        help=f"Settle the row as {word.reviewer} said: {said}",
    )  # fmt: skip


def _edit(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    with _row():
        save = partial(disputes.edit, desk, screen, bar.item)
        _button(bar, "Accept this text", "ctrl+enter", save, type="primary")
        _button(bar, "Back", "escape", lambda: desk.switch(screen, "read"))
        _button(bar, "Discard changes", None, lambda: verdicts.discard(desk, screen))


def _reject(bar: Bar) -> None:
    desk, screen = bar.desk, bar.screen
    with _row():
        for label, key, tick, kind in editing.reasons(desk, bar.item):
            _button(bar, label, key, tick, type=kind)
    with _row():
        editing.note(desk, bar.item)
        with st.container(key="gm_confirm", width="content"):
            _button(bar, "Save rejection", "x", lambda: disputes.reject(desk, screen), type="primary")
        _button(bar, "Back", "escape", lambda: desk.switch(screen, "read"))
