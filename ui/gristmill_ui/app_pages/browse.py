"""The browse page: all rows in a table, fifty at a time; what can be found can be decided together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import streamlit as st

from gristmill_data.store import Filters
from gristmill_ui import session
from gristmill_ui.services.addresses import Question, to_params
from gristmill_ui.services.table import Table, display
from gristmill_ui.views import address, bulk, filters, saved, siblings

PREFIX = "gm_browse"
WIDTHS = {
    "Status": 105, "Kind": 90, "Type": 85, "Instruction": 350, "Response": 350, "Source": 210, "Heading": 200,
    "Reviewer": 90, "Reason": 120,
}  # fmt: skip


def render() -> None:
    """Draw the page."""
    table = _table()
    search, more, views, earlier = st.columns([5, 1.3, 1.3, 1.3], vertical_alignment="center")
    with search:
        text, order = filters.search_and_order(PREFIX, order="document")
    with more:
        chosen = filters.popover(PREFIX, table.store, _usual(), text, order, noted=False)
    table.refilter(chosen, address.similarities(PREFIX))
    with views:
        saved.menu(PREFIX, "browse", to_params(Question(chosen, address.like(PREFIX)), _usual()))
    with earlier:
        if session.role() == "lead":
            bulk.earlier()
    address.notes(PREFIX, table.store)
    bulk.receipt()
    if table.load():
        _rows(table)
    else:
        st.html('<div class="gm-empty"><h2>No rows</h2><p>Change the filters, or start a run.</p></div>')
    siblings.draw_windows()


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
    columns["Alike"] = st.column_config.NumberColumn(format="%.2f", width=60)
    rows = display(table.rows, session.desk())
    shown = st.dataframe(
        rows, column_config=columns, hide_index=True, height=_height(len(rows)),
        on_select="rerun", selection_mode="multi-row", key=f"gm_rows_{table.fingerprint}",
    )  # fmt: skip
    _footer(table, [table.rows[place]["example_id"] for place in shown["selection"]["rows"]])


def _height(rows: int) -> int:
    """Pixels for the rows there are, and no more than fit above the fold of a small laptop."""
    return min(36 + 33 * rows, 560)


def _footer(table: Table, ticked: list[str]) -> None:
    first, last = table.page == 1, not table.more
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        one = ticked[0] if len(ticked) == 1 else ""
        opened = st.button("Open in review", key="gm_open", shortcut="o", type="primary", disabled=not one)
        like = st.button("Rows like it", key="gm_like", shortcut="l", disabled=not one)
        if session.role() == "lead":
            _together(table, ticked)
        reviewing = st.button(
            "Review all of these",
            key="gm_review_all",
            help="One by one, on the review page, with these filters",
        )
        st.button("Previous", key="gm_page_back", on_click=table.back, disabled=first, shortcut="p")
        st.button("Next", key="gm_page_forward", on_click=table.forward, disabled=last, shortcut="n")
        hint = f" · {len(ticked)} ticked" if ticked else " · tick a row to open it"
        st.html(
            f'<div class="gm-meta">Page {table.page} · {len(table.rows)} rows{hint}</div>', width="content"
        )
    if opened and one:
        session.show_in_review(one)
    if reviewing:
        session.show_rows(address.absolute(PREFIX, table.filters))
    if like and one:
        siblings.open_window(one)


def _together(table: Table, ticked: list[str]) -> None:
    """Decide the rows ticked, or all rows of the filter."""
    label = f"Act on {len(ticked)} ticked …" if ticked else "Act on all …"
    if st.button(label, key="gm_bulk_open", help="Accept, reject, put back or make again, many rows at once"):
        everything = replace(table.filters, status=(), ids=tuple(ticked), stale=True)
        bulk.open_window(everything if ticked else table.filters)
