"""The review page: one row on one screen."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from gristmill_data.store import Filters, ItemView
from gristmill_data.store.passages import score_steps
from gristmill_ui import session
from gristmill_ui.services import blind, grades, rubrics, verdicts, view
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.place import BEAT
from gristmill_ui.services.progress import progress, receipt
from gristmill_ui.services.team import goal_of
from gristmill_ui.services.team_table import goal_line
from gristmill_ui.views import editing, filters, keys, past, revisions, siblings, sources, verdict, welcome


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
    siblings.draw_windows()


def _top(desk: Desk) -> None:
    with st.container(key="gm_top"):
        bar, search, more, own, settings, help_ = st.columns(
            [3.9, 3.8, 1.3, 1.2, 1.3, 0.5], vertical_alignment="center"
        )
        with bar:
            _progress(desk)
        with search:
            text, order = filters.search_and_order("gm_review")
        with more:
            usual = Filters(viewer=desk.reviewer)
            desk.refilter(filters.popover("gm_review", desk.store, usual, text, order))
        with own, st.container(key="gm_own"):
            if st.button("My work", help="Your decisions: take back any of them (H)", width="stretch"):
                st.session_state.pop("gm_own_before", None)
                past.own_decisions(desk)
        with settings:
            _settings(desk)
        with help_, st.container(key="gm_help"):
            if st.button("?", help="Keyboard shortcuts (?)", key="gm_help_button"):
                keys.sheet()


@st.fragment(run_every=BEAT)
def _progress(desk: Desk) -> None:
    """How far the review is; while the page is open its row stays reserved."""
    desk.place.keep()
    counts = desk.store.counts(desk.reviewer, waiting=False)
    st.html(progress(counts, goal_line(counts, goal_of(desk.store, desk.reviewer))))


def _settings(desk: Desk) -> None:
    with st.popover(desk.reviewer, width="stretch"):
        desk.show_scores = st.toggle(
            "Show judge scores before my verdict", value=desk.show_scores, key="gm_scores",
            help="Off by default: a score seen first pulls the verdict towards it. Pairs stay blind.",
        )  # fmt: skip
        welcome.leave()


def _screen(desk: Desk, item: ItemView) -> None:
    draft = desk.drafts.of(item.example.id)
    revealed = view.decided_by(item, desk.reviewer)
    _about(desk, view.meta_line(item, revealed=revealed, draft=bool(draft.texts) and desk.mode == "read"))
    pair = item.example.kind == "preference"
    sheets = rubrics.sheets(item, score_steps(desk.store, item.example.id), desk.store.path.parent)
    order = blind.sides(desk.reviewer, item.example.id) if pair else None
    left, right = st.columns([1.7, 1] if pair else [1.2, 1], gap="small")
    with left, st.container(key="gm_left"):
        if desk.mode != "edit":
            _texts(desk, item, draft.shown(item) if desk.mode == "choose" else None, revealed=revealed)
        reader = session.role() == "reader"
        verdict.draw(verdict.Bar(desk, item, grades.questions(sheets, order), reader))
        editing.live(desk, item)
        if desk.mode != "edit":
            sources.rubric(desk, item, sheets, judges=sources.may_see_scores(desk, item))
    with right, st.container(key="gm_right"):
        revisions.draw(desk, item, revealed=revealed)
        sources.panel(desk, item)


def _about(desk: Desk, meta: str) -> None:
    left, right, like = st.columns([3, 2, 1], vertical_alignment="center")
    left.html(meta + view.company(desk.place.others))
    if desk.last is not None:
        right.html(receipt(desk.last))
    with like:
        siblings.after_rejection(desk)


def _texts(desk: Desk, item: ItemView, changed: Mapping[str, str] | None, *, revealed: bool) -> None:
    fields = verdicts.fields(desk, item)
    st.html(view.texts(fields, [message["role"] for message in item.example.messages], changed))
    if item.example.kind == "preference":
        shown = view.sides(fields, revealed=revealed, changed=changed)
        for column, html in zip(st.columns(2, gap="small"), shown, strict=True):
            column.html(html)


def _nothing_left(desk: Desk) -> None:
    if desk.last is not None:
        st.html(receipt(desk.last))
        siblings.after_rejection(desk)
    _invitation(desk)
    with st.container(horizontal=True, horizontal_alignment="center"):
        name = desk.decision_id
        with st.container(key="gm_undo", width="content"):
            st.button(
                "Undo", shortcut="u", key=f"undo_{name}", on_click=_undo, args=(desk, name),
                disabled=not desk.can_undo,
            )  # fmt: skip
        st.button(
            "Previous", shortcut="p", key=f"back_{name}", on_click=desk.back, disabled=not desk.can_go_back
        )
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
