"""What surrounds every page: setup, style, navigation, the question who is reviewing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_ui import access, session
from gristmill_ui.app_pages import browse, contamination, dashboard, disputes, documents, review, runs, team
from gristmill_ui.views import welcome

STYLE = Path(__file__).parent / "static" / "style.css"
ICON = Path(__file__).parent / "static" / "icon.png"


def render() -> None:
    """Draw the app: the whole script of a session."""
    st.set_page_config(page_title="Gristmill review", layout="wide", page_icon=str(ICON))
    st.html(STYLE)
    for_leads: Literal["visible", "hidden"] = "visible" if _leads() else "hidden"
    pages = [
        st.Page(review.render, title="Review", url_path="review", default=True),
        st.Page(browse.render, title="Browse", url_path="browse"),
        st.Page(disputes.render, title="Disputes", url_path="disputes", visibility=for_leads),
        st.Page(contamination.render, title="Contamination", url_path="contamination"),
        st.Page(documents.render, title="Documents", url_path="documents"),
        st.Page(runs.render, title="Runs", url_path="runs"),
        st.Page(dashboard.render, title="Dashboard", url_path="dashboard"),
        st.Page(team.render, title="Team", url_path="team"),
    ]
    session.remember_pages({page.title: page for page in pages})
    chosen = st.navigation(pages, position="top")
    try:
        store = session.store()
        session.leave_places(chosen.title)
        if session.reviewer() or (chosen.title == "Dashboard" and access.current().way == "names"):
            chosen.run()
        else:
            welcome.ask([name for name, _ in store.facets()["reviewer"]])
    except GristmillError as error:
        st.error(f"{error.message}\n\n{error.cure}" if error.cure else error.message)


def _leads() -> bool:
    """Whether a lead is at this browser; without a dataset nobody is, and the page says so."""
    try:
        return session.role() == "lead"
    except GristmillError:
        return False
