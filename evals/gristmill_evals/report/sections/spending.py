"""Tokens and cost by model, and what is needed to make the dataset again."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Code, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, latest_run, parsed, records, text
from gristmill_evals.reviewing.blocks import cost_per_row

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_SECRET = re.compile(r"(api_?key|token|secret|password|authorization)$", re.I)


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
    blocks += [Table(columns, tuple(rows), numeric=(1, 2, 3, 4)), *_repairs(frames)]
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


def settings(frames: Frames) -> Section:
    """The recipe of the last run, and all runs."""
    import yaml

    run = latest_run(frames)
    if run is None:
        return Section("settings", "Settings to reproduce this", (Note("No run is recorded."),))
    settled = _stated(without_secrets(run["recipe"]))
    recipe = yaml.safe_dump(settled, sort_keys=False, allow_unicode=True, width=100)
    runs = records(frames["runs"].sort_values("started", kind="stable"))
    names = ("run_id", "name", "started", "status", "version")
    rows = tuple(tuple(text(run[name])[: 19 if name == "started" else 80] for name in names) for run in runs)
    blocks = (
        Code(recipe, "Recipe of the last run"),
        Table(("run", "recipe", "started", "status", "gristmill"), rows, "Runs"),
    )
    return Section("settings", "Settings to reproduce this", blocks)


def _stated(value: Any) -> Any:
    """Settings without those left empty, which are the defaults."""
    if isinstance(value, dict):
        inner = {key: _stated(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in (None, {}, [])}
    return [_stated(one) for one in value] if isinstance(value, list) else value


def without_secrets(value: Any, name: str = "") -> Any:
    """Settings fit to publish: no credentials in URLs, nothing under a key that names a secret."""
    if isinstance(value, dict):
        return {key: without_secrets(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value]
    if isinstance(value, str):
        return "(removed)" if _SECRET.search(name) and value else _USERINFO.sub("", value)
    return value
