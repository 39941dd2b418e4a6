"""The keyboard: what each key does, the component that adds the keys Streamlit lacks, the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st

from gristmill_ui.services.desk import Desk

SCRIPT = Path(__file__).parent.parent / "static" / "keys.js"

EXTRA = {"?": "gm_help", "h": "gm_own", "z": "gm_undo", "ArrowLeft": "gm_pick_left",
         "ArrowRight": "gm_pick_right"}  # fmt: skip
"""Key -> the container whose button it presses, beside the buttons' own shortcuts."""

SHEET = (
    ("A", "accept"),
    ("X, then 1–8, then X", "reject, with one reason or more"),
    ("X, 1–8, M", "reject, and have the row made again"),
    ("E, then Ctrl+Enter", "edit, then save the edit (which accepts the row)"),
    ("S", "skip: leave it for later"),
    ("1 or ←, 2 or →", "pair: A is better, B is better"),
    ("3, 4", "pair: a tie, both bad"),
    ("G, then digits", "grade the row by its rubric; Backspace clears a grade"),
    ("U or Z", "undo the last decision"),
    ("H", "your decisions: take back any of them"),
    ("P, N", "previous, next row (or criterion)"),
    ("D", "the whole source document"),
    ("L", "after a rejection: rows like that one"),
    ("Esc", "leave editing, rejecting or grading: what you typed is kept"),
    ("?", "this sheet"),
)


def listen(desk: Desk) -> None:
    """Put the extra keys to work on the screen just drawn, and bring its evidence into sight."""
    component = st.components.v2.component("gristmill_keys", js=SCRIPT.read_text())
    with st.container(key="gm_hidden"):
        shown = {"shown": desk.decision_id, "mode": desk.mode, "example": desk.example_id}
        component(key="gm_keys", data={**shown, "keys": EXTRA})


@st.dialog("Keyboard shortcuts")
def sheet(keys: Sequence[tuple[str, str]] = SHEET) -> None:
    """All keys, in a window."""
    rows = "".join(f"<tr><td><kbd>{escape(key)}</kbd></td><td>{escape(what)}</td></tr>" for key, what in keys)
    st.html(f'<table class="gm-keys">{rows}</table>')
    st.caption("Keys do nothing while you type in a field.")
