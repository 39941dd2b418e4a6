"""The verdict bar at the bottom of the review page, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_ui.services import blind, verdicts
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.edits import Draft, draft_of
from gristmill_ui.services.reasons import REASONS


def bar(desk: Desk, item: ItemView) -> None:
    """The buttons for the mode the desk is in. Drawn inside the form that holds the edit fields."""
    with st.container(key="gm_verdict"):
        if desk.message:
            st.html(f'<div class="gm-message" role="alert">{escape(desk.message)}</div>')
        {"read": _read, "edit": _edit, "reject": _reject}[desk.mode](desk, item)


def fields(desk: Desk, item: ItemView) -> Draft:
    """The edit fields; their text as of the last press of a button."""
    start = desk.drafts.get(item.example.id, draft_of(item))
    name = desk.decision_id
    instruction = st.text_area("Instruction", start.instruction, height=110, key=f"instruction_{name}")
    response = st.text_area("Response", start.response, height=300, key=f"response_{name}")
    return Draft(instruction or "", response or "")


def _typed(desk: Desk, item: ItemView) -> Draft:
    """What the form sent along with the button pressed."""
    start = desk.drafts.get(item.example.id, draft_of(item))
    state, name = st.session_state, desk.decision_id
    return Draft(
        state.get(f"instruction_{name}", start.instruction), state.get(f"response_{name}", start.response)
    )


def _press(desk: Desk, item: ItemView, decision_id: str, action: Callable[[], Any]) -> None:
    """Do ``action`` unless the screen it was pressed on is gone; what was typed is kept in any case."""
    if decision_id != desk.decision_id:
        return
    if desk.mode == "edit":
        verdicts.keep_draft(desk, item, _typed(desk, item))
    action()


def _button(
    desk: Desk, item: ItemView, label: str, key: str | None, action: Callable[[], Any], **options: Any
) -> None:
    name = desk.decision_id
    st.form_submit_button(
        label,
        shortcut=key,
        key=f"{label}_{name}",
        on_click=_press,
        args=(desk, item, name, action),
        **options,
    )


def _read(desk: Desk, item: ItemView) -> None:
    name, pair = desk.decision_id, item.example.kind == "preference"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        with st.container(horizontal=True, gap="small"):
            if pair:
                _choices(desk, item)
            else:
                _button(desk, item, "Accept", "a", lambda: desk.decide(name, "accept", {}), type="primary")
            _button(desk, item, "Reject", "x", lambda: desk.switch(name, "reject"))
            if not pair:
                _button(desk, item, "Edit", "e", lambda: desk.switch(name, "edit"))
            _button(desk, item, "Skip", "s", lambda: desk.decide(name, "skip", {}))
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            with st.container(key="gm_undo", width="content"):
                _button(desk, item, "Undo", "u", lambda: desk.undo(name), disabled=not desk.can_undo)
            _button(desk, item, "Previous", "p", desk.back, disabled=not desk.can_go_back)
            _button(desk, item, "Next", "n", desk.forward)


def _choices(desk: Desk, item: ItemView) -> None:
    name = desk.decision_id
    labels = {"left": "A is better", "right": "B is better", "tie": "Tie", "both_bad": "Both bad"}
    for number, choice in enumerate(blind.CHOICES, 1):
        with st.container(key=f"gm_pick_{choice}", width="content"):
            action = partial(verdicts.prefer, desk, name, choice)
            _button(desk, item, labels[choice], str(number), action)


def _edit(desk: Desk, item: ItemView) -> None:
    name = desk.decision_id
    with st.container(horizontal=True, gap="small"):
        _button(
            desk, item, "Save edit", "ctrl+enter",
            lambda: verdicts.save_edit(desk, name, item, _typed(desk, item)), type="primary",
        )  # fmt: skip
        _button(desk, item, "Show changes", None, lambda: None)
        _button(desk, item, "Back", "escape", lambda: desk.switch(name, "read"))
        _button(desk, item, "Discard changes", None, lambda: _discard(desk, item))


def _discard(desk: Desk, item: ItemView) -> None:
    desk.drafts.pop(item.example.id, None)
    desk.switch(desk.decision_id, "read")


def _reject(desk: Desk, item: ItemView) -> None:
    name = desk.decision_id
    with st.container(horizontal=True, gap="small"):
        for number, (reason, label) in enumerate(REASONS.items(), 1):
            _button(
                desk, item, label, str(number), partial(desk.toggle_reason, name, reason),
                type="primary" if reason in desk.reasons else "secondary",
            )  # fmt: skip
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.text_input(
            "Note",
            key=f"note_{name}",
            placeholder="In your own words (optional)",
            label_visibility="collapsed",
        )
        with st.container(key="gm_confirm", width="content"):
            _button(
                desk, item, "Save rejection", "x",
                lambda: verdicts.reject(desk, name, st.session_state.get(f"note_{name}", "")), type="primary",
            )  # fmt: skip
        _button(desk, item, "Back", "escape", lambda: desk.switch(name, "read"))
