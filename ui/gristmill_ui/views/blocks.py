"""Blocks of the report, drawn in the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from gristmill_ui.services.overview import cells

if TYPE_CHECKING:
    from gristmill_evals.report.blocks import Block, ChartBlock, Figures, Table

LABELS = "#8a8f98"
"""A grey that can be read on light and on dark: text marks do not follow Streamlit's theme."""


def draw(block: Block) -> None:
    """Draw one block: a chart, figures, a table or a sentence."""
    from gristmill_evals.report.blocks import ChartBlock, Figures, Note, Table

    if isinstance(block, ChartBlock):
        _chart(block)
    elif isinstance(block, Figures):
        _figures(block)
    elif isinstance(block, Table):
        _table(block)
    elif isinstance(block, Note):
        st.caption(block.text)


def _chart(block: ChartBlock) -> None:
    chart = block.chart.configure_text(color=LABELS).properties(autosize="pad")
    st.altair_chart(chart, width="content")
    if block.description:
        st.caption(block.description)


def _figures(block: Figures) -> None:
    from gristmill_evals.report.numbers import interval, small_print, written

    for column, figure in zip(st.columns(len(block.items)), block.items, strict=True):
        column.metric(figure.label, written(figure.value, figure.unit))
        between = interval(figure)
        column.caption(
            " · ".join(part for part in (f"95 %: {between}" if between else "", small_print(figure)) if part)
        )


def _table(block: Table) -> None:
    with st.expander(block.caption or "Table"):
        st.dataframe(cells(block.rows, block.columns), hide_index=True)
