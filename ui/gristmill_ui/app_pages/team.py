"""The team page: how far everybody is, how the team reviews, who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_data.store import Store
from gristmill_data.store.people import Role, role_of
from gristmill_data.store.settings import MAX_LEASE_MINUTES, MAX_REVIEWERS
from gristmill_data.store.teamwork import progress_by_person
from gristmill_ui import session
from gristmill_ui.services import team, team_table

NOTICE = "gm_team_notice"
FRESH_FOR = 10


def render() -> None:
    """Draw the page."""
    store, who = session.store(), session.reviewer()
    leads = session.role() == "lead"
    st.subheader("How far everybody is" if leads else "How far you are", anchor=False)
    _progress(store, None if leads else who)
    _notice()
    if not leads:
        st.subheader("How this team reviews", anchor=False)
        st.html(team.sentences(team.told(store)))
        return
    ways, person = st.columns([1.15, 1], gap="large")
    with ways:
        st.subheader("How this team reviews", anchor=False)
        _ways(store, who)
    with person:
        st.subheader("People", anchor=False)
        _person(store, who)
    with st.expander("What was changed, and by whom"):
        lines = team.changes(store)
        st.html(team.sentences(lines) if lines else "<p>Nothing yet.</p>")


@st.fragment(run_every=FRESH_FOR)
def _progress(store: Store, only: str | None) -> None:
    st.html(team_table.table(store, _done(str(store.path), store), only))
    st.caption(team_table.EXPLAINED)


@st.cache_data(ttl=FRESH_FOR, max_entries=4, show_spinner=False)
def _done(path: str, _store: Store) -> list[dict[str, Any]]:
    return progress_by_person(_store)


def _notice() -> None:
    """What the last press of a button came to."""
    good, text = st.session_state.pop(NOTICE, (True, ""))
    if text:
        (st.success if good else st.error)(text)


def _ways(store: Store, who: str) -> None:
    now = team.ways(store)
    with st.form("gm_ways", border=True):
        reviewers, percent = _overlap(now)
        left, right = st.columns(2, vertical_alignment="center")
        minutes = left.number_input(
            "Minutes a row stays reserved", 1, MAX_LEASE_MINUTES, now.lease_minutes, key="gm_ways_minutes",
            help="From the last sign of life: others do not get a row that is on somebody's screen.",
        )  # fmt: skip
        hide = right.toggle(
            "Judge scores wait for the verdict", now.hide_scores, key="gm_ways_hide",
            help="A score seen first pulls the verdict towards it. Reviewers can choose otherwise.",
        )  # fmt: skip
        left, right = st.columns(2)
        day = left.number_input("Goal a day (0: none)", 0, None, now.goal.day, key="gm_ways_day")
        all_ = right.number_input("Goal in all (0: none)", 0, None, now.goal.all, key="gm_ways_all")
        if st.form_submit_button("Save for the team", type="primary"):
            wanted = team.Ways(reviewers, percent, minutes, hide, team.Goal(day, all_))
            _try(lambda: _saved(team.save_ways(store, who, wanted)))


def _overlap(now: team.Ways) -> tuple[int, int]:
    """The fields that say how many people decide a row."""
    left, right = st.columns(2)
    reviewers = left.number_input(
        "Reviewers a row", 1, MAX_REVIEWERS, now.reviewers, key="gm_ways_reviewers",
        help="A row is to review until so many people have decided it. Raising this puts rows back that "
        "fewer have decided. Where they differ, a lead decides on the Disputes page.",
    )  # fmt: skip
    percent = right.number_input(
        "Percent of rows with so many", 0, 100, now.percent, key="gm_ways_percent",
        help="Which rows these are is drawn once and for all. The others get one reviewer.",
    )  # fmt: skip
    return reviewers, percent


def _saved(changed: int) -> str:
    return f"Saved for everybody: {changed} {'setting' if changed == 1 else 'settings'}." if changed else ""


def _person(store: Store, who: str) -> None:
    names = team.known(store, _done(str(store.path), store))
    name = st.selectbox(
        "Person", names, key="gm_person", accept_new_options=True, index=None,
        placeholder="Choose somebody, or type a new name",
    )  # fmt: skip
    if not name:
        st.caption(
            "Here somebody gets a role, or a goal of their own. Whoever comes in by themselves is a reviewer."
        )
        return
    own, roles = team.own_goal(store, name), list(team.ROLES)
    goal = own or team.goal_of(store, name)
    with st.form("gm_person_form", border=True):
        role = st.radio(
            "Role", roles, roles.index(role_of(store, name)), format_func=team.ROLES.__getitem__,
            key=f"gm_role_{name}",
        )  # fmt: skip
        mine = st.checkbox("A goal of their own", own is not None, key=f"gm_own_{name}")
        left, right = st.columns(2)
        day = left.number_input("Goal a day", 0, None, goal.day, key=f"gm_day_{name}")
        all_ = right.number_input("Goal in all", 0, None, goal.all, key=f"gm_all_{name}")
        if st.form_submit_button("Save for this person", type="primary"):
            typed = team.Goal(day, all_)
            wanted = typed if mine or typed != goal else None  # a number is not dropped for want of a tick
            _try(lambda: _person_saved(store, who, name, role, wanted))


def _person_saved(store: Store, who: str, name: str, role: Role, goal: team.Goal | None) -> str:
    team.save_person(store, who, name, role, goal)
    return f"Saved: {name} is a {role}."


def _try(change: Callable[[], str]) -> None:
    """Make a change, and show on the page drawn next what came of it."""
    try:
        st.session_state[NOTICE] = (True, change())
    except GristmillError as error:
        st.session_state[NOTICE] = (False, f"Not saved: {error.message}. {error.cure}")
    st.rerun()
