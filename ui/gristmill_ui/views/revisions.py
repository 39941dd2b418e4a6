"""On the review page: the earlier row that this one replaces, and the later one that replaces it."""

from __future__ import annotations

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_ui.services import revisions
from gristmill_ui.services.desk import Desk


def draw(desk: Desk, item: ItemView, *, revealed: bool) -> None:
    """Draw what there is; nothing for most rows."""
    if html := revisions.earlier(desk.store, item, revealed=revealed):
        st.html(html)
    for number, (line, child) in enumerate(revisions.later(desk.store, item)):
        st.html(line)
        if child is not None:
            st.button(
                "Show the new row", key=f"gm_newer_{number}_{desk.decision_id}", on_click=_open,
                args=(desk, child),
            )  # fmt: skip


def _open(desk: Desk, example_id: str) -> None:
    desk.open(example_id)
