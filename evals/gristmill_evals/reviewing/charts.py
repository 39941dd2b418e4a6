"""The charts of a review; as in :mod:`gristmill_evals.charts`, a DataFrame in, an Altair chart out."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from gristmill_evals.charts import BAR, LABEL_LIMIT, PALETTE, WIDTH, Chart, _bars, _histogram_bars, histogram
from gristmill_evals.reviewing.people import Together, Window

MOST_PAIRS = 12


def stages(counts: Sequence[tuple[str, int]]) -> Chart:
    """From rows the runs accepted to rows that people keep: (stage, n) in their order."""
    frame = pd.DataFrame(list(counts), columns=["stage", "n"])
    return _bars(frame, "stage", "n", colour=PALETTE[1], title="rows")


def agreement(found: Together) -> Chart:
    """Kappa of each two people and the coefficients of all, each with its interval."""
    lines = [(f"{one} and {other}", kappa) for one, other, kappa in found.pairs[:MOST_PAIRS]]
    lines += [("all (Fleiss' kappa)", found.fleiss), ("all (Krippendorff's alpha)", found.alpha)]
    rows = [(name, one.value, one.low, one.high, one.n) for name, one in lines if one.value is not None]
    frame = pd.DataFrame(rows, columns=["people", "value", "low", "high", "rows"])
    y = alt.Y("people:N", sort=list(frame["people"]), title=None, axis=alt.Axis(labelLimit=LABEL_LIMIT))
    low = min([0.0, *frame["low"].dropna(), *frame["value"]])
    scale = alt.Scale(domain=[low, 1.0])
    base = alt.Chart(frame).encode(y=y)
    bars = base.mark_rule(color=PALETTE[0], strokeWidth=2).encode(
        x=alt.X("low:Q", scale=scale, title="agreement beyond chance (0 none, 1 full)"), x2="high:Q"
    )
    dots = base.mark_point(color=PALETTE[0], filled=True, size=70, opacity=1).encode(
        x=alt.X("value:Q", scale=scale),
        tooltip=["people:N", *map(_two_digits, ("value", "low", "high")), "rows:Q"],
    )
    chart: Chart = (bars + dots).properties(width=WIDTH - 190, height=max(1, len(frame)) * (BAR + 6))
    return chart


def judge_over_time(found: Sequence[Window]) -> Chart:
    """How often people decided as the run had, by window, with its interval."""
    rows = [(one.number, f"{one.last:%Y-%m-%d %H:%M}", one.share, one.low, one.high, one.n) for one in found]
    frame = pd.DataFrame(rows, columns=["window", "until", "share", "low", "high", "rows"])
    x = alt.X(
        "window:O",
        title="rows in the order they were reviewed",
        axis=alt.Axis(labelAngle=0),
    )
    scale = alt.Scale(domain=[0, 1])
    base = alt.Chart(frame).encode(x=x)
    bars = base.mark_rule(color=PALETTE[1], strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale, title="same decision", axis=alt.Axis(format="%", tickCount=5)),
        y2="high:Q",
    )
    line = base.mark_line(color=PALETTE[1]).encode(y=alt.Y("share:Q", scale=scale))
    dots = base.mark_point(color=PALETTE[1], filled=True, size=60, opacity=1).encode(
        y=alt.Y("share:Q", scale=scale),
        tooltip=["until:N", *map(_two_digits, ("share", "low", "high")), "rows:Q"],
    )
    chart: Chart = (bars + line + dots).properties(width=WIDTH - 90, height=180)
    return chart


def pace(frame: pd.DataFrame) -> Chart:
    """Median seconds a decision by day and person, with the middle half of them (frame ``pace``)."""
    timed = frame[frame["timed"] > 0]
    timed = timed.assign(day=pd.to_datetime(timed["day"]).dt.strftime("%Y-%m-%d"))
    names = sorted(set(timed["reviewer"].astype(str)))
    shades = [PALETTE[n % len(PALETTE)] for n in range(len(names))]
    colour = alt.Color(
        "reviewer:N", scale=alt.Scale(domain=names, range=shades), legend=alt.Legend(title=None)
    )
    base = alt.Chart(timed).encode(
        x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
        xOffset=alt.XOffset("reviewer:N", sort=names),
        color=colour,
    )
    bars = base.mark_rule(strokeWidth=2).encode(
        y=alt.Y("quarter:Q", title="seconds a decision"), y2="three_quarters:Q"
    )
    dots = base.mark_point(filled=True, size=60, opacity=1).encode(
        y="median:Q",
        tooltip=["reviewer:N", "day:N", *map(_whole, ("median", "quarter", "three_quarters")), "timed:Q"],
    )
    chart: Chart = (bars + dots).properties(width=WIDTH - 90, height=180)
    return chart


def reasons(frame: pd.DataFrame) -> Chart:
    """Rows rejected one by one, by reason and reviewer (frame ``reasons``)."""
    single = frame[~frame["bulk"].astype(bool)]
    totals = single.groupby("reason")["n"].sum().sort_values(ascending=False, kind="stable")
    rank = {name: place for place, name in enumerate(totals.index)}
    ordered = single.sort_values("reason", key=lambda names: names.map(rank), kind="stable")
    return _bars(ordered, "reason", "n", colour_by="reviewer", title="rows")


def sources_reviewed(frame: pd.DataFrame) -> Chart:
    """Share of each file's rows that people have decided on (frame ``coverage``)."""
    shares = frame[frame["rows"] > 0]
    shares = shares.assign(share=shares["reviewed"] / shares["rows"], all="files")
    counted = histogram(shares, "share", "all", (0.0, 1.0), 10)
    bars = _histogram_bars(counted, "share of the file's rows reviewed", alt.Scale(domain=[0, 1]), PALETTE[0])
    chart: Chart = bars.encode(
        y=alt.Y("n:Q", title="files", axis=alt.Axis(tickCount=4, format="d"))
    ).properties(height=180)
    return chart


def cost_per_row(frame: pd.DataFrame) -> Chart:
    """US dollars for each row a run accepted (columns run, dollars)."""
    return _bars(frame, "run", "dollars", colour=PALETTE[2], title="US dollars a row", number=",.4f")


def _two_digits(name: str) -> alt.Tooltip:
    return alt.Tooltip(f"{name}:Q", format=".2f")


def _whole(name: str) -> alt.Tooltip:
    return alt.Tooltip(f"{name}:Q", format=".0f")
