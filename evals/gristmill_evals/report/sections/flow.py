"""Nothing disappears: the accounting, the funnel, why rows were lost, what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, latest_run, records, sums, text
from gristmill_evals.report.numbers import written

MOST_FAILURES = 50


def accounting(frames: Frames) -> Section:
    """Files and rows of the last run, and whether they add up."""
    run = latest_run(frames)
    summary = run["summary"] if run else {}
    if "planned" not in summary:
        note = "The last run left no summary (it was interrupted), so its accounts can not be drawn up."
        return Section("accounting", "Accounting", (Note(note, "warning"),))
    blocks: list[Block] = [*_files(summary.get("files") or {}), *_rows(summary)]
    intro = (
        "Every file found and every row asked for in the last run ends in exactly one line. "
        "Complete counts, so no intervals."
    )
    return Section("accounting", "Accounting", tuple(blocks), intro)


def _files(files: Mapping[str, Any]) -> list[Block]:
    if "found" not in files:
        return [Note("The run did not record its files.", "warning")]
    failed = dict(files.get("failed") or {})
    lines = [("read", "", int(files.get("read", 0)))] + [
        ("failed", reason, int(n)) for reason, n in failed.items()
    ]
    return _balance("Files", lines, int(files["found"]), "files found")


def _rows(summary: Mapping[str, Any]) -> list[Block]:
    lines = [("accepted", "", int(summary.get("accepted", 0)))]
    for state in ("rejected", "failed"):
        lines += [(state, reason, int(n)) for reason, n in dict(summary.get(state) or {}).items()]
    lines.append(("pending", "", int(summary.get("pending", 0))))
    return _balance("Rows", lines, int(summary["planned"]), "rows asked for")


def _balance(caption: str, lines: list[tuple[str, str, int]], wanted: int, name: str) -> list[Block]:
    """The table and a line saying whether its sum is what was expected."""
    total = sum(n for _, _, n in lines)
    shown = [
        (state, reason or "–", n, written(n / wanted if wanted else None, "share"))
        for state, reason, n in lines
    ]
    table = Table(
        (caption, "reason", "n", "share"),
        (*shown, ("total", "", total, "")),
        numeric=(2, 3),
        total=True,
    )
    if total == wanted:
        return [table, Note(f"Balances: {total:,} of {wanted:,} {name} accounted for.", "good")]
    gap = f"Does not balance: {total:,} accounted for, {wanted:,} {name}; {wanted - total:+,} missing."
    return [table, Note(gap, "warning")]


def funnel(frames: Frames) -> Section:
    """From asked for to accepted, and the reasons for what was lost on the way."""
    outcomes = frames["outcomes"]
    if outcomes.empty:
        return Section("funnel", "Funnel", (Note("No row has been decided yet."),))
    stages = charts.funnel_stages(outcomes)
    asked = int(stages["n"].iloc[0])
    table = Table(
        ("stage", "n", "share of decided"),
        tuple(
            (s, int(n), Figure.share("", int(n), asked) if place else "")
            for place, (s, n) in enumerate(zip(stages["stage"], stages["n"], strict=True))
        ),
        numeric=(1, 2),
    )
    told = ", ".join(f"{n:,} {stage}" for stage, n in zip(stages["stage"], stages["n"], strict=True))
    blocks: list[Block] = [
        ChartBlock("From rows decided to rows accepted", charts.funnel(outcomes), told),
        *_reasons(outcomes),
        table,
    ]
    intro = (
        "All runs of this dataset. A failure is a row that could not be made or scored; "
        "a reject is a row that was not wanted."
    )
    return Section("funnel", "Funnel and reject reasons", (*blocks, *_by_task(outcomes)), intro)


def _reasons(outcomes: pd.DataFrame) -> list[Block]:
    lost = outcomes[outcomes["state"] != "accepted"]
    if lost.empty:
        return [Note("No row was rejected and none failed.", "good")]
    told = ", ".join(f"{reason} {n:,}" for reason, n in sums(lost, "reason").items())
    return [ChartBlock("Why rows were not accepted", charts.reject_reasons(outcomes), told)]


def _by_task(outcomes: pd.DataFrame) -> list[Block]:
    rows = []
    for (task,), part in groups(outcomes, "task"):
        counts = sums(part, "state")
        n, states = sum(counts.values()), [counts.get(s, 0) for s in ("accepted", "rejected", "failed")]
        rows.append((task, n, *states, Figure.share("", states[0], n)))
    columns = ("task", "n", "accepted", "rejected", "failed", "accepted share")
    return [Table(columns, tuple(rows), "By task", numeric=(1, 2, 3, 4, 5))]


def failures(frames: Frames) -> Section:
    """Files that could not be read and rows that could not be made."""
    return Section(
        "failures", "Failures", (*_failed_rows(frames["outcomes"]), *_unreadable(frames["failures"]))
    )


def _failed_rows(outcomes: pd.DataFrame) -> list[Block]:
    failed = sums(outcomes[outcomes["state"] == "failed"], "reason")
    if not failed:
        return [Note("No row failed.", "good")]
    decided = int(outcomes["n"].sum())
    rows = tuple((reason, n, Figure.share("", n, decided)) for reason, n in failed.items())
    return [Table(("error", "n", "share of decided"), rows, "Rows that failed", numeric=(1, 2))]


def _unreadable(files: pd.DataFrame) -> list[Block]:
    if files.empty:
        return [Note("Every file could be read.", "good")]
    listed = files.drop_duplicates(["uri", "reason"])
    shown = records(listed.head(MOST_FAILURES))
    rows = tuple((text(f["uri"]), text(f["reason"]), text(f["detail"])[:300]) for f in shown)
    more = f" (the first {len(shown)} of {len(listed)})" if len(shown) < len(listed) else ""
    return [Table(("file", "reason", "detail"), rows, f"Files that could not be read{more}")]
