"""What was done: the history of a row, and the reviewer's own decisions, each of which can be taken back."""

from __future__ import annotations

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_data.store.journal import decisions_by
from gristmill_ui.services import events
from gristmill_ui.services.desk import Desk, Saved
from gristmill_ui.services.events import Event
from gristmill_ui.services.markup import escape

SHOWN = 20


def history(desk: Desk, item: ItemView) -> None:
    """All events of a row, oldest first, with what each edit changed."""
    for event, changes in events.with_edits(item):
        more = f"<details><summary>What it changed</summary>{changes}</details>" if changes else ""
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(f'<div class="gm-event">{events.line(event)}{more}</div>')
            if events.undoable(event, desk.reviewer):
                _undo_button(desk, event, "row")
    if not item.history:
        st.caption("Nobody has decided this row yet.")
    elif item.status in ("accepted", "rejected"):
        st.button(
            "Put back into the queue", key=f"gm_requeue_{desk.decision_id}", on_click=_requeue,
            args=(desk, desk.decision_id),
            help="The row is to review again for everybody; what was decided stays in its history and counts "
            "no longer. Where others decided as well, a lead can do this.",
        )  # fmt: skip


def _requeue(desk: Desk, decision_id: str) -> None:
    desk.requeue(decision_id)


@st.dialog("Your decisions", width="large")
def own_decisions(desk: Desk) -> None:
    """The reviewer's latest decisions over all rows and days."""
    if st.session_state.pop("gm_taken_back", False):
        st.rerun()  # the row taken back is on the page now
    st.caption("The latest first. Taking one back shows its row again, to be decided anew.")
    before: list[int] = st.session_state.setdefault("gm_own_before", [])
    rows = decisions_by(desk.store, desk.reviewer, before[-1] if before else None, SHOWN)
    for event in rows:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            text = f'<div class="gm-small">{escape(event["instruction"])}</div>'
            st.html(f'<div class="gm-event">{events.line({**event, "reviewer": "You"})}{text}</div>')
            if st.button("Open", key=f"gm_own_open_{event['event_id']}"):
                desk.open(event["example_id"])
                st.rerun()
            if not event["undone"]:
                _undo_button(desk, event, "own")
    if not rows:
        st.caption("No decisions here.")
    with st.container(horizontal=True):
        if before and st.button("Later ones", key="gm_own_later"):
            before.pop()
            st.rerun(scope="fragment")
        if len(rows) == SHOWN and st.button("Earlier ones", key="gm_own_earlier"):
            before.append(rows[-1]["seq"])
            st.rerun(scope="fragment")


def _undo_button(desk: Desk, event: Event, where: str) -> None:
    saved = Saved(event["event_id"], event["example_id"], event["action"])
    what = events.WORDS.get(event["action"], event["action"])
    st.button(
        "Undo", key=f"gm_undo_{where}_{event['event_id']}", on_click=_take_back,
        args=(desk, desk.decision_id, saved, where),
        help=f"Take back: {what} at {events.clock(event['time'])}",
    )  # fmt: skip


def _take_back(desk: Desk, screen: str, saved: Saved, where: str) -> None:
    desk.take_back(screen, saved)
    st.session_state["gm_taken_back"] = where == "own"
