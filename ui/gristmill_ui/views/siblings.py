"""Rows like one: the line after a rejection, and the window that shows what they share."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape

import streamlit as st

from gristmill_data.store import ItemView, Store
from gristmill_data.store.bulk import BulkAction
from gristmill_ui import session
from gristmill_ui.services import siblings
from gristmill_ui.services.addresses import absolute
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.filters import Comparing, near, with_rows
from gristmill_ui.services.labels import plain
from gristmill_ui.services.siblings import Feature
from gristmill_ui.services.view import decided_by
from gristmill_ui.views import address, bulk

REJECTIONS = ("reject", "regenerate")
SOME = 5


def after_rejection(desk: Desk) -> None:
    """Beside the receipt of a rejection: how many rows are like the one rejected.

    Counted a moment later, so that the next row does not wait for it.
    """
    last = desk.last
    if last is None or last.action not in REJECTIONS:
        return
    known = st.session_state.get("gm_siblings", ("", 0))
    counted = known[0] == last.event_id and known[1] is not None
    st.fragment(_line, run_every=None if counted else 1)(desk.decision_id, last.event_id, last.example_id)


def _line(screen: str, event_id: str, example_id: str) -> None:
    store = session.store()
    name, told = st.session_state.get("gm_siblings", ("", None))
    if name != event_id:
        st.session_state["gm_siblings"] = (event_id, None)
        return
    if told is None:
        number = siblings.alike(store, example_id, session.reviewer()) if siblings.is_quick(store) else -1
        told = siblings.offer(number)
        st.session_state["gm_siblings"] = (event_id, told)
    if told and st.button(
        told, key=f"gm_siblings_{screen}", shortcut="l", help="Rows that read like the one you rejected"
    ):
        open_window(example_id)
        st.rerun()


def open_window(example_id: str) -> None:
    """Show what a row shares with others; :func:`draw_windows` does it until the window is closed."""
    st.session_state["gm_siblings_open"] = example_id


def draw_windows() -> None:
    """The window of this module or the one about many rows, if it is open. Once a page, at its end."""
    example_id = st.session_state.get("gm_siblings_open")
    if not bulk.draw_window() and example_id:
        window(example_id)


def close_window() -> None:
    """Whatever closes the window."""
    st.session_state.pop("gm_siblings_open", None)


@st.dialog("Rows like this one", width="large", on_dismiss=close_window)
def window(example_id: str) -> None:
    """What the row shares with others, and what to do with those that share all that is ticked."""
    item = session.desk().find(example_id)
    if item is None:
        st.caption("That row is not in this dataset any more.")
        return
    _compared(example_id)
    who = session.reviewer()
    scored = session.desk().show_scores or decided_by(item, who)
    found = siblings.features(session.store(), item, who, scored=scored)
    st.html(f'<div class="gm-prose"><p>“{escape(item.example.instruction[:200])}”</p></div>')
    if not found:
        st.caption("No other row shares its text, document, prompt or problem.")
        return
    chosen = [feature for feature in found if _tick(example_id, feature, feature is found[0])]
    _act(item, chosen)


def _compared(example_id: str) -> None:
    """Wait until the texts of a large dataset are compared, which the first who asks has to."""
    place = st.empty()
    while isinstance(found := near(session.store(), example_id), Comparing):
        place.progress(found.share, f"Comparing texts for the first time: {found.done:,} of {found.total:,}")
        time.sleep(0.3)
    place.empty()


def _tick(example_id: str, feature: Feature, first: bool) -> bool:
    number = "counting …" if feature.rows is None else f"{feature.rows:,}"
    return st.checkbox(
        f"{plain(feature.label)} · {number}", value=first, key=f"gm_feature_{example_id}_{feature.name}"
    )


def _act(item: ItemView, chosen: list[Feature]) -> None:
    if not chosen:
        st.caption("Tick what the rows are to share with this one.")
        return
    store, who = session.store(), session.reviewer()
    asked = siblings.together(store, item, chosen, who)
    filters = with_rows(asked, _near(store, asked.like))
    here = siblings.includes(store, item, filters)
    number = siblings.number(store, item, filters) + here
    also = ", this one among them" if here else ""
    told = f"<b>{number:,}</b> {'row shares' if number == 1 else 'rows share'} what is ticked{also}."
    st.html(f'<div class="gm-prose" role="status">{told}</div>')
    with st.container(horizontal=True, gap="small"):
        if st.button("Look through them", key="gm_siblings_look", type="primary", disabled=not number):
            close_window()
            address.remember("gm_review", session.desk().filters)
            session.show_rows(absolute(asked))
        lead = session.role() == "lead"
        labels: dict[str, BulkAction] = {"Reject them …": "reject", "Make them again …": "regenerate"}
        for label, action in labels.items():
            if lead and st.button(label, key=f"gm_siblings_{action}", disabled=not number):
                close_window()
                bulk.open_window(filters, action)
                st.rerun()
    rows = store.queue_page(filters, None, SOME)
    bulk.table(rows, f"{len(rows)} of them" if number > len(rows) else "All of them")
    if not lead:
        st.caption("Deciding many rows at once is for leads.")


def _near(store: Store, like: str) -> Mapping[str, float]:
    found = near(store, like) if like else {}
    return {} if isinstance(found, Comparing) else found
