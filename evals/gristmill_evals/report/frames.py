"""The frames a report is made of, checked once so that the sections need not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gristmill.errors import UsageError

COLUMNS: dict[str, tuple[str, ...]] = {
    "runs": ("run_id", "name", "started", "finished", "status", "summary", "recipe", "version"),
    "outcomes": ("task", "state", "reason", "n"),
    "rows": (
        "example_id", "kind", "generator", "type", "uri", "document_id", "status", "stale",
        "instruction_chars", "response_chars", "review", "judge_state",
    ),
    "scores": ("example_id", "scorer", "value", "unscored_reason", "generator", "document_id"),
    "coverage": (
        "uri", "media_type", "chars", "chunks", "chunks_used", "covered_chars",
        "accepted", "rejected", "failed",
    ),
    "failures": ("uri", "reason", "detail"),
    "matches": (
        "example_id", "benchmark", "item_id", "label", "score", "example_text", "item_text",
        "example_start", "example_end", "item_start", "item_end", "status", "tier", "side",
    ),
    "match_verdicts": ("benchmark", "label", "tier", "score", "right", "reviewer"),
    "reviews": ("reviewer", "action", "reason", "n"),
    "calls": ("model", "n", "input_tokens", "output_tokens", "cost"),
    "states": ("kind", "judge_state", "review", "queue_status", "n"),
    "pairings": ("of_", "one", "other", "said_one", "said_other", "n"),
    "ballots": ("of_", "votes", "n"),
    "judged": ("window_", "first", "last", "judge", "people", "n"),
    "pace": ("reviewer", "day", "n", "timed", "quarter", "median", "three_quarters"),
    "reasons": ("reviewer", "reason", "bulk", "n"),
    "spent": ("run_id", "name", "started", "cost", "calls", "unpriced", "asked", "accepted", "kept"),
    "samples": (
        "example_id", "kind", "generator", "type", "status", "reason", "uri", "heading_path", "instruction",
        "response", "chosen", "rejected", "evidence", "scores",
    ),
    "texts": (
        "example_id", "kind", "generator", "type", "document_id", "system", "instruction", "response",
        "rejected", "passage", "spans", "spans_found",
    ),
    "prompts": ("generator", "text", "n"),
    "copies": ("of_", "rows", "repeated", "groups", "largest"),
    "verdicts": (
        "example_id", "scorer", "generator", "document_id", "value", "forward", "swapped", "both", "position",
        "chosen_chars", "rejected_chars",
    ),
    "criteria": ("scorer", "criterion", "points", "document_id", "n", "met", "void_", "voted", "agreement"),
    "seats": ("example_id", "scorer", "document_id", "judge", "value"),
    "makers": (
        "generator", "rows", "accepted", "calls", "input_tokens", "output_tokens", "cost", "unpriced",
    ),
    "speed": (
        "run_id", "role", "model", "answered", "failed", "cached", "retries", "p50", "p95", "waited_p95",
        "output_tokens_per_second",
    ),
    "counted": ("model", "n", "chars", "tokens", "cc", "ct", "tt"),
}  # fmt: skip
"""Columns by frame; ``rows`` may also have ``chosen_chars``, ``rejected_chars``, ``margin``, ``contrast``,
``total_chars`` and ``turns``, ``coverage`` ``rows``, ``reviewed`` and ``kept``."""

Frames = Mapping[str, pd.DataFrame]


def checked(frames: Frames) -> dict[str, pd.DataFrame]:
    """All frames; one that is absent is empty.

    Raises:
        UsageError: a frame lacks a column, which would leave a section silently wrong.
    """
    full: dict[str, pd.DataFrame] = {}
    for name, columns in COLUMNS.items():
        frame = frames.get(name)
        if frame is None:
            frame = pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
        missing = [column for column in columns if column not in frame.columns]
        if missing:
            raise UsageError(f"the frame {name!r} has no column {', '.join(missing)}", where="report")
        full[name] = frame
    return _without_stale(full)


def _without_stale(full: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Rows whose document is gone from the sources are left out; ``attrs["stale"]`` counts them."""
    rows = full["rows"]
    stale = rows.loc[rows["stale"].fillna(False).astype(bool), "example_id"]
    for name in ("rows", "scores", "matches"):
        frame = full[name]
        kept = frame[~frame["example_id"].isin(set(stale))]
        kept.attrs = {**frame.attrs, "stale": len(stale)}
        full[name] = kept
    return full


def parsed(value: Any) -> Any:
    """A JSON column's value: text is parsed, anything else is taken as it is; None for nothing."""
    if isinstance(value, str):
        return json.loads(value) if value.strip() else None
    return None if value is None or value is pd.NA else value


def text(value: Any) -> str:
    """A cell as text; missing values are empty."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    return str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries."""
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    return rows


def groups(frame: pd.DataFrame, *names: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """The frame cut by the values of ``names``, in their order; missing values are a group of their own."""
    for key, part in frame.groupby(list(names), dropna=False):
        yield tuple(text(value) for value in (key if isinstance(key, tuple) else (key,))), part


def sums(frame: pd.DataFrame, name: str, value: str = "n") -> dict[str, int]:
    """Sum of ``value`` for each value of ``name``, largest first; empty names say so."""
    named = frame.assign(**{name: [text(one) or "no reason given" for one in frame[name]]})
    totals = named.groupby(name)[value].sum().sort_values(ascending=False, kind="stable")
    return {str(key): int(n) for key, n in totals.items()}


def latest_run(frames: Frames) -> dict[str, Any] | None:
    """The last run with its summary and recipe parsed, or None when there is no run."""
    runs = frames["runs"]
    if runs.empty:
        return None
    run = records(runs.sort_values("started", kind="stable").tail(1))[0]
    return {**run, "summary": parsed(run["summary"]) or {}, "recipe": parsed(run["recipe"]) or {}}
