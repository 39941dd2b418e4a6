"""The buttons that take the data out."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gristmill.errors import GristmillError
from gristmill_data.store import Store
from gristmill_ui import session
from gristmill_ui.services import takeout
from gristmill_ui.services.takeout import Made

MOST_BYTES = 200_000_000
"""Larger files are not sent through the browser: they would have to be held in memory."""


def section(store: Store, lead: bool) -> None:
    """Export, report and backup, and the file made last."""
    st.subheader("Take the data out", anchor=False)
    reader = session.role() == "reader"
    helps = dict(takeout.formats())
    which = st.selectbox(
        "Rows", list(takeout.WHICH), format_func=takeout.WHICH.__getitem__, key="gm_out_rows", disabled=reader
    )
    chosen = st.selectbox(
        "Format", list(helps), format_func=helps.__getitem__, key="gm_out_format", disabled=reader
    )
    who = session.reviewer()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Export", key="gm_out_export", on_click=_make, disabled=reader, type="primary",
            args=(lambda: takeout.export(store, chosen, which, who),),
        )  # fmt: skip
        st.button(
            "Write the report", key="gm_out_report", on_click=_make, disabled=reader,
            args=(lambda: takeout.report(store, who),),
        )  # fmt: skip
        st.button(
            "Make a backup", key="gm_out_backup", on_click=_make, disabled=not lead,
            args=(lambda: takeout.backup(store, who),),
            help=None if lead else "Only leads: it holds everything, the names of the reviewers included.",
        )  # fmt: skip
    _made()


def _make(work: Callable[[], Made]) -> None:
    st.session_state["gm_made"] = None
    try:
        st.session_state["gm_made"] = work()
    except GristmillError as error:
        st.session_state["gm_out_message"] = f"{error.message}. {error.cure}".strip()
    except OSError as error:
        st.session_state["gm_out_message"] = f"The file cannot be written: {error.strerror or error}."


def _made() -> None:
    if message := st.session_state.pop("gm_out_message", ""):
        st.error(message)
    made: Made | None = st.session_state.get("gm_made")
    if made is None or not made.path.exists():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if made.path.stat().st_size <= MOST_BYTES:
            st.download_button(
                f"Download {made.path.name}", data=made.path.read_bytes, file_name=made.path.name,
                mime=takeout.mime(made.path), on_click="ignore", key="gm_download",
            )  # fmt: skip
        st.caption(f"{made.told} Saved as {made.path.parent.name}/{made.path.name} beside the dataset.")
