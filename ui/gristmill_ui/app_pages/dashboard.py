"""The dashboard: how the dataset came about, and how far its review is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from gristmill_data.store import Store
from gristmill_ui import session
from gristmill_ui.services import overview
from gristmill_ui.views import blocks

if TYPE_CHECKING:
    from gristmill_data.store import Frames

FRESH_FOR = 10
"""Seconds the aggregates are kept: they cost more the more rows there are."""


@st.fragment(run_every=FRESH_FOR)
def render() -> None:
    """Draw the page, again every few seconds while a run goes on."""
    store = session.store()
    tiles = overview.figures(store.counts(session.reviewer()))
    for column, (label, number, explanation) in zip(st.columns(len(tiles)), tiles, strict=True):
        column.metric(label, f"{number:,}", help=explanation, border=True)
    frames = _frames(str(store.path), store)
    for group in overview.groups(frames):
        st.header(group.title, anchor=False)
        for first in range(0, len(group.panels), 2):
            pair = group.panels[first : first + 2]
            for column, panel in zip(st.columns(2, gap="medium"), pair, strict=False):
                with column:
                    _panel(panel)
    st.header("Runs", anchor=False)
    rows = overview.runs(frames["runs"])
    if rows:
        st.dataframe(rows, hide_index=True)
    else:
        st.caption("No run has written to this dataset yet.")


@st.cache_data(ttl=FRESH_FOR, max_entries=4, show_spinner=False)
def _frames(path: str, _store: Store) -> Frames:
    return overview.load(_store)


def _panel(panel: overview.Panel) -> None:
    st.subheader(panel.title, anchor=False)
    for block in panel.blocks:
        blocks.draw(block)
