"""Who is at a browser: the name they chose, or the one that a provider or a proxy gives."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

from gristmill.records import clean
from gristmill_data.store import Store
from gristmill_data.store.people import listed_role
from gristmill_ui import access
from gristmill_ui.oidc import said_by_provider


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who may come in; without a ``name`` nobody, ``problem`` tells why if they tried."""

    name: str = ""
    problem: str = ""


def who(store: Store) -> Who:
    """The person of this session; a stranger only where strangers are let in."""
    admitted = access.current()
    if admitted.way == "names":
        return Who(str(st.session_state.get("gm_reviewer", "")))
    if admitted.way == "oidc":
        name, problem = said_by_provider(dict(st.user), admitted.claim, time.time())
    else:
        name, problem = _said_by_proxy(), ""
    name = clean(name).strip()
    if name and admitted.newcomers is None and listed_role(store, name) is None:
        return Who(
            "", f"You signed in as {name}. Nobody has added you to this dataset yet: ask one of its leads."
        )
    return Who(name, problem)


def _said_by_proxy() -> str:
    """The header of the handshake, which the gate has looked at; Streamlit keeps it with the session."""
    said = str(st.user.get("said") or "")
    try:
        return said.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return said
