"""How ``gristmill status`` tells people of runs and their calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

ENDS = {
    "killed": "was killed: run the recipe again to go on",
    "lost": "no sign of life: if that machine is down, run the recipe again to go on",
    "failed": "failed: run the recipe again to go on",
    "interrupted": "was stopped at once: run the recipe again to go on",
}


def life(told: Mapping[str, Any]) -> RenderableType:
    """One run, live or cut short; ``told`` is an entry of :func:`gristmill_data.store.lives.read_lives`."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _lines(told):
        grid.add_row(name, Text(text))
    return Group(_title(told), grid, "")


def _title(told: Mapping[str, Any]) -> Text:
    running = told["state"] == "running"
    where = f"process {told['pid']} on {told['host']}"
    how = told["phase"] if running else f"{ENDS.get(told['state'], told['state'])}"
    title = Text(f"{told['name']} · run {told['run']} · ", style="bold")
    title.append(how, style="green" if running else "red")
    title.append(f" ({where}, seen {_time(told['age'])} ago)", style="dim")
    return title


def _lines(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows, calls, chunks = told["rows"], told["calls"], told["chunks"]
    if told["phase"] == "reading":
        yield "read", f"{told['documents']} documents, {chunks['total']} chunks so far"
        return
    if told["stopping"]:
        yield "stops", told["stopping"]
    yield "chunks", f"{chunks['done']} walked, {chunks['total']} in all"
    resumed = f", {rows['resumed']} of them by earlier runs" if rows["resumed"] else ""
    states = f"{rows['accepted']} accepted, {rows['rejected']} rejected, {rows['failed']} failed"
    yield "rows", f"{rows['decided']} of {rows['planned']} decided{resumed}: {states}"
    if rows["failed_for"]:
        yield "", ", ".join(f"{reason} {count}" for reason, count in rows["failed_for"].items())
    sent = f"{calls['sent']} sent, {calls['cached']} cached, {calls['retried']} retried"
    yield (
        "calls",
        f"{sent}, {calls['repairs']} repairs, {calls['failed']} failed · {told['calls_per_second']:.1f}/s",
    )
    for limits in told["models"]:
        yield "", _limits(limits)
    tokens = told["tokens"]
    yield "tokens", f"{tokens['input']} + {tokens['output']} · {told['tokens_per_second']:.0f}/s"
    yield "cost", _cost(told)
    if told["target"]:
        yield "target", _target(told["target"])
    if told["eta_seconds"] is not None and told["state"] == "running":
        yield "left", f"about {_time(told['eta_seconds'])}"
    if told["last_error"]:
        last = told["last_error"]
        ago = _time(max(0.0, time.time() - last["time"]))
        yield "last error", f"{last['kind']} ({last['role']}, {ago} ago): {last['message']}"
    if told.get("error"):
        yield "ended by", told["error"]


def _target(target: Mapping[str, Any]) -> str:
    text = f"{target['accepted']} of {target['wanted'] or 'the quotas'}"
    forecast = target.get("forecast")
    return text if forecast is None else f"{text}; forecast: {_forecast(forecast)}"


def _forecast(found: Mapping[str, Any]) -> str:
    """Numbers with their intervals, as :meth:`gristmill.pipeline.forecast.Forecast.as_json` names them."""
    parts = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            low, high = (("?" if value[end] is None else value[end]) for end in ("low", "high"))
            value = f"{'?' if value['mid'] is None else value['mid']} [{low}, {high}]"
        parts.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(parts)


def _limits(limits: Mapping[str, Any]) -> str:
    text = f"{limits['model']} at {limits['host']}: {limits['in_flight']} in flight"
    allowed = f", {limits['allowed']} of {limits['limit']} allowed, {limits['waiting']} waiting"
    throttled = f", turned away {limits['throttled']} times" if limits["throttled"] else ""
    paused = f", paused for {limits['paused_for']:.1f} s" if limits["paused_for"] > 0 else ""
    return text + allowed + throttled + paused


def _cost(told: Mapping[str, Any]) -> str:
    budget, text = told["budget"], f"${told['cost_usd']:.4f}"
    if budget.get("usd") is not None:
        text += f" of ${budget['usd']:g}"
    if budget.get("tokens") is not None:
        used = sum(told["tokens"].values())
        text += f", {used} of {budget['tokens']} tokens"
    unpriced = told["unpriced_calls"]
    return text + (f" (+ {unpriced} calls of unknown price)" if unpriced else "")


def runs_table(runs: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Past and present runs, the last one first; ``runs`` is what the operation ``runs`` gives."""
    table = Table("run", "recipe", "status", "started", "finished", box=None, header_style="dim")
    for run in runs:
        times = ((run[name] or "")[:19].replace("T", " ") for name in ("started", "finished"))
        table.add_row(*map(escape, (run["run_id"], run["name"], run["status"], *times)))
    return table


def calls_view(run: Mapping[str, Any]) -> RenderableType:
    """Calls of one run by role and model; ``run`` is what the operation ``run_calls`` gives."""
    parts: list[RenderableType] = []
    for row in run["calls"]:
        errors = [e for e in run["errors"] if (e["role"], e["model"]) == (row["role"], row["model"])]
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, text in _call_lines(row, errors):
            grid.add_row(name, Text(text))
        parts += [Text(f"{row['role']} ({row['model']}) in run {run['run_id']}", style="bold"), grid]
    return Group(*parts)


def _call_lines(row: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    answers = f"{row['answered']} answered, {row['failed']} failed, {row['cached']} cached"
    yield "calls", f"{answers}, {row['retries']} retries"
    for error in errors:
        again = f"{error['failed']} failed of it, {error['retried']} requests sent again"
        yield "", f"{error['kind']}: {again}"
    if row["p50"] is not None:
        seconds = " · ".join(f"{name} {row[name]:.2f}" for name in ("p50", "p95", "p99", "slowest"))
        waited = f"waited before: p50 {row['waited_p50']:.2f}, p95 {row['waited_p95']:.2f}"
        yield "seconds", f"{seconds} ({waited})"
    speed = row["output_tokens_per_second"]
    pace = "" if speed is None else f" · {speed:.0f} output tokens/s a call"
    yield "tokens", f"{row['input_tokens']} + {row['output_tokens']}{pace}"
    unpriced = f" (+ {row['unpriced']} calls of unknown price)" if row["unpriced"] else ""
    yield "cost", f"${row['cost'] or 0:.4f}{unpriced}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))
