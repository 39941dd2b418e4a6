"""What became of the rows of datasets, what they cost, and how their settings differ: all counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from gristmill_evals.comparing.datasets import Dataset, DatasetComparison
from gristmill_evals.comparing.rows import KINDS, MEANINGS
from gristmill_evals.comparing.words import differ
from gristmill_evals.report.blocks import Block, Figure, Note, Section, Table


def funnel(found: DatasetComparison) -> Section:
    """Every row asked for by what became of it, and accepted rows by kind."""
    counted = [_states(side.frames["slots"]) for side in found.sides]
    names = sorted({name for one in counted for name in one}, key=lambda name: (name[0], name[1]))
    rows = [("rows asked for", "", *(len(side.frames["slots"]) for side in found.sides))]
    rows += [(state, reason, *(one.get((state, reason), 0) for one in counted)) for state, reason in names]
    columns = ("state", "reason", *(side.label for side in found.sides))
    numeric = tuple(range(2, 2 + len(found.sides)))
    funnel = Table(columns, tuple(rows), "Every row asked for, as the recipe decided it: counted", numeric)
    kinds = _kinds(found)
    return Section("funnel", "What became of the rows", (funnel, kinds))


def _states(slots: pd.DataFrame) -> dict[tuple[str, str], int]:
    counts = slots.groupby(["state", "reason"]).size()
    return {_two(key): int(n) for key, n in counts.items()}


def _two(key: Any) -> tuple[str, str]:
    one, other = key
    return str(one), str(other)


def _kinds(found: DatasetComparison) -> Table:
    counted = []
    for side in found.sides:
        rows = side.frames["rows"]
        accepted = rows[rows["status"] == "accepted"].fillna({"type": "not stated"})
        sizes = accepted.groupby(["generator", "type"]).size()
        counted.append({_two(key): int(n) for key, n in sizes.items()})
    names = sorted({name for one in counted for name in one})
    lines = tuple((*name, *(int(one.get(name, 0)) for one in counted)) for name in names)
    columns = ("generator", "type", *(side.label for side in found.sides))
    return Table(columns, lines, "Accepted rows by generator and type", tuple(range(2, 2 + len(found.sides))))


def cost(found: DatasetComparison) -> Section:
    """Calls, tokens and dollars of each dataset."""
    rows = tuple(_spent(side) for side in found.sides)
    names = (
        "dataset",
        "calls sent",
        "answered by the cache",
        "input tokens",
        "output tokens",
        "US dollars",
    )
    columns = (*names, "per accepted row")
    intro = (
        "Counted, no interval. Answers that the cache already had cost nothing in this run: a second run over"
        " the same documents looks cheaper than it would be alone."
    )
    table = Table(columns, rows, numeric=tuple(range(1, 7)))
    return Section("cost", "Cost", (table,), intro)


def _spent(side: Dataset) -> tuple[object, ...]:
    spent, rows = side.frames["spent"], side.frames["rows"]
    names = ("calls", "cached", "input_tokens", "output_tokens")
    counts = [int(spent[name].fillna(0).sum()) for name in names]
    accepted = int((rows["status"] == "accepted").sum()) * side.every
    usd, unpriced = float(spent["cost"].fillna(0).sum()), int(spent["unpriced"].fillna(0).sum())
    if unpriced:
        return (side.label, *counts, f"price unknown for {unpriced:,} calls", "–")
    each = Figure("", usd / accepted, "usd", accepted, note="") if accepted else "no accepted row"
    return (side.label, *counts, Figure("", usd, "usd", note=""), each)


def rows(found: DatasetComparison) -> Section:
    """Slots by what became of their rows on either side."""
    columns = ("what became of the slot", *(one.other for one in found.changes), "meaning")
    lines = [(kind, *(one.counts[kind] for one in found.changes), MEANINGS[kind]) for kind in KINDS]
    numeric = tuple(range(1, 1 + len(found.changes)))
    blocks: list[Block] = [Table(columns, tuple(lines), "Slots from which either side has a row", numeric)]
    for one in found.changes:
        both, ours, theirs = one.chunks
        if both < max(ours, theirs):
            text = (
                f"{one.other}: {both:,} chunks are the same on both sides, {ours - both:,} only in the first,"
                f" {theirs - both:,} only in the other: other documents, or cut in another way."
            )
            blocks.append(Note(text, "plain" if both else "warning"))
    intro = (
        f"A slot is a chunk, a task and a place (first row, second row …). Compared with"
        f" {found.sides[0].label}; a row that people decided on counts as they decided."
    )
    return Section("rows", "Rows here and there", tuple(blocks), intro)


def settings(found: DatasetComparison) -> Iterator[Section]:
    """The recipes, key by key."""
    labels = [side.label for side in found.sides]
    if found.settings:
        intro = "Settings of the last run of each; everything else is the same."
        table = differ(found.settings, labels, "Recipe")
    else:
        intro, table = "", None
    blocks: tuple[Block, ...] = (table,) if table else (Note("The recipes are the same in every setting."),)
    yield Section("settings", "Settings that differ", blocks, intro)
