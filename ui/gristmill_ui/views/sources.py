"""What stands beside a row: its rubric, benchmark matches, source, judges, history, whole document."""

from __future__ import annotations

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_ui.services import document, likeness, rubric_view, rubrics, view
from gristmill_ui.services.blind import sides
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.rubrics import Sheet
from gristmill_ui.views import past


def rubric(desk: Desk, item: ItemView, sheets: tuple[Sheet, ...], *, judges: bool) -> None:
    """The criteria with the reviewer's own grades; with ``judges`` what these found beside them."""
    if not sheets:
        return
    order = sides(desk.reviewer, item.example.id) if item.example.kind == "preference" else None
    ratings = desk.drafts.of(item.example.id).ratings or view.own_ratings(item, desk.reviewer)
    judged = rubrics.opinions(item) if judges else None
    st.html(rubric_view.panel(sheets, ratings, order, judged))


def may_see_scores(desk: Desk, item: ItemView) -> bool:
    """Whether the judges' scores are shown: after the verdict, or before if this reviewer chose so."""
    early = desk.show_scores and item.example.kind != "preference"
    return early or view.decided_by(item, desk.reviewer)


def panel(desk: Desk, item: ItemView) -> None:
    """What a reviewer judges the row against; what judges and others said only once it may be seen."""
    revealed = view.decided_by(item, desk.reviewer)
    for match in item.matches[:3]:
        st.html(likeness.match_card(item, match))
    st.html(view.source(item))
    if item.document_id and st.button("Whole document", key="gm_document", shortcut="d"):
        whole_document(desk, item)
    if may_see_scores(desk, item):
        with st.expander("Judges", expanded=revealed):
            st.html(view.scores(item))
    elif item.scores:
        st.caption("The judges' scores are shown once you have decided.")
    if revealed:
        with st.expander("History", expanded=True):
            past.history(desk, item)


@st.dialog("Source document", width="large")
def whole_document(desk: Desk, item: ItemView) -> None:
    """The document around the row's place in it, a part at a time."""
    key = f"gm_document_at_{item.example.id}"
    shown = document.part(desk.store, item, st.session_state.get(key))
    st.caption(shown.title)
    st.html(shown.html)
    with st.container(horizontal=True):
        for label, start in (("Earlier", shown.earlier), ("Later", shown.later)):
            if st.button(label, key=f"gm_document_{label}", disabled=start is None):
                st.session_state[key] = start
                st.rerun(scope="fragment")
