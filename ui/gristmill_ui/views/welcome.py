"""The first screen: who is reviewing."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gristmill_ui import session


def ask_for_name(known: Sequence[str]) -> None:
    """Ask for the reviewer's name; every decision carries it."""
    with st.container(key="gm_welcome"):
        st.html("<h1>Who is reviewing?</h1>")
        with st.form("gm_name_form", border=False):
            name = st.text_input("Your name", max_chars=60, placeholder="Ada", key="gm_name")
            st.caption("It is saved with every decision you make, so that work can be counted and compared.")
            if st.form_submit_button("Start reviewing", type="primary") and name and name.strip():
                session.sign_in(name)
                st.rerun()
        if known:
            st.caption("Or go on as")
            with st.container(horizontal=True):
                for who in known[:8]:
                    st.button(who, key=f"gm_known_{who}", on_click=session.sign_in, args=(who,))
