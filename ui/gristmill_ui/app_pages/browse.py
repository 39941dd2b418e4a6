"""The browse page: all rows in a table, fifty at a time."""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from gristmill_data.store import Filters
from gristmill_ui import session
from gristmill_ui.services.table import Table, display
from gristmill_ui.views import filters

WIDTHS = {
    "Status": 95, "Kind": 90, "Type": 85, "Instruction": 350, "Response": 350, "Source": 210, "Heading": 200,
    "Reviewer": 90, "Reason": 120,
}  # fmt: skip


def render() -> None:
    """Draw the page."""
    table = _table()
    search, more = st.columns([6, 1.4], vertical_alignment="center")
    with search:
        text, order = filters.search_and_order("gm_browse", order="document")
    with more:
        table.refilter(filters.popover("gm_browse", table.store, _usual(), text, order))
    if table.load():
        _rows(table)
    else:
        st.html('<div class="gm-empty"><h2>No rows</h2><p>Change the filters, or start a run.</p></div>')


def _usual() -> Filters:
    return Filters(status=(), order="document", viewer=session.reviewer())


def _table() -> Table:
    if "gm_table" not in st.session_state:
        st.session_state["gm_table"] = Table(session.store(), _usual())
    return cast("Table", st.session_state["gm_table"])


def _rows(table: Table) -> None:
    columns: dict[str, Any] = {
        name: st.column_config.TextColumn(width=width) for name, width in WIDTHS.items()
    }
    columns["Score"] = st.column_config.NumberColumn(format="%.2f", width=60)
    rows = display(table.rows, session.desk())
    shown = st.dataframe(
        rows, column_config=columns, hide_index=True, height=_height(len(rows)),
        on_select="rerun", selection_mode="single-row", key=f"gm_rows_{table.page}_{hash(table.filters)}",
    )  # fmt: skip
    _footer(table, shown["selection"]["rows"])


def _height(rows: int) -> int:
    """Pixels for the rows there are, and no more than fit above the fold of a small laptop."""
    return min(36 + 33 * rows, 590)


def _footer(table: Table, chosen: list[int]) -> None:
    first, last = table.page == 1, not table.more
    with st.container(horizontal=True, vertical_alignment="center"):
        opened = st.button("Open in review", key="gm_open", shortcut="o", type="primary", disabled=not chosen)
        st.button("Previous", key="gm_page_back", on_click=table.back, disabled=first, shortcut="p")
        st.button("Next", key="gm_page_forward", on_click=table.forward, disabled=last, shortcut="n")
        hint = "" if chosen else " · tick a row to open it"
        st.html(
            f'<div class="gm-meta">Page {table.page} · {len(table.rows)} rows{hint}</div>', width="content"
        )
    if opened and chosen:
        session.show_in_review(table.rows[chosen[0]]["example_id"])
