"""The first screen: who is reviewing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from gristmill.errors import StoreError
from gristmill_ui import access, identity, session


def ask(known: Sequence[str]) -> None:
    """Ask who is there, in the way this app is told; ``known`` are names that reviewed before."""
    way = access.current().way
    if way == "names":
        _ask_for_name(known)
        return
    with st.container(key="gm_welcome"):
        problem = identity.who(session.store()).problem
        if way == "oidc":
            _ask_to_sign_in(problem)
        else:
            st.html("<h1>You are not let in yet</h1>")
            _alert(problem or "The proxy in front of this app did not say who you are.")


def leave() -> None:
    """The way out: be somebody else, or sign out; none where a proxy says who is there."""
    way = access.current().way
    if way == "names":
        st.button("Review as somebody else", on_click=session.sign_in, args=("",))
    elif way == "oidc":
        st.button("Sign out", on_click=st.logout, key="gm_sign_out")


def _ask_for_name(known: Sequence[str]) -> None:
    with st.container(key="gm_welcome"):
        st.html("<h1>Who is reviewing?</h1>")
        with st.form("gm_name_form", border=False):
            name = st.text_input("Your name", max_chars=60, placeholder="Ada", key="gm_name")
            st.caption("It is saved with every decision you make, so that work can be counted and compared.")
            if st.form_submit_button("Start reviewing", type="primary") and name and name.strip():
                _start(name)
        if known:
            st.caption("Or go on as")
            with st.container(horizontal=True):
                for who in known[:8]:
                    st.button(who, key=f"gm_known_{who}", on_click=session.sign_in, args=(who,))


def _start(name: str) -> None:
    try:
        session.sign_in(name)
    except StoreError as error:
        st.error(f"{error.message}: {error.cure}")
    else:
        st.rerun()


def _ask_to_sign_in(problem: str) -> None:
    st.html("<h1>Sign in to review</h1>")
    if problem:
        _alert(problem)
    with st.container(horizontal=True):
        st.button("Sign in", type="primary", on_click=st.login, key="gm_sign_in")
        if problem:
            st.button("Sign out", on_click=st.logout, key="gm_sign_out")


def _alert(text: str) -> None:
    """As HTML: a name that somebody chose elsewhere is no Markdown."""
    st.html(f'<div class="gm-message" role="alert">{escape(text)}</div>')
