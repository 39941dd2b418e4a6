"""The controls that choose which rows are looked at. Addresses set their state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from gristmill_data.store import Filters, Store
from gristmill_data.store.queue import Order
from gristmill_ui.services.addresses import Question
from gristmill_ui.services.filters import ORDERS, SEVERAL, active, bounds, value_label, with_rows
from gristmill_ui.services.values import Facets, values
from gristmill_ui.services.view import STATUS_LABELS
from gristmill_ui.views import address


def search_and_order(prefix: str, *, order: Order = "oldest") -> tuple[str, Order]:
    """A search field and an order, side by side. The filters of the address are taken over before."""
    address.follow(prefix)
    field, choice = st.columns(2, vertical_alignment="center")
    text = field.text_input(
        "Search", key=f"{prefix}_search", placeholder="Search text …", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    chosen = choice.selectbox(
        "Order", list(ORDERS), format_func=ORDERS.__getitem__, key=_key(prefix, "order", order),
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    return text or "", chosen


def popover(
    prefix: str, store: Store, usual: Filters, search: str, order: Order, *, noted: bool = True
) -> Filters:
    """The other filters, folded away; the button says how many differ from ``usual``.

    The address names all of them. Rows like another one are that row alone until they are found, which
    :func:`address.notes` says: here if ``noted``, else the page draws it.
    """
    address.find(prefix, store)
    with st.popover(_label(prefix, usual), width="stretch"):
        if noted:
            address.notes(prefix, store)
        _controls(prefix, store, usual)
    filters = replace(_chosen(prefix, usual), search=search, order=order)
    question = Question(filters, address.like(prefix))
    address.write(prefix, question, usual)
    return with_rows(question, address.similarities(prefix))


def _label(prefix: str, usual: Filters) -> str:
    number = active(_chosen(prefix, usual), usual) + address.beside(prefix)
    return f"Filters · {number}" if number else "Filters"


def _key(prefix: str, name: str, default: Any) -> str:
    """The key of a control, whose value is ``default`` until it or an address sets another."""
    key = f"{prefix}_{name}"
    if key not in st.session_state:
        st.session_state[key] = default
    return key


def _chosen(prefix: str, usual: Filters) -> Filters:
    """What the controls stand at, whether they are drawn yet or not."""
    state = st.session_state
    low, high = bounds(state.get(f"{prefix}_score", (0.0, 1.0)))
    fixed: dict[str, Any] = {name: tuple(state.get(f"{prefix}_{name}") or ()) for name in SEVERAL}
    fixed |= {name: state.get(f"{prefix}_{name}") or "" for name in ("reviewer", "scorer")}
    status = tuple(state.get(f"{prefix}_status", usual.status))
    stale = bool(state.get(f"{prefix}_stale", False))
    return Filters(
        status=status, viewer=usual.viewer, min_score=low, max_score=high, stale=stale, **fixed,
        **address.unseen(prefix),
    )  # fmt: skip


def _controls(prefix: str, store: Store, usual: Filters) -> None:
    facets = values(store)
    st.pills(
        "Status", list(STATUS_LABELS), selection_mode="multi", format_func=STATUS_LABELS.__getitem__,
        key=_key(prefix, "status", list(usual.status)), persist_state="session",
    )  # fmt: skip
    columns = st.columns(3, gap="small")
    for place, (name, (label, facet)) in enumerate(SEVERAL.items()):
        columns[place % 3].multiselect(
            label, _options(prefix, name, facet, facets), key=_key(prefix, name, []), placeholder="Any",
            format_func=value_label(name), persist_state="session",
        )  # fmt: skip
    _one(columns[1], prefix, "reviewer", "Decided by", "anybody", facets)
    _one(columns[2], prefix, "scorer", "Score by", "mean of all judges", facets)
    columns[0].checkbox(
        "Changed sources too", key=_key(prefix, "stale", False), persist_state="session",
        help="Also rows whose document has changed or gone since, or that older settings made",
    )  # fmt: skip
    columns[2].slider("Score", 0.0, 1.0, (0.0, 1.0), 0.05, key=f"{prefix}_score", persist_state="session")


def _one(column: Any, prefix: str, name: str, label: str, nothing: str, facets: Facets) -> None:
    options = ["", *(value for value in _options(prefix, name, name, facets) if value)]
    column.selectbox(
        label, options, format_func=lambda value: value or nothing, key=_key(prefix, name, ""),
        persist_state="session",
    )  # fmt: skip


def _options(prefix: str, name: str, facet: str, facets: Facets) -> list[str]:
    """The values there are, and those that an address asks for, which need not be among them."""
    chosen = st.session_state.get(f"{prefix}_{name}") or []
    asked = [chosen] if isinstance(chosen, str) else list(chosen)
    return list(dict.fromkeys([*(value for value, _ in facets.get(facet, ())), *asked]))
