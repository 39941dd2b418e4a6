"""The charts of the calibration page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from gristmill_evals.agreement import CurvePoint
from gristmill_evals.charts import LINE, PALETTE, WIDTH, Chart
from gristmill_evals.judging.threshold import Threshold
from gristmill_evals.statistics import Estimate

BLUE, AMBER, RED = PALETTE[0], PALETTE[2], PALETTE[3]
HEIGHT = 210


def reliability(curves: Mapping[str, Sequence[CurvePoint]]) -> Chart:
    """Stated probability against observed share with its interval, one colour a curve, and the diagonal."""
    rows = [
        (name, p.stated, p.observed, p.observed_low, p.observed_high, p.n)
        for name, points in curves.items()
        for p in points
    ]
    frame = pd.DataFrame(rows, columns=["kind", "stated", "observed", "low", "high", "n"])
    unit = alt.Scale(domain=[0, 1])
    legend = alt.Legend(title=None) if len(curves) > 1 else None
    colours = alt.Scale(domain=list(curves), range=[AMBER, BLUE] if len(curves) > 1 else [BLUE])
    base = alt.Chart(frame).encode(
        x=alt.X("stated:Q", title="stated probability", scale=unit, axis=alt.Axis(grid=False)),
        color=alt.Color("kind:N", scale=colours, legend=legend),
    )
    y = alt.Y("observed:Q", title="people agreed", scale=unit, axis=alt.Axis(tickCount=5))
    whiskers = base.mark_rule(opacity=0.6).encode(y=alt.Y("low:Q", scale=unit), y2="high:Q")
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        y=y, shape=alt.Shape("kind:N", legend=None)
    )
    diagonal = (
        alt.Chart(pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]}))
        .mark_line(color=LINE, strokeDash=[4, 3])
        .encode(x=alt.X("x:Q", scale=unit), y=alt.Y("y:Q", scale=unit))
    )
    chart: Chart = (diagonal + whiskers + dots).properties(width=WIDTH - 70, height=HEIGHT)
    return chart


def thresholds(found: Threshold, of: str = "score") -> Chart:
    """Precision at each threshold with its band, the share kept, the target, and the threshold chosen."""
    rows = [(p.score, p.precision, p.low, p.high, p.share) for p in found.points]
    frame = pd.DataFrame(rows, columns=["score", "precision", "low", "high", "kept"])
    long = frame.melt(["score", "low", "high"], ["precision", "kept"], "line", "share")
    names = {"precision": "precision", "kept": "share of rows kept"}
    long["line"] = long["line"].map(names)
    unit = alt.Scale(domain=[0, 1])
    axis = alt.Axis(grid=False, tickCount=6)
    x = alt.X("score:Q", title=f"threshold ({of})", scale=alt.Scale(zero=False), axis=axis)
    band = (
        alt.Chart(frame)
        .mark_area(opacity=0.22, color=BLUE)
        .encode(x=x, y=alt.Y("low:Q", scale=unit), y2="high:Q")
    )
    lines = (
        alt.Chart(long)
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=18))
        .encode(
            x=x,
            y=alt.Y("share:Q", title="share", scale=unit, axis=alt.Axis(format=".0%", tickCount=5)),
            color=alt.Color(
                "line:N",
                scale=alt.Scale(domain=list(names.values()), range=[BLUE, AMBER]),
                legend=alt.Legend(title=None),
            ),
            strokeDash=alt.StrokeDash("line:N", legend=None),
        )
    )
    target = (
        alt.Chart(pd.DataFrame({"y": [found.target]})).mark_rule(color=RED, strokeDash=[4, 3]).encode(y="y:Q")
    )
    layers = band + lines + target
    if found.chosen is not None:
        mark = pd.DataFrame({"x": [found.chosen.score]})
        layers += alt.Chart(mark).mark_rule(color=RED).encode(x="x:Q")
    chart: Chart = layers.properties(width=WIDTH - 70, height=HEIGHT)
    return chart


def intervals(rows: Sequence[tuple[str, Estimate]]) -> Chart:
    """One share with its interval for each name, in the order given."""
    data = [(name, found.mean, found.low, found.high) for name, found in rows]
    frame = pd.DataFrame(data, columns=["who", "share", "low", "high"])
    names = [name for name, _ in rows]
    x = alt.Scale(domain=[min(0.5, *frame["low"].fillna(1)), 1])
    base = alt.Chart(frame).encode(y=alt.Y("who:N", title=None, sort=names))
    whiskers = base.mark_rule(strokeWidth=2, color=BLUE, opacity=0.6).encode(
        x=alt.X("low:Q", title="right", scale=x, axis=alt.Axis(tickCount=5)), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, opacity=1, color=BLUE).encode(x=alt.X("share:Q", scale=x))
    chart: Chart = (whiskers + dots).properties(width=WIDTH - 70, height=34 * len(names))
    return chart
