"""Contamination: benchmark items that the rows repeat, by label and with examples."""

from __future__ import annotations

from typing import Any

import pandas as pd

from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Pair, Section, Table
from gristmill_evals.report.frames import Frames, groups, records, text
from gristmill_evals.report.sections.overview import gates_used

MOST_PAIRS = 12
CONTEXT = 700
LIMITS = (
    "Lexical checks find repeated and lightly changed items; they do not find translations, and free "
    "paraphrases only in part. No match is not proof of no contamination."
)


def contamination(frames: Frames) -> Section:
    """Matches per benchmark and label, and side-by-side examples of the strongest."""
    found = frames["matches"]
    checked = gates_used(frames, "contamination")
    if found.empty:
        note = (
            "No row matches a benchmark item. " + LIMITS
            if checked
            else "Not checked: the recipe has no contamination gate."
        )
        return Section("contamination", "Contamination", (Note(note, "plain" if checked else "warning"),))
    told = ", ".join(f"{label} {n:,}" for label, n in found["label"].value_counts().items())
    blocks: list[Block] = [
        ChartBlock("Matches by label", charts.matches(found), told),
        _per_benchmark(found, frames["rows"]),
        Note(LIMITS),
        *_examples(found),
    ]
    return Section(
        "contamination",
        "Contamination",
        tuple(blocks),
        "Rows with a blocking label were rejected; the others are shown for people to judge.",
    )


def _per_benchmark(found: pd.DataFrame, rows: pd.DataFrame) -> Table:
    lines = []
    for (benchmark, label), part in groups(found, "benchmark", "label"):
        hit, items = part["example_id"].nunique(), part["item_id"].nunique()
        kept = part.loc[part["status"] == "accepted", "example_id"].nunique()
        share = Figure.share("", min(hit, len(rows)), len(rows))
        lines.append(
            (
                benchmark,
                label,
                hit,
                share,
                kept,
                items,
                f"{part['score'].astype(float).median():.2f}",
            )
        )
    columns = (
        "benchmark",
        "label",
        "rows hit",
        "share of rows",
        "of them accepted",
        "items hit",
        "median score",
    )
    return Table(columns, tuple(lines), "Per benchmark", numeric=(2, 3, 4, 5, 6))


def _examples(found: pd.DataFrame) -> list[Block]:
    """The strongest matches of each benchmark and label in turn."""
    ranked = found.sort_values(["score", "example_id"], ascending=[False, True], kind="stable")
    turn = ranked.groupby(["benchmark", "label"]).cumcount()
    chosen = ranked.assign(turn=turn).sort_values("turn", kind="stable").head(MOST_PAIRS)
    return [_pair(row) for row in records(chosen)]


def _pair(row: dict[str, Any]) -> Pair:
    left, left_span = window(text(row["example_text"]), int(row["example_start"]), int(row["example_end"]))
    right, right_span = window(text(row["item_text"]), int(row["item_start"]), int(row["item_end"]))
    heading = f"{text(row['label'])} · score {float(row['score']):.2f} · row {text(row['status'])}"
    item = f"{text(row['benchmark'])}: {text(row['item_id'])}"
    return Pair(heading, f"Row {text(row['example_id'])[:12]}", left, left_span, item, right, right_span)


def window(full: str, start: int, end: int) -> tuple[str, tuple[int, int]]:
    """At most about :data:`CONTEXT` characters around the span, and the span in them."""
    start, end = max(0, min(start, len(full))), max(0, min(end, len(full)))
    end = min(max(start, end), start + CONTEXT)
    margin = max(0, CONTEXT - (end - start)) // 2
    first, last = max(0, start - margin), min(len(full), end + margin)
    before, after = ("…" if first else ""), ("…" if last < len(full) else "")
    shift = len(before) - first
    return before + full[first:last] + after, (start + shift, end + shift)
