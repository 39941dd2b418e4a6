"""Dots with their intervals: scores, differences, drops. One row a name, one dot a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt
import pandas as pd

from gristmill_evals.charts import PALETTE, QUIET, WIDTH, Chart
from gristmill_evals.report.blocks import ChartBlock, Figure

ROW, SLIM = 28, 17
NAME_LIMIT = 230
LONGEST = 26
"""Characters of a name beside a chart."""
ZERO_WIDTH = "\u200b"
MOST = 40
"""Names in one chart; what is beyond stands in the table."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval; without one ``low`` and ``high`` are the value itself."""

    name: str
    value: float
    low: float
    high: float
    group: str = ""
    label: str = ""

    @classmethod
    def of(cls, name: str, figure: Figure, group: str = "", signed: bool = False) -> Dot | None:
        """From a figure; None when it could not be measured."""
        if not isinstance(figure.value, (int, float)):
            return None
        value = float(figure.value)
        low, high = (value if one is None else one for one in (figure.low, figure.high))
        return cls(name, value, low, high, group, f"{value:+.3f}" if signed else f"{value:.3f}")


def dots(
    rows: Sequence[Dot], title: str, limits: tuple[float, float] | None = None, zero: bool = False
) -> Chart:
    """``limits`` are those of the axis; ``zero`` draws a line where there is no difference."""
    shown = _shortened(list(dict.fromkeys(row.name for row in rows)))
    frame = pd.DataFrame([{**asdict(row), "name": shown[row.name]} for row in rows])
    names = list(dict.fromkeys(frame["name"]))
    groups = list(dict.fromkeys(frame["group"]))
    y: dict[str, Any] = {"y": alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelLimit=NAME_LIMIT))}
    if len(groups) > 1:
        y["yOffset"] = alt.YOffset("group:N", sort=groups, scale=alt.Scale(paddingOuter=0.25))
    scale = (
        alt.Scale(domain=list(limits), nice=False) if limits else alt.Scale(zero=zero, nice=True, padding=8)
    )
    base = alt.Chart(frame).encode(color=_colours(groups), **y)
    bars = base.mark_bar(height=2.5, cornerRadius=1).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5)), x2="high:Q"
    )
    points = base.mark_circle(size=75, opacity=1).encode(x=alt.X("value:Q", scale=scale))
    texts = alt.Chart(frame).mark_text(align="left", dx=7).encode(x="high:Q", text="label:N", **y)
    layers = bars + points + texts
    step = ROW if len(groups) == 1 else len(groups) * SLIM + 12
    chart: Chart = (_zero() + layers if zero else layers).properties(
        width=_width(names), height=max(1, len(names)) * step
    )
    return chart


def _width(names: Sequence[str]) -> int:
    """What the names leave of the column, so that every chart is drawn at the same scale."""
    return round(WIDTH - 100 - min(NAME_LIMIT, 6.6 * max(map(len, names))))


def _zero() -> alt.Chart:
    line: alt.Chart = (
        alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=QUIET, strokeDash=[4, 3]).encode(x="x:Q")
    )
    return line


def _colours(groups: Sequence[str]) -> Any:
    if len(groups) == 1:
        return alt.value(PALETTE[0])
    shades = [PALETTE[n % len(PALETTE)] for n in range(len(groups))]
    return alt.Color(
        "group:N",
        scale=alt.Scale(domain=list(groups), range=shades),
        legend=alt.Legend(
            title=None,
            labelLimit=2 * NAME_LIMIT,
            columns=max(1, 52 // (4 + max(map(len, groups)))),
            symbolType="circle",
            symbolOpacity=1,
        ),
    )


def _shortened(names: Sequence[str]) -> dict[str, str]:
    """Names that fit beside a chart: of long ones the middle is left out, for they often begin alike."""
    found: dict[str, str] = {}
    for name in names:
        head, tail = LONGEST // 3, LONGEST - LONGEST // 3
        short = name if len(name) <= LONGEST else f"{name[:head]}…{name[-tail:]}"
        while short in found.values():
            short += ZERO_WIDTH
        found[name] = short
    return found


def block(
    title: str,
    rows: Sequence[Dot],
    axis: str,
    limits: tuple[float, float] | None = None,
    zero: bool = False,
) -> ChartBlock:
    """The chart with its title and words; of more than :data:`MOST` names the first."""
    names = list(dict.fromkeys(row.name for row in rows))
    shown = [row for row in rows if row.name in set(names[:MOST])]
    heading = title if len(names) <= MOST else f"{title}: the first {MOST} of {len(names)}"
    return ChartBlock(heading, dots(shown, axis, limits, zero), told(shown))


def told(rows: Sequence[Dot]) -> str:
    """The dots in words."""
    parts = []
    for row in rows:
        group = f", {row.group}" if row.group else ""
        between = f" ({row.low:.3f} to {row.high:.3f})" if row.low != row.high else ""
        parts.append(f"{row.name}{group}: {row.label}{between}")
    return "; ".join(parts)
