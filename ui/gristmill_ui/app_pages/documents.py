"""The documents page: what the dataset was made from, how much of it was used, the rows of each passage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import streamlit as st

from gristmill.errors import StoreError
from gristmill_data.store.documents import DocumentFilters
from gristmill_ui import session
from gristmill_ui.services import documents
from gristmill_ui.services.documents import SHOWS, Opened, Shelf
from gristmill_ui.services.markup import escape

WIDTHS: dict[str, int] = {
    "Document": 300, "Title": 220, "Passages": 80, "Asked": 70, "Accepted": 80, "Rejected": 80, "Failed": 70,
    "Reviewed": 80, "State": 140,
}  # fmt: skip


def render() -> None:
    """Draw the page."""
    chosen = st.query_params.get("document")
    if not chosen:
        _list(_shelf())
        return
    try:
        found = documents.opened(session.store(), chosen, st.session_state.get(_key(chosen), 0))
    except StoreError as error:
        st.html(f'<div class="gm-message" role="alert">{escape(error.message)}</div>')
        st.button("All documents", on_click=_close)
        return
    _document(found)


def _shelf() -> Shelf:
    if "gm_shelf" not in st.session_state:
        st.session_state["gm_shelf"] = Shelf(session.store())
    return cast("Shelf", st.session_state["gm_shelf"])


def _key(document_id: str) -> str:
    return f"gm_document_at_{document_id}"


def _list(shelf: Shelf) -> None:
    search, text, show = st.columns([5, 2, 3], vertical_alignment="center")
    wanted = search.text_input(
        "Search documents", key="gm_doc_search", placeholder="Search documents …",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    in_text = text.checkbox("in their text too", key="gm_doc_text", persist_state="session")
    kept = show.selectbox(
        "Show", list(SHOWS), format_func=SHOWS.__getitem__, key="gm_doc_show", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    shelf.refilter(DocumentFilters(wanted or "", in_text, kept))
    if not shelf.load():
        st.html('<div class="gm-empty"><h2>No documents</h2><p>Change the search, or start a run.</p></div>')
        return
    _table(shelf)


def _table(shelf: Shelf) -> None:
    columns: dict[str, Any] = {name: st.column_config.Column(width=width) for name, width in WIDTHS.items()}
    columns["Used"] = st.column_config.ProgressColumn(
        format="percent", min_value=0.0, max_value=1.0, width=110,
        help="Share of the passages with at least one row that a run accepted.",
    )  # fmt: skip
    shown = st.dataframe(
        [documents.cells(row) for row in shelf.rows], column_config=columns, hide_index=True,
        height=min(36 + 33 * len(shelf.rows), 590), on_select="rerun", selection_mode="single-row",
        key=f"gm_documents_{shelf.page}_{hash(shelf.filters)}",
    )  # fmt: skip
    chosen = shown["selection"]["rows"]
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Open", key="gm_doc_open", shortcut="o", type="primary", disabled=not chosen):
            _open(shelf.rows[chosen[0]]["id"])
        st.button("Previous", key="gm_doc_back", on_click=shelf.back, disabled=shelf.page == 1, shortcut="p")
        st.button("Next", key="gm_doc_next", on_click=shelf.forward, disabled=not shelf.more, shortcut="n")
        hint = "" if chosen else " · tick a document to open it"
        st.html(f'<div class="gm-meta">Page {shelf.page} · {shelf.told()}{hint}</div>', width="content")


def _open(document_id: str) -> None:
    st.query_params["document"] = document_id
    st.rerun()


def _close() -> None:
    st.query_params.pop("document", None)


def _document(found: Opened) -> None:
    head, close = st.columns([6, 1], vertical_alignment="top")
    head.html(documents.summary(found.about))
    close.button("All documents", key="gm_doc_close", on_click=_close, shortcut="Escape", width="stretch")
    for chunk in found.chunks:
        _chunk(chunk)
    key, size = _key(found.about["id"]), documents.CHUNKS
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Previous", key="gm_part_back", on_click=_turn, args=(key, found.first - size),
            disabled=found.first == 0, shortcut="p",
        )  # fmt: skip
        st.button(
            "Next", key="gm_part_next", on_click=_turn, args=(key, found.last),
            disabled=found.last >= found.about["chunks"], shortcut="n",
        )  # fmt: skip
        st.html(f'<div class="gm-meta">{escape(found.place)}</div>', width="content")


def _turn(key: str, first: int) -> None:
    st.session_state[key] = max(0, first)


def _chunk(chunk: Mapping[str, Any]) -> None:
    with st.container(border=True):
        text, rows = st.columns([1.2, 1], gap="medium")
        text.html(documents.passage(chunk))
        with rows:
            for made in chunk["rows"]:
                if made["example_id"] is not None:
                    _row(made)
            if left_over := documents.empty(chunk):
                st.html(f'<div class="gm-meta">{escape(left_over)}</div>')


def _row(made: Mapping[str, Any]) -> None:
    about, button = st.columns([5, 1.2], vertical_alignment="center", gap="small")
    about.html(documents.row(made))
    name = f"gm_row_{made['chunk_id']}_{made['task']}_{made['idx']}_{made['example_id']}"
    if button.button("Open", key=name, width="stretch", help="Show this row on the review page"):
        session.show_in_review(made["example_id"])
