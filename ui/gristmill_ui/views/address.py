"""Filters and the address of the page: a link sets the controls, the controls set the address."""

from __future__ import annotations

from html import escape
from typing import Any, cast

import streamlit as st

from gristmill_data.store import Filters, Store
from gristmill_ui import session
from gristmill_ui.services import addresses, saved_views
from gristmill_ui.services.addresses import Params, Question
from gristmill_ui.services.filters import SEVERAL, Comparing, near
from gristmill_ui.services.table import short

VIEW = "view"
UNSEEN = ("prompt", "ids", "since")
"""Filters without a control: they come with a link, or from rows like another one."""


def follow(prefix: str) -> None:
    """Set the controls to what the address asks, unless they were set to that already."""
    asked = _address()
    if not asked or asked == st.session_state.get(f"{prefix}_address"):
        return
    problems = []
    if VIEW in asked:
        params, problem = saved_views.opened(session.store(), asked[VIEW][0])
        problems = [problem] if problem else []
        st.session_state[f"{prefix}_view"] = (asked[VIEW][0], params)
        asked = params
    ask(prefix, asked)
    st.session_state[f"{prefix}_problems"] += problems


def ask(prefix: str, params: Params) -> None:
    """Set all controls to what ``params`` ask. Only before they are drawn, or in a callback."""
    question, problems = addresses.from_params(params, session.reviewer())
    filters = question.filters
    low, high = filters.min_score, filters.max_score
    state: dict[str, Any] = {
        "search": filters.search, "order": filters.order, "status": list(filters.status),
        "reviewer": filters.reviewer, "scorer": filters.scorer, "stale": filters.stale,
        "score": (0.0 if low is None else low, 1.0 if high is None else high), "problems": problems,
        "unseen": {name: getattr(filters, name) for name in UNSEEN if getattr(filters, name)},
        "like": question.like,
    }  # fmt: skip
    state |= {name: list(getattr(filters, name)) for name in SEVERAL}
    for name, value in state.items():
        st.session_state[f"{prefix}_{name}"] = value


def write(prefix: str, question: Question, usual: Filters) -> None:
    """Make the address ask ``question``: by the saved view it was opened with, as long as it is the same."""
    params = addresses.to_params(question, usual)
    view_id, asked = st.session_state.get(f"{prefix}_view", ("", None))
    if view_id and params == asked:
        params = {VIEW: [view_id]}
    st.session_state[f"{prefix}_address"] = params
    now = _address()
    for name in now.keys() - params.keys():
        del st.query_params[name]
    for name, values in params.items():
        if now.get(name) != values:
            st.query_params[name] = values


def absolute(prefix: str, filters: Filters) -> Params:
    """An address that asks for what is shown, on whatever page."""
    return addresses.absolute(Question(filters, like(prefix)))


def opened_view(prefix: str) -> str:
    """The saved view that is shown just as it was saved; empty if none is."""
    return next(iter(st.session_state.get(f"{prefix}_address", {}).get(VIEW, ())), "")


def like(prefix: str) -> str:
    """The row that the rows asked for are to be like; empty if none."""
    return str(st.session_state.get(f"{prefix}_like", ""))


def unseen(prefix: str) -> dict[str, Any]:
    """The filters that no control shows."""
    return cast("dict[str, Any]", st.session_state.get(f"{prefix}_unseen", {}))


def beside(prefix: str) -> int:
    """How many filters no control shows."""
    return len(unseen(prefix)) + bool(like(prefix))


def similarities(prefix: str) -> dict[str, float]:
    """How alike rows are to the one asked about, by id; empty when none was, or they are not found yet."""
    row, found = st.session_state.get(f"{prefix}_near", ("", {}))
    return cast("dict[str, float]", found) if row and row == like(prefix) else {}


def find(prefix: str, store: Store) -> None:
    """Look for the rows that are like the one asked about, once; not found yet while texts are compared."""
    row = like(prefix)
    if row and not similarities(prefix):
        found = near(store, row)
        if not isinstance(found, Comparing):
            st.session_state[f"{prefix}_near"] = (row, found)


def notes(prefix: str, store: Store) -> None:
    """What is asked beside the controls, with a way out of it, and what is wrong with the address."""
    for problem in st.session_state.get(f"{prefix}_problems", ()):
        st.html(f'<div class="gm-message" role="alert">{escape(problem)}</div>')
    asked = addresses.beside(unseen(prefix))
    if like(prefix):
        asked = [f"rows like “{short(store, like(prefix))}”", *asked]
    if asked:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            text = escape(" and ".join(asked))
            st.html(f'<div class="gm-meta">Only {text}</div>', width="content")
            before = st.session_state.get(f"{prefix}_before")
            label = "Show all rows" if before is None else "Back to my filters"
            st.button(label, key=f"{prefix}_unpin", on_click=_unpin, args=(prefix, before))
    if like(prefix) and not similarities(prefix):
        _comparing(prefix, store)


@st.fragment(run_every=1)
def _comparing(prefix: str, store: Store) -> None:
    """How far the first comparison of all texts is; the page goes on by itself."""
    found = near(store, like(prefix))
    if isinstance(found, Comparing):
        st.progress(
            found.share, f"Comparing texts for the first time: {found.done:,} of {found.total:,} rows"
        )
    else:
        st.rerun()


def remember(prefix: str, filters: Filters) -> None:
    """Keep what a page shows, to come back to it from rows that were looked up from there."""
    if not beside(prefix):
        st.session_state[f"{prefix}_before"] = absolute(prefix, filters)


def _unpin(prefix: str, before: Params | None) -> None:
    if before is not None:
        del st.session_state[f"{prefix}_before"]
        ask(prefix, before)
        return
    st.session_state[f"{prefix}_unseen"] = {}
    st.session_state[f"{prefix}_like"] = ""
    st.session_state[f"{prefix}_problems"] = []


def _address() -> Params:
    names = (*addresses.NAMES, addresses.LIKE, VIEW)
    return {name: st.query_params.get_all(name) for name in names if name in st.query_params}
