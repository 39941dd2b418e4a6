"""What one browser session keeps: the reviewer's name and desk, and where links lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import streamlit as st

from gristmill_data.store import Filters, Store
from gristmill_data.store.people import Role, checked_name, enter, listed_role
from gristmill_ui import access, identity
from gristmill_ui.owner import attached
from gristmill_ui.services.desk import Desk
from gristmill_ui.services.disputes import desk_for

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

DESKS = {"Review": "gm_desk", "Disputes": "gm_disputes"}
"""Pages that show one row at a time, and where their desks are kept."""


def reviewer() -> str:
    """Who is at this browser, as the server knows; empty until they have said so and are let in."""
    return identity.who(store()).name


def role() -> Role:
    """What the person at this browser may do; the first one of a dataset leads it.

    Asked of the store each time, because a lead may change it while somebody works.
    """
    who = reviewer()
    if not who:
        return "reader"
    admitted = access.current()
    known = listed_role(store(), who)
    return known or enter(store(), who, admitted.newcomers or "reader", first_leads=admitted.way == "names")


def sign_in(name: str) -> None:
    """Work as ``name`` from here on, at a fresh desk; empty: as nobody yet. Only where names are chosen.

    Raises:
        StoreError: nobody can work under this name.
    """
    st.session_state["gm_reviewer"] = checked_name(name) if name.strip() else ""
    leave_places("")
    st.session_state.pop("gm_desk", None)


def store() -> Store:
    """The dataset this process shows."""
    return attached()


def desk() -> Desk:
    """The session's desk, made on first use and whenever somebody else has signed in."""
    found, who = cast("Desk | None", st.session_state.get("gm_desk")), reviewer()
    if found is None or found.reviewer != who:
        found = st.session_state["gm_desk"] = Desk(store(), who, Filters(viewer=who))
    return found


def disputes() -> Desk:
    """The session's desk of rows in dispute."""
    found, who = cast("Desk | None", st.session_state.get("gm_disputes")), reviewer()
    if found is None or found.reviewer != who:
        found = st.session_state["gm_disputes"] = desk_for(store(), who)
    return found


def leave_places(page: str) -> None:
    """Give up the row that was on the screen of a page other than ``page``, for whoever comes next."""
    for name, key in DESKS.items():
        left = cast("Desk | None", st.session_state.get(key))
        if name != page and left is not None:
            left.place.leave()


def remember_pages(pages: Mapping[str, StreamlitPage]) -> None:
    """Keep the pages of this run, so that one can lead to another."""
    st.session_state["gm_pages"] = dict(pages)


def show_in_review(example_id: str) -> None:
    """Go to the review page with one row on it."""
    desk().open(example_id)
    page = st.session_state.get("gm_pages", {}).get("Review")
    if page is not None:
        st.switch_page(page, query_params={"item": example_id})


def show_rows(params: Mapping[str, list[str]], title: str = "Review") -> None:
    """Go to the page of this title with the rows that ``params`` (an address) ask for."""
    page = st.session_state.get("gm_pages", {}).get(title)
    if page is not None:
        st.switch_page(page, query_params=dict(params))


def follow_link(at: Desk) -> None:
    """Show the row that the address names (``?item=ID``), then keep the address up to date."""
    asked = st.query_params.get("item")
    if asked and asked != st.session_state.get("gm_linked") and not at.open(asked):
        at.message = f"There is no row {asked} in this dataset."


def update_link(at: Desk) -> None:
    """Make the address name the row on the screen."""
    shown = at.example_id
    st.session_state["gm_linked"] = shown
    if shown is None:
        st.query_params.pop("item", None)
    elif st.query_params.get("item") != shown:
        st.query_params["item"] = shown
