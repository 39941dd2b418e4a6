"""The review page: one row on one screen."""

from __future__ import annotations

import streamlit as st

from gristmill_data.store import Filters, ItemView
from gristmill_ui import session
from gristmill_ui.services import blind, view
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.diff import diff_html
from gristmill_ui.services.edits import draft_of
from gristmill_ui.services.markup import card
from gristmill_ui.services.progress import progress, receipt
from gristmill_ui.views import filters, keys, verdict


def render() -> None:
    """Draw the page."""
    desk = session.desk()
    _top(desk)
    desk.start()
    session.follow_link(desk)
    item = desk.look()
    session.update_link(desk)
    if item is None:
        _nothing_left(desk)
    else:
        _screen(desk, item)
    keys.listen(desk)


def _top(desk: Desk) -> None:
    with st.container(key="gm_top"):
        bar, search, more, settings, help_ = st.columns(
            [4.2, 4, 1.35, 1.35, 0.5], vertical_alignment="center"
        )
        with bar:
            _progress(desk)
        with search:
            text, order = filters.search_and_order("gm_review")
        with more:
            usual = Filters(viewer=desk.reviewer)
            desk.refilter(filters.popover("gm_review", desk.store, usual, text, order))
        with settings:
            _settings(desk)
        with help_, st.container(key="gm_help"):
            if st.button("?", help="Keyboard shortcuts (?)", key="gm_help_button"):
                keys.sheet()


@st.fragment(run_every=5)
def _progress(desk: Desk) -> None:
    st.html(progress(desk.store.counts(desk.reviewer)))


def _settings(desk: Desk) -> None:
    with st.popover(desk.reviewer, width="stretch"):
        desk.show_scores = st.toggle(
            "Show judge scores before my verdict", value=desk.show_scores, key="gm_scores",
            help="Off by default: a score seen first pulls the verdict towards it. Pairs stay blind.",
        )  # fmt: skip
        st.button("Review as somebody else", on_click=session.sign_in, args=("",))


def _screen(desk: Desk, item: ItemView) -> None:
    revealed = view.decided_by(item, desk.reviewer)
    _about(desk, view.meta_line(item, revealed=revealed, draft=item.example.id in desk.drafts))
    with st.form(f"form_{desk.decision_id}", enter_to_submit=False, border=False):
        left, right = st.columns([1.2, 1] if item.example.kind != "preference" else [1.7, 1], gap="small")
        with left, st.container(key="gm_left"):
            _texts(desk, item, revealed)
        with right, st.container(key="gm_right"):
            _evidence(desk, item, revealed)
        verdict.bar(desk, item)


def _about(desk: Desk, meta: str) -> None:
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.html(meta)
    if desk.last is not None:
        right.html(receipt(desk.last))


def _texts(desk: Desk, item: ItemView, revealed: bool) -> None:
    if desk.mode == "edit":
        now = draft_of(item)
        typed = verdict.fields(desk, item)
        for label, before, after in (
            ("Instruction, changed", now.instruction, typed.instruction),
            ("Response, changed", now.response, typed.response),
        ):
            if before != after:
                st.html(card(label, diff_html(before, after)))
        return
    st.html(view.texts(item))
    if item.example.kind == "preference":
        order = blind.sides(desk.reviewer, item.example.id)
        for column, letter, side in zip(st.columns(2, gap="small"), "AB", order, strict=True):
            column.html(view.pair_side(item, letter, side, revealed=revealed))


def _evidence(desk: Desk, item: ItemView, revealed: bool) -> None:
    for match in item.matches[:3]:
        st.html(view.match_card(item, match))
    st.html(view.source(item))
    pair = item.example.kind == "preference"
    if revealed or (desk.show_scores and not pair):
        with st.expander("Judges", expanded=revealed):
            st.html(view.scores(item))
    elif item.scores:
        st.caption("The judges' scores are shown once you have decided.")
    if revealed:
        with st.expander("History"):
            st.html(view.history(item))


def _nothing_left(desk: Desk) -> None:
    if desk.last is not None:
        st.html(receipt(desk.last))
    _invitation(desk)
    with st.container(horizontal=True, horizontal_alignment="center"), st.container(key="gm_undo"):
        name = desk.decision_id
        st.button(
            "Undo", shortcut="u", key=f"undo_{name}", on_click=_undo, args=(desk, name),
            disabled=not desk.can_undo,
        )  # fmt: skip
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Start over from the top", key="gm_restart", on_click=desk.restart)


def _undo(desk: Desk, decision_id: str) -> None:
    desk.undo(decision_id)


@st.fragment(run_every=2)
def _invitation(desk: Desk) -> None:
    """What to do now; goes on by itself when a run delivers rows."""
    if desk.more_waiting():
        desk.forward()
        st.rerun()
    st.html(view.nothing_left(desk.store.counts(desk.reviewer), filtered=desk.narrowed))
