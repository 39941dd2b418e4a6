"""Saved views: the list to choose from, and the form that keeps what is shown now."""

from __future__ import annotations

from html import escape

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_data.store.views_saved import SavedView, remove_view, save_view
from gristmill_ui import session
from gristmill_ui.services import saved_views
from gristmill_ui.services.addresses import Params
from gristmill_ui.services.labels import plain
from gristmill_ui.views import address


def menu(prefix: str, page: str, asked: Params) -> None:
    """The views of ``page``; ``asked`` is the address of what it shows now."""
    views = saved_views.views_for(session.store(), session.reviewer(), page)
    shown = address.opened_view(prefix)
    name = next((view.name for view in views if view.view_id == shown), "")
    with st.popover(f"View: {plain(name)}" if name else "Views", width="stretch"):
        for view in views:
            _view(prefix, view, here=view.view_id == shown)
        if not views:
            st.caption("A view keeps the filters, the search and the order under a name.")
        st.caption("The address of the page is a link to what it shows: send it to a colleague.")
        _form(prefix, page, asked)


def _view(prefix: str, view: SavedView, *, here: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = plain(saved_views.title(view, session.reviewer()))
        st.button(
            label, key=f"{prefix}_view_{view.view_id}", width="stretch",
            type="primary" if here else "secondary", on_click=_open, args=(prefix, view),
        )  # fmt: skip
        if view.author == session.reviewer() or session.role() == "lead":
            st.button(
                "Remove", key=f"{prefix}_drop_{view.view_id}", on_click=_remove, args=(prefix, view.view_id),
                help=f"Remove the view “{plain(view.name)}”",
            )  # fmt: skip


def _form(prefix: str, page: str, asked: Params) -> None:
    with st.form(f"{prefix}_save_view", clear_on_submit=True, border=False):
        name = st.text_input("Name for what is shown now", max_chars=60, key=f"{prefix}_view_name")
        shared = st.checkbox("Everybody sees it in this list", key=f"{prefix}_view_shared")
        if st.form_submit_button("Save view", disabled=session.role() == "reader"):
            _save(prefix, page, asked, str(name or ""), shared=shared)
    if message := st.session_state.get(f"{prefix}_view_message"):
        st.html(f'<div class="gm-message" role="alert">{escape(message)}</div>')


def _save(prefix: str, page: str, asked: Params, name: str, *, shared: bool) -> None:
    kept = saved_views.params_of(asked or {"status": ["any"]}, page)
    try:
        view = save_view(session.store(), name, kept, session.reviewer(), shared=shared)
    except GristmillError as error:
        st.session_state[f"{prefix}_view_message"] = error.message
        return
    st.session_state.pop(f"{prefix}_view_message", None)
    st.session_state[f"{prefix}_view"] = (view.view_id, asked)
    st.rerun()


def _open(prefix: str, view: SavedView) -> None:
    params = saved_views.question_of(view)
    st.session_state[f"{prefix}_view"] = (view.view_id, params)
    address.ask(prefix, params)


def _remove(prefix: str, view_id: str) -> None:
    try:
        remove_view(session.store(), view_id, session.reviewer())
    except GristmillError as error:
        st.session_state[f"{prefix}_view_message"] = error.message
    st.session_state.pop(f"{prefix}_view", None)
