"""More charts of the report; as in :mod:`gristmill_evals.charts`, all is aggregated before it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from gristmill_evals.charts import (
    BAR,
    LABEL_LIMIT,
    PALETTE,
    WIDTH,
    Chart,
    _histogram_bars,
    _small_multiples,
    histogram,
)
from gristmill_evals.report.blocks import Figure

MOST_LINES = 24


def intervals(lines: Sequence[tuple[str, str, Figure]], title: str, *, whole: bool = True) -> Chart:
    """Estimates with their intervals, one below the other: (name, group, figure); a colour for each group.

    ``whole`` draws the axis from 0 (or less, where an interval goes there) to 1, else as far as the
    intervals go.
    """
    rows = [
        (name, group, f.value, *(f.value if end is None else end for end in (f.low, f.high)))
        for name, group, f in lines[:MOST_LINES]
        if isinstance(f.value, (int, float))
    ]
    frame = pd.DataFrame(rows, columns=["name", "group", "value", "low", "high"])
    groups = list(dict.fromkeys(frame["group"]))
    axis = alt.Axis(labelLimit=LABEL_LIMIT)
    y = alt.Y("name:N", sort=list(dict.fromkeys(frame["name"])), title=None, axis=axis)
    lowest = min([0.0, *frame["low"].astype(float)])
    scale = alt.Scale(domain=[lowest, 1]) if whole else alt.Scale(zero=True, nice=True)
    shades = alt.Scale(domain=groups, range=[PALETTE[n % len(PALETTE)] for n in range(len(groups))])
    legend = alt.Legend(title=None, columnPadding=22) if len(groups) > 1 else None
    colour = alt.Color("group:N", scale=shades, legend=legend)
    encoded: dict[str, Any] = {"y": y, "color": colour}
    if len(groups) > 1:
        encoded["yOffset"] = alt.YOffset("group:N", sort=groups)
    base = alt.Chart(frame).encode(**encoded)
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title=title, axis=alt.Axis(tickCount=5)), x2="high:Q"
    )
    tips = ["name:N", "group:N", *(alt.Tooltip(f"{n}:Q", format=".3f") for n in ("value", "low", "high"))]
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        x=alt.X("value:Q", scale=scale), tooltip=tips
    )
    height = max(1, frame["name"].nunique()) * max(BAR + 4, 13 * len(groups) + 6)
    chart: Chart = (rules + dots).properties(width=WIDTH - 170, height=height)
    return chart


def token_lengths(rows: pd.DataFrame, bins: int = 30) -> Chart:
    """Estimated tokens (columns ``part``, ``tokens``), the longest 1 % in the last bar."""
    top = max(1.0, float(rows["tokens"].quantile(0.99))) if len(rows) else 1.0
    counted = histogram(
        rows.assign(tokens=rows["tokens"].clip(upper=top)), "tokens", "part", (0.0, top), bins
    )
    bars = _histogram_bars(counted, "tokens (estimated)", alt.Scale(domain=[0, top]), PALETTE[4])
    return _small_multiples(bars, "part")


def likeness(nearest: Sequence[float]) -> Chart:
    """Likeness of each instruction to the one most like it, 0 to 1."""
    frame = pd.DataFrame({"value": list(nearest), "all": "instructions"})
    counted = histogram(frame, "value", "all", (0.0, 1.0), 20)
    title = "cosine with the most similar other instruction"
    chart: Chart = _histogram_bars(counted, title, alt.Scale(domain=[0, 1]), PALETTE[1]).properties(
        height=180
    )
    return chart


def length_ratio(chosen: Sequence[float], rejected: Sequence[float]) -> Chart:
    """Pairs by length of chosen over rejected, on a logarithmic axis: left of 1 chosen is the shorter one."""
    logs = np.log2(np.maximum(np.asarray(chosen, float), 1) / np.maximum(np.asarray(rejected, float), 1))
    counts, edges = np.histogram(np.clip(logs, -3, 3), bins=24, range=(-3, 3))
    frame = pd.DataFrame({"low": 2.0 ** edges[:-1], "high": 2.0 ** (edges[1:] - 0.03), "n": counts})
    scale = alt.Scale(type="log", base=2, domain=[0.125, 8])
    axis = alt.Axis(values=[0.125, 0.25, 0.5, 1, 2, 4, 8], format="~g", grid=False)
    base = alt.Chart(frame)
    bars = base.mark_rect(color=PALETTE[0]).encode(  # bars have no width on a logarithmic axis
        x=alt.X("low:Q", scale=scale, axis=axis, title="length of chosen ÷ length of rejected"),
        x2="high:Q",
        y=alt.Y("n:Q", title="pairs", axis=alt.Axis(tickCount=4, tickMinStep=1)),
        y2=alt.datum(0),
        tooltip=[alt.Tooltip("low:Q", format=".2f"), alt.Tooltip("high:Q", format=".2f"), "n:Q"],
    )
    even = alt.Chart(pd.DataFrame({"at": [1.0]})).encode(x=alt.X("at:Q", scale=scale))
    line = even.mark_rule(color=PALETTE[3], strokeDash=[4, 3], strokeWidth=2)
    chart: Chart = (bars + line).properties(width=WIDTH - 70, height=180)
    return chart
