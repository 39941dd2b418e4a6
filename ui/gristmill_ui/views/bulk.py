"""Many rows at once: the window that asks, the line that says what was done, the list of earlier actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, cast

import streamlit as st

from gristmill_data.store import Filters
from gristmill_data.store.bulk import BulkAction
from gristmill_ui import session
from gristmill_ui.services import bulk
from gristmill_ui.services.bulk import BulkDesk
from gristmill_ui.services.labels import plain
from gristmill_ui.services.reasons import REASONS
from gristmill_ui.services.table import display

WIDTHS = {"Status": 110, "Kind": 90, "Instruction": 330, "Response": 330, "Source": 150}


def desk() -> BulkDesk:
    """The session's, made on first use."""
    known = cast("BulkDesk | None", st.session_state.get("gm_bulk"))
    if known is None or known.reviewer != session.reviewer():
        known = st.session_state["gm_bulk"] = BulkDesk(session.store(), session.reviewer())
    return known


def open_window(filters: Filters, action: BulkAction = "reject") -> None:
    """Ask about all rows of ``filters``, counted anew; :func:`draw_window` shows it until it is closed."""
    desk().forget()
    st.session_state["gm_bulk_action"] = action
    st.session_state["gm_bulk_done"] = False
    st.session_state["gm_bulk_rows"] = filters


def draw_window() -> bool:
    """Draw the window if it is open, in every run of a page: one that does not would close it."""
    filters = st.session_state.get("gm_bulk_rows")
    if filters is not None:
        window(filters)
    return filters is not None


def close_window() -> None:
    """Whatever closes the window."""
    st.session_state.pop("gm_bulk_rows", None)


@st.dialog("Many rows at once", width="large", on_dismiss=close_window)
def window(filters: Filters) -> None:
    """The choice of an action, the count, twenty of the rows, and the button that names the number.

    When it is done the window says so, with the undo, until it is closed.
    """
    at = desk()
    if st.session_state.get("gm_bulk_done"):
        receipt("window")
        if st.button("Close", key="gm_bulk_close", type="primary", on_click=close_window):
            st.rerun()
        return
    action = st.segmented_control(
        "What to do", list(bulk.ACTIONS), format_func=bulk.ACTIONS.__getitem__, key="gm_bulk_action",
        required=True,
    )  # fmt: skip
    asked = at.ask(filters, action or "reject")
    st.html(f'<div class="gm-prose" role="status">{escape(bulk.question(asked))}</div>')
    if asked.action in bulk.WITH_REASON:
        _why()
    if at.message:
        st.html(f'<div class="gm-message" role="alert">{escape(at.message)}</div>')
    st.button(
        bulk.button(asked), key=f"gm_bulk_do_{at.bulk_id}", type="primary", disabled=not asked.rows,
        on_click=_confirm, args=(at.bulk_id,),
    )  # fmt: skip
    rows = at.preview()
    table(rows, f"{len(rows)} of them, drawn by lot" if asked.rows > len(rows) else "All of them")


def _why() -> None:
    st.pills(
        "Why", list(REASONS), selection_mode="multi", format_func=REASONS.__getitem__, key="gm_bulk_reasons"
    )
    st.text_input("In your own words (optional)", key="gm_bulk_note")


def _confirm(bulk_id: str) -> None:
    reasons, note = st.session_state.get("gm_bulk_reasons") or (), st.session_state.get("gm_bulk_note") or ""
    st.session_state["gm_bulk_done"] = desk().confirm(bulk_id, tuple(reasons), note)


def table(rows: Sequence[Mapping[str, Any]], caption: str) -> None:
    """A few rows of many."""
    if not rows:
        return
    st.caption(caption)
    shown = [{name: cells[name] for name in WIDTHS} for cells in display(rows, session.desk())]
    columns: dict[str, Any] = {name: st.column_config.TextColumn(width=w) for name, w in WIDTHS.items()}
    st.dataframe(shown, column_config=columns, hide_index=True, height=min(36 + 33 * len(shown), 330))


def receipt(where: str = "page") -> None:
    """What was done last, with its undo; nothing when nothing was. ``where`` tells two on a screen apart."""
    at = desk()
    done = at.last
    if at.message and at.selection is None:
        st.html(f'<div class="gm-message" role="alert">{escape(at.message)}</div>')
    if done is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        said = f"✓ {escape(bulk.told(done))} · <code>{escape(done.bulk_id[:12])}</code>"
        st.html(f'<div class="gm-receipt" role="status">{said}</div>', width="content")
        if done.action != "undo":
            st.button(
                "Undo all", key=f"gm_bulk_undo_{where}_{done.bulk_id}", on_click=_undo, args=(done.bulk_id,)
            )


def earlier() -> None:
    """What was done on many rows, each with an undo."""
    with st.popover("Earlier actions", width="stretch"):
        done = desk().earlier()
        if not done:
            st.caption("Nobody has acted on many rows at once yet.")
        for action in done:
            text, button = st.columns([5, 1], vertical_alignment="center")
            line = escape(bulk.line(action))
            text.html(f'<div class="gm-meta">{f"<del>{line}</del>" if action.undone_by else line}</div>')
            button.button(
                "Undo", key=f"gm_bulk_back_{action.bulk_id}", on_click=_undo, args=(action.bulk_id,),
                disabled=action.undone_by is not None, help=plain(bulk.line(action)),
            )  # fmt: skip


def _undo(bulk_id: str) -> None:
    desk().take_back(bulk_id)
