"""What surrounds every page: setup, style, navigation, the question who is reviewing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_ui import session
from gristmill_ui.app_pages import browse, contamination, dashboard, review
from gristmill_ui.views import welcome

STYLE = Path(__file__).parent / "static" / "style.css"
ICON = Path(__file__).parent / "static" / "icon.png"


def render() -> None:
    """Draw the app: the whole script of a session."""
    st.set_page_config(page_title="Gristmill review", layout="wide", page_icon=str(ICON))
    st.html(STYLE)
    pages = [
        st.Page(review.render, title="Review", url_path="review", default=True),
        st.Page(browse.render, title="Browse", url_path="browse"),
        st.Page(contamination.render, title="Contamination", url_path="contamination"),
        st.Page(dashboard.render, title="Dashboard", url_path="dashboard"),
    ]
    session.remember_pages({page.title: page for page in pages})
    chosen = st.navigation(pages, position="top")
    try:
        store = session.store()
        if session.reviewer() or chosen.title == "Dashboard":
            chosen.run()
        else:
            welcome.ask_for_name([name for name, _ in store.facets()["reviewer"]])
    except GristmillError as error:
        st.error(f"{error.message}\n\n{error.cure}" if error.cure else error.message)
