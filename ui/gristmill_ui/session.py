"""What one browser session keeps: the reviewer's name and desk, and where links lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import streamlit as st

from gristmill_data.store import Filters, Store
from gristmill_ui.owner import attached
from gristmill_ui.services.desk import Desk

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage


def reviewer() -> str:
    """Who is at this browser; empty until they have said so."""
    return str(st.session_state.get("gm_reviewer", ""))


def sign_in(name: str) -> None:
    """Work as ``name`` from here on, at a fresh desk."""
    st.session_state["gm_reviewer"] = name.strip()
    st.session_state.pop("gm_desk", None)


def store() -> Store:
    """The dataset this process shows."""
    return attached()


def desk() -> Desk:
    """The session's desk, made on first use."""
    if "gm_desk" not in st.session_state:
        st.session_state["gm_desk"] = Desk(store(), reviewer(), Filters(viewer=reviewer()))
    return cast("Desk", st.session_state["gm_desk"])


def remember_pages(pages: Mapping[str, StreamlitPage]) -> None:
    """Keep the pages of this run, so that one can lead to another."""
    st.session_state["gm_pages"] = dict(pages)


def show_in_review(example_id: str) -> None:
    """Go to the review page with one row on it."""
    desk().open(example_id)
    page = st.session_state.get("gm_pages", {}).get("Review")
    if page is not None:
        st.switch_page(page, query_params={"item": example_id})


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
