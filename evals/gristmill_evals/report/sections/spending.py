"""Tokens and cost by model and generator, and how long it took."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, parsed, records, text
from gristmill_evals.report.numbers import written
from gristmill_evals.report.sections.settings import without_secrets as without_secrets
from gristmill_evals.reviewing.blocks import cost_per_row

MOST_RUNS = 20


def cost(frames: Frames) -> Section:
    """Calls, tokens and US dollars by model."""
    calls = frames["calls"]
    if calls.empty:
        return Section("cost", "Cost and tokens", (Note("No call to a model is recorded."),))
    rows = [_model(name, part) for (name,), part in groups(calls, "model")]
    columns = ("model", "calls", "input tokens", "output tokens", "US dollars")
    blocks: list[Block] = []
    if any(row[2] or row[3] for row in rows):
        told = "; ".join(f"{row[0]}: {row[2]:,} in, {row[3]:,} out" for row in rows)
        blocks.append(ChartBlock("Tokens by model", charts.tokens(calls), told))
    if calls["cost"].fillna(0).astype(float).sum() > 0:
        paid = "; ".join(f"{row[0]}: {row[4]}" for row in rows)
        blocks += [ChartBlock("US dollars by model", charts.cost(calls), paid), *cost_per_row(frames)]
    blocks += [
        Table(columns, tuple(rows), "By model", numeric=(1, 2, 3, 4)),
        *_makers(frames["makers"]),
        *_repairs(frames),
    ]
    intro = (
        "All calls kept in the dataset, counted: no interval. "
        "Rule-based models cost nothing and are listed for lineage."
    )
    return Section("cost", "Cost and tokens", tuple(blocks), intro)


def _repairs(frames: Frames) -> list[Block]:
    """Requests to mend an answer, by the door or by a scorer, in the runs that counted them."""
    counts = [(parsed(run["summary"]) or {}).get("calls") or {} for run in records(frames["runs"])]
    known = [calls for calls in counts if "repairs" in calls]
    if not known:
        return []
    repairs, asked = sum(calls["repairs"] for calls in known), sum(c["sent"] + c["cached"] for c in known)
    share = f"{repairs:,} of {asked:,} calls" if repairs else "no call"
    runs = "the last run" if len(known) == 1 else f"{len(known)} runs"
    return [Note(f"Repair requests, for answers that could not be used: {share} of {runs}.")]


def _model(name: str, calls: pd.DataFrame) -> tuple[Any, ...]:
    known = calls["cost"].dropna().astype(float)
    counts = (int(calls[column].fillna(0).sum()) for column in ("n", "input_tokens", "output_tokens"))
    return (name, *counts, f"{known.sum():,.4f}" if len(known) else "unknown")


def _makers(frame: pd.DataFrame) -> list[Block]:
    """What the rows of each generator cost: the calls that made them, judges apart."""
    known = frame[frame["calls"].astype(int) > 0]
    if known.empty:
        return []
    lines = []
    for row in records(known):
        cost, kept = row["cost"], int(row["accepted"])
        priced = None if pd.isna(cost) else float(cost)
        each = None if priced is None or not kept else priced / kept
        unpriced = int(row["unpriced"])
        note = f"{unpriced:,} calls of no known price left out" if unpriced else "counted, no interval"
        names = ("rows", "accepted", "calls", "input_tokens", "output_tokens")
        lines.append((text(row["generator"]), *(int(row[name]) for name in names), written(priced, "usd"),
                      Figure("", each, "usd", kept, "accepted rows", note=note)))  # fmt: skip
    columns = (
        "generator",
        "rows",
        "accepted",
        "calls",
        "input tokens",
        "output tokens",
        "US dollars",
        "per accepted row",
    )
    caption = "By generator: the calls that made its rows, without judging and calls that gave no row"
    return [Table(columns, tuple(lines), caption, numeric=tuple(range(1, 8)))]


def time(frames: Frames) -> Section:
    """Wall time of the runs, rows an hour, and how long calls took."""
    runs = records(frames["runs"].sort_values("started", kind="stable"))
    lines = [line for run in runs[-MOST_RUNS:] if (line := _run(run)) is not None]
    if not lines:
        return Section("time", "Time", (Note("No run has told how long it took."),))
    seconds = sum(float(line[-1]) for line in lines)
    decided = sum(int(line[3]) for line in lines)
    note = "wall time of the listed runs; counted, no interval"
    of = "runs" if len(lines) > 1 else "run"
    an_hour = 3600 * decided / seconds
    items = (
        Figure("Time of the runs", _clock(seconds), "count", len(lines), of, note=note),
        Figure("Rows decided an hour", an_hour, "count", decided, "rows decided", note=note),
    )
    columns = (
        *("run", "started", "time", "rows decided", "accepted", "decided an hour", "accepted an hour"),
        *("calls sent", "cached"),
    )
    table = Table(columns, tuple(line[:-1] for line in lines), "By run", numeric=tuple(range(2, 9)))
    intro = (
        "Rows that an earlier run had decided are not counted again. Times depend on machine, servers and "
        "the response cache."
    )
    return Section("time", "Time", (Figures(items), table, *_calls(frames)), intro)


def _run(run: dict[str, Any]) -> tuple[Any, ...] | None:
    """A line of the table, with the seconds at its end; None for a run without a summary."""
    summary = parsed(run["summary"]) or {}
    seconds = float(summary.get("seconds") or 0)
    if "planned" not in summary or not seconds:
        return None
    decided = int(summary["planned"]) - int(summary.get("pending", 0)) - int(summary.get("resumed", 0))
    # what was decided before counts among the accepted as well, so there is no rate of a resumed run
    accepted, resumed = int(summary.get("accepted", 0)), int(summary.get("resumed", 0))
    rate = written(3600 * accepted / seconds, "count") if not resumed else "resumed"
    calls = summary.get("calls") or {}
    asked = (int(calls.get(name, 0)) for name in ("sent", "cached"))
    began, an_hour = text(run["started"])[:19], round(3600 * decided / seconds)
    return (text(run["run_id"]), began, _clock(seconds), decided, accepted, an_hour, rate, *asked, seconds)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02.0f} s" if minutes else f"{rest:.1f} s"


def _calls(frames: Frames) -> list[Block]:
    """Seconds a call, by model and role, of the last runs."""
    frame = frames["speed"]
    if frame.empty:
        return []
    shown = records(frame.tail(MOST_RUNS))
    names = ("answered", "failed", "cached", "retries")
    lines = tuple(
        (text(row["model"]), text(row["role"]), text(row["run_id"]), *(int(row[name]) for name in names),
         *(_seconds(row[name]) for name in ("p50", "p95")), _seconds(row["output_tokens_per_second"]))
        for row in shown
    )  # fmt: skip
    columns = ("model", "role", "run", "answered", "failed", "cached", "retried", "median s", "95 % below s",
               "tokens a s")  # fmt: skip
    return [Table(columns, lines, "Calls: all counted, no interval", numeric=tuple(range(3, 10)))]


def _seconds(value: Any) -> str:
    if value is None or pd.isna(value):
        return "–"
    return f"{float(value):,.3f}" if abs(float(value)) < 1 else f"{float(value):,.1f}"
