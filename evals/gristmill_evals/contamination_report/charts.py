"""The charts of the contamination page; each is drawn from counts, however many rows there were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from gristmill_evals.charts import BAR, PALETTE, WIDTH, Chart
from gristmill_evals.contamination_report.precision import Point

BLUE, RED = PALETTE[0], PALETTE[3]
HEIGHT = 190
_THRESHOLD = "threshold (probability)"


def by_label(rows: Sequence[tuple[str, str, int]]) -> Chart:
    """Rows by label, one colour a benchmark; ``rows`` are (label, benchmark, number)."""
    frame = pd.DataFrame(rows, columns=["label", "benchmark", "n"])
    labels, names = list(dict.fromkeys(frame["label"])), list(dict.fromkeys(frame["benchmark"]))
    colours = alt.Scale(domain=names, range=[PALETTE[n % len(PALETTE)] for n in range(len(names))])
    y = alt.Y("label:N", sort=labels, title=None)
    bars = (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            y=y,
            x=alt.X("sum(n):Q", title="rows", axis=alt.Axis(tickCount=4, format="~s", tickMinStep=1)),
            color=alt.Color(
                "benchmark:N", scale=colours, legend=None if len(names) == 1 else alt.Legend(title=None)
            ),
        )
    )
    totals = frame.groupby("label", sort=False)["n"].sum().reset_index()
    text = alt.Text("n:Q", format=",")
    numbers = alt.Chart(totals).mark_text(align="left", dx=4).encode(y=y, x="n:Q", text=text)
    chart: Chart = (bars + numbers).properties(width=WIDTH - 170, height=len(labels) * (BAR + 6))
    return chart


def histogram(counts: Sequence[tuple[float, float, int]]) -> Chart:
    """Rows by their best score; ``counts`` are (from, to, number)."""
    chart: Chart = (
        alt.Chart(pd.DataFrame(counts, columns=["low", "high", "n"]))
        .mark_bar(color=BLUE, binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", title="best score of the row", scale=alt.Scale(domain=[0, 1])),
            x2="high:Q",
            y=alt.Y("n:Q", title="rows", axis=alt.Axis(tickCount=4, format="~s", tickMinStep=1)),
        )
        .properties(width=WIDTH - 70, height=HEIGHT)
    )
    return chart


def flagged(points: Sequence[Point], block: Sequence[Point]) -> Chart:
    """Share of rows at or above each threshold with its interval: of any label, and of a blocking one."""
    kinds = {"any label": points, "blocking labels": block}
    return _bands(kinds, "rows flagged", 0.0, None)


def precision(points: Sequence[Point]) -> Chart:
    """Share of right verdicts among those at or above each threshold, with its interval."""
    return _bands(
        {"precision": points}, "verdicts that were right", min((p.low for p in points), default=0.0), 1.0
    )


def _bands(kinds: dict[str, Sequence[Point]], title: str, bottom: float, top: float | None) -> Chart:
    rows = [(kind, p.threshold, p.share, p.low, p.high) for kind, points in kinds.items() for p in points]
    frame = pd.DataFrame(rows, columns=["kind", "threshold", "share", "low", "high"])
    scale = alt.Scale(domain=list(kinds), range=[BLUE, RED][: len(kinds)])
    legend = None if len(kinds) == 1 else alt.Legend(title=None, symbolOpacity=1)
    colour: Any = alt.Color("kind:N", scale=scale, legend=legend)
    y = alt.Scale(zero=True) if top is None else alt.Scale(zero=False, domain=[bottom, top])
    start = min((threshold for _, threshold, *_ in rows), default=0.0)
    x = alt.X("threshold:Q", title=_THRESHOLD, scale=alt.Scale(domain=[start, 1]), axis=alt.Axis(grid=False))
    base = alt.Chart(frame).encode(x=x, color=colour)
    band = base.mark_area(opacity=0.22, interpolate="step-after").encode(
        y=alt.Y("low:Q", title=title, scale=y, axis=alt.Axis(format=".3~p", tickCount=4)), y2="high:Q"
    )
    line = base.mark_line(interpolate="step-after", strokeWidth=2).encode(y=alt.Y("share:Q", scale=y))
    chart: Chart = (band + line).properties(width=WIDTH - 70, height=HEIGHT)
    return chart
