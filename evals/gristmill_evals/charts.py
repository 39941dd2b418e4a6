"""The charts of the report and of the review app: a DataFrame in, an Altair chart out.

Inputs are the frames of the store. Every chart is aggregated first, so its size does not depend on the
number of rows. Charts carry no theme: the app lets Streamlit's apply, the report calls :func:`themed`.
Colours come from a palette that can be told apart with red-green blindness, and never stand alone: every
bar is named and labelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

Chart = alt.Chart | alt.LayerChart | alt.FacetChart

PALETTE = ("#3b6fb6", "#2a8f83", "#b9770e", "#b8474b", "#7d5ba6", "#76808c", "#5b8c2a", "#a8518a")
"""Blue, teal, amber, red, violet, grey, green, magenta: 4.5:1 or nearly so on white."""
STATE_COLOURS = {"accepted": PALETTE[1], "rejected": PALETTE[2], "failed": PALETTE[3], "pending": PALETTE[5]}
INK, QUIET, LINE = "#2b3440", "#5c6773", "#d9dee4"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WIDTH = 480
BAR = 20
LABEL_LIMIT = 190
MOST_BARS = 12
NOTHING_ASKED = "nothing-to-ask"


def themed(chart: Chart) -> Chart:
    """The report's look: quiet axes, system fonts, transparent background."""
    axis = {"labelColor": INK, "titleColor": QUIET, "gridColor": LINE, "domainColor": LINE, "tickColor": LINE}
    config: dict[str, Any] = {
        "font": FONT,
        "background": "transparent",
        "padding": {"left": 14, "right": 8, "top": 4, "bottom": 4},
        "view": {"stroke": None},
        "axis": {
            **axis,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": LABEL_LIMIT,
        },
        "legend": {
            "labelColor": INK,
            "titleColor": QUIET,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "orient": "top",
        },
        "header": {"labelColor": INK, "titleColor": QUIET, "labelFontSize": 12, "labelFontWeight": "bold"},
        "text": {"color": INK, "fontSize": 12, "font": FONT},
    }
    dressed: Chart = chart.configure(**config)
    return dressed


def funnel(outcomes: pd.DataFrame) -> Chart:
    """From rows asked for to rows accepted (frame ``outcomes``: state, reason, n)."""
    return _bars(funnel_stages(outcomes), "stage", "n", colour=PALETTE[0], title="rows")


def funnel_stages(outcomes: pd.DataFrame) -> pd.DataFrame:
    """The stages of the funnel: ``stage``, ``n``, ``share`` of the rows asked for."""
    asked = int(outcomes["n"].sum())
    failed = int(outcomes.loc[outcomes["state"] == "failed", "n"].sum())
    declined = int(outcomes.loc[outcomes["reason"] == NOTHING_ASKED, "n"].sum())
    accepted = int(outcomes.loc[outcomes["state"] == "accepted", "n"].sum())
    stages = [
        ("decided", asked),
        ("without failures", asked - failed),
        ("rows made", asked - failed - declined),
    ]
    frame = pd.DataFrame([*stages, ("accepted", accepted)], columns=["stage", "n"])
    return frame.assign(share=frame["n"] / asked if asked else 0.0)


def reject_reasons(outcomes: pd.DataFrame) -> Chart:
    """Rows not accepted by reason, rejected and failed told apart (frame ``outcomes``)."""
    lost = outcomes[outcomes["state"].isin(["rejected", "failed"])]
    counts = _sum(lost, ["reason", "state"], "n")
    return _bars(_largest(counts, "reason", "n"), "reason", "n", colour_by="state", title="rows")


def score_distribution(scores: pd.DataFrame, bins: int = 20) -> Chart:
    """A histogram of each scorer's values in [0, 1] (frame ``scores``); unscored rows are not in it."""
    counted = histogram(scores.dropna(subset=["value"]), "value", "scorer", (0.0, 1.0), bins)
    bars = _histogram_bars(counted, "score", alt.Scale(domain=[0, 1]), PALETTE[0])
    return _small_multiples(bars, "scorer")


def lengths(rows: pd.DataFrame, bins: int = 30) -> Chart:
    """Characters of instruction and response (frame ``rows``), the longest 1 % in the last bar."""
    long = pd.concat(
        pd.DataFrame({"part": part, "chars": rows[f"{part}_chars"].astype(float)})
        for part in ("instruction", "response")
    ).dropna()
    top = max(1.0, float(long["chars"].quantile(0.99))) if len(long) else 1.0
    counted = histogram(long.assign(chars=long["chars"].clip(upper=top)), "chars", "part", (0.0, top), bins)
    bars = _histogram_bars(counted, "characters", alt.Scale(domain=[0, top]), PALETTE[4])
    return _small_multiples(bars, "part")


def coverage(frame: pd.DataFrame) -> Chart:
    """Share of each file's text that accepted rows rest on, least covered first (frame ``coverage``)."""
    shares = frame[frame["chars"] > 0]
    shares = shares.assign(share=shares["covered_chars"] / shares["chars"])
    counted = histogram(shares.assign(all="files"), "share", "all", (0.0, 1.0), 10)
    bars = _histogram_bars(counted, "share of the file's text covered", alt.Scale(domain=[0, 1]), PALETTE[1])
    chart: Chart = bars.encode(
        y=alt.Y("n:Q", title="files", axis=alt.Axis(tickCount=4, format="d"))
    ).properties(height=180)
    return chart


def matches(frame: pd.DataFrame) -> Chart:
    """Benchmark matches by label (frame ``matches``, or one of counts), one colour a benchmark."""
    counts = _count(frame, ["label", "benchmark"])
    return _bars(counts, "label", "n", colour_by="benchmark", title="matches")


def review_actions(reviews: pd.DataFrame) -> Chart:
    """Review events by action and reviewer (frame ``reviews``)."""
    counts = _sum(reviews, ["action", "reviewer"], "n")
    return _bars(counts, "action", "n", colour_by="reviewer", title="events")


def statuses(rows: pd.DataFrame) -> Chart:
    """Rows by their present status, of machine and people together (frame ``rows``, or one of counts)."""
    counts = _count(rows, ["status", "kind"])
    return _bars(counts, "status", "n", colour_by="kind", title="rows")


def tokens(calls: pd.DataFrame) -> Chart:
    """Input and output tokens by model (frame ``calls``)."""
    kinds = {"input_tokens": "input", "output_tokens": "output"}
    long = calls.rename(columns=kinds).melt("model", ["input", "output"], "kind", "tokens")
    summed = _sum(long, ["model", "kind"], "tokens")
    return _bars(summed, "model", "tokens", colour_by="kind", title="tokens")


def cost(calls: pd.DataFrame) -> Chart:
    """US dollars by model (frame ``calls``); models without a known price are left out."""
    known = _sum(calls.dropna(subset=["cost"]), ["model"], "cost")
    return _bars(known, "model", "cost", colour=PALETTE[0], title="US dollars", number=",.2f")


def histogram(
    frame: pd.DataFrame, value: str, group: str, limits: tuple[float, float], bins: int
) -> pd.DataFrame:
    """Counts per bin and group: columns ``group`` (under its name), ``low``, ``high``, ``n``."""
    import numpy as np

    parts = []
    for name, values in frame.groupby(group)[value]:
        counts, edges = np.histogram(values.to_numpy(dtype=float), bins=bins, range=limits)
        parts.append(pd.DataFrame({group: name, "low": edges[:-1], "high": edges[1:], "n": counts}))
    return pd.concat(parts) if parts else pd.DataFrame(columns=[group, "low", "high", "n"])


def _histogram_bars(counted: pd.DataFrame, title: str, scale: alt.Scale, colour: str) -> alt.Chart:
    bars: alt.Chart = (
        alt.Chart(counted)
        .mark_bar(color=colour, binSpacing=1)
        .encode(
            x=alt.X("low:Q", bin="binned", title=title, scale=scale, axis=alt.Axis(grid=False)),
            x2="high:Q",
            y=alt.Y("n:Q", title="rows", axis=alt.Axis(tickCount=3, format="~s", tickMinStep=1)),
            tooltip=[alt.Tooltip("low:Q", format=".2f"), alt.Tooltip("high:Q", format=".2f"), "n:Q"],
        )
        .properties(width=WIDTH - 70)
    )
    return bars


def _small_multiples(bars: alt.Chart, by: str) -> Chart:
    """One histogram below the other, all with the same horizontal axis."""
    header = alt.Header(labelAnchor="start", labelPadding=4)
    facets = bars.properties(height=110).facet(alt.Facet(f"{by}:N", title=None, header=header), columns=1)
    chart: Chart = facets.resolve_scale(y="independent")
    return chart


def _bars(
    frame: pd.DataFrame,
    name: str,
    value: str,
    *,
    title: str,
    colour: str = PALETTE[0],
    colour_by: str | None = None,
    number: str = ",",
) -> Chart:
    """Horizontal bars in the order given, each with its total at the end."""
    order = list(dict.fromkeys(frame[name].astype(str)))
    steps = "~s" if number == "," else number  # of dollars "200m" would not be read as 20 cents
    axis = alt.Axis(grid=True, tickCount=4, format=steps, **_whole_ticks(frame, name, value))
    names = alt.Axis(labelLimit=LABEL_LIMIT)
    base = alt.Chart(frame).encode(y=alt.Y(f"{name}:N", sort=order, title=None, axis=names))
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X(f"sum({value}):Q", title=title, axis=axis),
        color=_colour(frame, colour, colour_by),
        tooltip=[
            f"{name}:N",
            *([f"{colour_by}:N"] if colour_by else []),
            alt.Tooltip(f"{value}:Q", format=number),
        ],
    )
    totals = _sum(frame, [name], value)
    labels = (
        alt.Chart(totals)
        .mark_text(align="left", dx=4)
        .encode(y=alt.Y(f"{name}:N", sort=order), x=f"{value}:Q", text=alt.Text(f"{value}:Q", format=number))
    )
    chart: Chart = (bars + labels).properties(width=WIDTH - 170, height=max(1, len(order)) * (BAR + 6))
    return chart


def _whole_ticks(frame: pd.DataFrame, name: str, value: str) -> dict[str, Any]:
    """Small counts get ticks at whole numbers only."""
    top = frame.groupby(name)[value].sum().max() if len(frame) else 0
    return {"values": list(range(int(top) + 1))} if 0 < top <= 5 and top == int(top) else {}


def _colour(frame: pd.DataFrame, colour: str, by: str | None) -> Any:
    if by is None:
        return alt.value(colour)
    names = sorted(set(frame[by].astype(str)))
    shades = [STATE_COLOURS.get(name, PALETTE[n % len(PALETTE)]) for n, name in enumerate(names)]
    legend = None if len(names) == 1 else alt.Legend(title=None)
    return alt.Color(f"{by}:N", scale=alt.Scale(domain=names, range=shades), legend=legend)


def _largest(frame: pd.DataFrame, name: str, value: str) -> pd.DataFrame:
    """The most frequent names first; what is beyond :data:`MOST_BARS` becomes one bar per colour."""
    totals = frame.groupby(name)[value].sum().sort_values(ascending=False, kind="stable")
    kept: Sequence[str] = list(totals.index[:MOST_BARS])
    rest = f"{len(totals) - len(kept)} other reasons"
    merged = frame.assign(**{name: frame[name].where(frame[name].isin(kept), rest)})
    columns = [column for column in frame.columns if column != value]
    merged = _sum(merged, columns, value)
    rank = {key: n for n, key in enumerate([*kept, rest])}
    return merged.sort_values(name, key=lambda names: names.map(rank), kind="stable")


def _sum(frame: pd.DataFrame, names: list[str], value: str) -> pd.DataFrame:
    """``value`` summed over equal ``names``; missing names are a name of their own."""
    named = frame.assign(**{name: frame[name].astype(object).fillna("not stated") for name in names})
    return named.groupby(names)[value].sum().reset_index()


def _count(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return _sum(frame if "n" in frame else frame.assign(n=1), names, "n")
