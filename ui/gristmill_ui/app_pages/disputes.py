"""The disputes page: rows on which reviewers disagree, for leads to have the last word on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gristmill_data.store import ItemView
from gristmill_data.store.teamwork import Word
from gristmill_ui import session
from gristmill_ui.services import disputes, likeness, verdicts, view
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.place import BEAT
from gristmill_ui.services.progress import receipt
from gristmill_ui.services.rounds import at_the_start
from gristmill_ui.views import dispute, keys, past, sources

NOT_A_LEAD = (
    '<div class="gm-empty"><h2>For leads</h2><p>Where reviewers disagree, a lead has the last word. '
    "The Team page says who leads this dataset.</p></div>"
)
NOTHING = (
    '<div class="gm-empty"><h2>No disagreements</h2><p>Rows come here when as many people as the team wants '
    "have decided and do not say the same. How many that are is set on the Team page.</p></div>"
)


def render() -> None:
    """Draw the page."""
    if session.role() != "lead":
        st.html(NOT_A_LEAD)
        return
    desk = session.disputes()
    desk.start()
    item = desk.look()
    _top(desk)
    if item is None:
        _nothing_left(desk)
    else:
        _screen(desk, at_the_start(item), item)
    keys.listen(desk)


def _top(desk: Desk) -> None:
    left, right, help_ = st.columns([6, 5, 0.4], vertical_alignment="center")
    with left:
        _told(desk)
    right.html(receipt(desk.last) or "<span></span>")
    with help_, st.container(key="gm_help"):
        if st.button("?", help="Keyboard shortcuts (?)", key="gm_help_button"):
            keys.sheet(dispute.SHEET)


@st.fragment(run_every=BEAT)
def _told(desk: Desk) -> None:
    """How many there are; while the page is open its row stays reserved."""
    desk.place.keep()
    st.html(disputes.told(desk.store))


def _nothing_left(desk: Desk) -> None:
    st.html(NOTHING)
    name = desk.decision_id
    with st.container(horizontal=True, horizontal_alignment="center"), st.container(key="gm_undo"):
        st.button("Undo", shortcut="u", key=f"undo_{name}", on_click=lambda: _undo(desk, name),
                  disabled=not desk.can_undo)  # fmt: skip
        st.button("Look again", key="gm_look_again", on_click=desk.restart)


def _undo(desk: Desk, decision_id: str) -> None:
    desk.undo(decision_id)


def _screen(desk: Desk, shown: ItemView, item: ItemView) -> None:
    words = disputes.of(desk, item)
    st.html(view.meta_line(shown, revealed=True))
    left, right = st.columns([1.5, 1], gap="small")
    with left, st.container(key="gm_left"):
        if desk.mode != "edit":
            _texts(desk, shown)
        dispute.draw(dispute.Bar(desk, item, words))
        _opinions(desk, item, words)
    with right, st.container(key="gm_right"):
        _evidence(desk, item)


def _texts(desk: Desk, shown: ItemView) -> None:
    fields = verdicts.fields(desk, shown)
    st.html(view.texts(fields, [message["role"] for message in shown.example.messages]))
    if shown.example.kind == "preference":
        for column, html in zip(st.columns(2, gap="small"), view.sides(fields, revealed=False), strict=True):
            column.html(html)


def _opinions(desk: Desk, item: ItemView, words: Sequence[Word]) -> None:
    for first in range(0, len(words), 2):
        for column, word in zip(st.columns(2, gap="small"), words[first : first + 2], strict=False):
            column.html(disputes.opinion_card(item, word, desk.reviewer))


def _evidence(desk: Desk, item: ItemView) -> None:
    for match in item.matches[:3]:
        st.html(likeness.match_card(item, match))
    st.html(view.source(item))
    if item.document_id and st.button("Whole document", key="gm_document", shortcut="d"):
        sources.whole_document(desk, item)
    if item.example.kind == "preference":
        st.caption("Judges' scores and history would tell the sides apart: they are shown after your word.")
        return
    with st.expander("Judges"):
        st.html(view.scores(item))
    with st.expander("History"):
        past.history(desk, item)
