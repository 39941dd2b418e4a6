"""The controls that choose which rows are looked at."""

from __future__ import annotations

import streamlit as st

from gristmill_data.store import Filters, Store
from gristmill_data.store.queue import Order
from gristmill_ui.services.filters import ORDERS, active, bounds
from gristmill_ui.services.view import STATUS_LABELS

FRESH_FOR = 10
"""Seconds the values to choose from are kept: counting them takes longer than drawing a row."""


def search_and_order(prefix: str, *, order: Order = "oldest") -> tuple[str, Order]:
    """A search field and an order, side by side."""
    field, choice = st.columns([3, 2], vertical_alignment="center")
    text = field.text_input(
        "Search", key=f"{prefix}_search", placeholder="Search text …", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    chosen = choice.selectbox(
        "Order", list(ORDERS), index=list(ORDERS).index(order), format_func=ORDERS.__getitem__,
        key=f"{prefix}_order", label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return text or "", chosen


def popover(prefix: str, store: Store, usual: Filters, search: str, order: Order) -> Filters:
    """The other filters, folded away; the button says how many differ from ``usual``."""
    with st.popover(_label(prefix, usual), width="stretch"):
        filters = _fields(prefix, store, usual, search, order)
    st.session_state[f"{prefix}_active"] = active(filters, usual)
    return filters


def _label(prefix: str, usual: Filters) -> str:
    number = st.session_state.get(f"{prefix}_active", 0)
    return f"Filters · {number}" if number else "Filters"


@st.cache_data(ttl=FRESH_FOR, max_entries=4, show_spinner=False)
def _facets(path: str, _store: Store) -> dict[str, list[tuple[str, int]]]:
    return _store.facets()


def _fields(prefix: str, store: Store, usual: Filters, search: str, order: Order) -> Filters:
    facets = _facets(str(store.path), store)

    def several(label: str, name: str) -> tuple[str, ...]:
        options = [value for value, _ in facets[name]]
        chosen = st.multiselect(label, options, key=f"{prefix}_{name}", persist_state="session")
        return tuple(chosen)

    status = st.pills(
        "Status", list(STATUS_LABELS), selection_mode="multi", default=list(usual.status),
        format_func=STATUS_LABELS.__getitem__, key=f"{prefix}_status", persist_state="session",
    )  # fmt: skip
    kind, generator, uri = (
        several("Kind", "kind"),
        several("Generator", "generator"),
        several("Source", "uri"),
    )
    names = ["", *(value for value, _ in facets["scorer"])]
    scorer = st.selectbox(
        "Score by", names, format_func=lambda n: n or "mean of all judges", key=f"{prefix}_scorer",
        persist_state="session",
    )  # fmt: skip
    low, high = bounds(
        st.slider("Score", 0.0, 1.0, (0.0, 1.0), 0.05, key=f"{prefix}_score", persist_state="session")
    )
    stale = st.checkbox("Rows of changed sources too", key=f"{prefix}_stale", persist_state="session")
    return Filters(
        status=tuple(status), kind=kind, generator=generator, uri=uri, search=search, scorer=scorer,
        min_score=low, max_score=high, order=order, viewer=usual.viewer, stale=stale,
    )  # fmt: skip
