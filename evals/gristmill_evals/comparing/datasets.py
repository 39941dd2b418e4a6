"""Datasets, compared figure by figure and row by row with the first of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from gristmill.errors import UsageError
from gristmill_evals.comparing.measures import Measure, measures, openings, word_pairs
from gristmill_evals.comparing.rows import RowChanges, row_changes
from gristmill_evals.comparing.settings import Changed, changed
from gristmill_evals.comparing.verdict import Method, Verdict, adjusted_all, detectable, verdict
from gristmill_evals.statistics import Difference, difference, paired_difference

Frames = Mapping[str, pd.DataFrame]
Texts = Callable[[Sequence[str]], Mapping[str, Mapping[str, Any]]]
"""Given ids of rows, their texts by id (instruction, response, chosen, rejected, uri)."""
MOST_SHARED = 0.5


@dataclass(frozen=True)
class Dataset:
    """One dataset, or one run of it. ``frames`` are those of the store operation ``compared``.

    ``texts`` fetches rows to read; ``every`` is above 1 when only one in so many documents was looked at.
    """

    label: str
    frames: Frames = field(repr=False)
    texts: Texts = field(repr=False)
    every: int = 1

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The recipe of its last run."""
        recipe = self.frames["runs"]["recipe"]
        return dict(json.loads(recipe.iloc[-1])) if len(recipe) and recipe.iloc[-1] else {}

    @cached_property
    def planned(self) -> int:
        """Rows its runs asked for, by their own accounts."""
        summaries = [json.loads(text) for text in self.frames["runs"]["summary"].dropna()]
        return sum(int(summary.get("planned") or 0) for summary in summaries)


@dataclass(frozen=True, slots=True)
class ComparedMeasure:
    """One figure in two datasets; differences are ``other`` less ``baseline``.

    ``rows`` takes all rows as independent samples of documents; ``documents`` pairs the means of the
    documents in both. ``decides`` says which of the two the verdict is of: documents where both datasets
    were mostly made of the same.
    """

    baseline: str
    other: str
    a: Measure
    b: Measure
    rows: Difference | None = None
    documents: Difference | None = None
    shared: tuple[float, float] = (0.0, 0.0)
    """Share of the rows of either side that come from documents in both."""
    note: str = ""
    adjusted: float | None = None
    detectable: float | None = None
    verdict: Verdict = "not known"

    @property
    def paired(self) -> bool:
        """Whether the verdict is of documents laid side by side."""
        return self.documents is not None and min(self.shared) >= MOST_SHARED

    @property
    def decides(self) -> Difference | None:
        """The difference that the verdict is of."""
        return self.documents if self.paired else self.rows


@dataclass(frozen=True, slots=True)
class DatasetComparison:
    """All datasets beside the first."""

    sides: tuple[Dataset, ...]
    compared: tuple[ComparedMeasure, ...]
    changes: tuple[RowChanges, ...]
    warnings: tuple[str, ...]
    settings: list[Changed]
    method: Method = "holm"


def compare_datasets(sides: Sequence[Dataset], method: Method = "holm") -> DatasetComparison:
    """Compare every dataset with the first.

    Raises:
        UsageError: of one of them there is nothing in its file.
    """
    for side in sides:
        if side.frames["slots"].empty:
            raise UsageError(
                f"{side.label}: no row of this run is in the file: a later run decided them all again",
                cure="compare a copy of the file made before that, or give each recipe a store of its own",
            )
    found = [one for side in sides[1:] for one in _with(sides[0], side)]
    p_values = adjusted_all([None if one.decides is None else one.decides.p for one in found], method)
    decided = tuple(
        replace(one, adjusted=p, verdict=verdict(one.decides, p, one.a.higher_is_better))
        for one, p in zip(found, p_values, strict=True)
    )
    changes = tuple(row_changes(sides[0].frames, side.frames, side.label) for side in sides[1:])
    settings = changed([side.recipe for side in sides])
    return DatasetComparison(tuple(sides), decided, changes, tuple(_warnings(sides)), settings, method)


def _with(first: Dataset, other: Dataset) -> Iterator[ComparedMeasure]:
    """All figures of both, in the order of the first."""
    rows = [int((side.frames["rows"]["status"] == "accepted").sum()) for side in (first, other)]
    ours, theirs = (
        {
            one.name: one
            for one in (*measures(side.frames), openings(side.frames, min(rows)), word_pairs(side.frames))
        }
        for side in (first, other)
    )
    for name in dict.fromkeys([*ours, *theirs]):
        if name in ours and name in theirs:
            yield _measured(ComparedMeasure(first.label, other.label, ours[name], theirs[name]))
        else:
            known = ours.get(name) or theirs[name]
            lacks = first.label if name not in ours else other.label
            none = replace(known, values=known.values.head(0), left_out=0)
            yield ComparedMeasure(
                first.label,
                other.label,
                ours.get(name, none),
                theirs.get(name, none),
                note=f"{lacks} has none",
            )


def _measured(one: ComparedMeasure) -> ComparedMeasure:
    a, b = one.a.values, one.b.values
    if a.empty or b.empty:
        sides = [(one.baseline, one.a), (one.other, one.b)]
        told = [f"{label}: {side.absent or f'no {side.of}'}" for label, side in sides if side.values.empty]
        return replace(one, note="; ".join(told))
    rows = difference(list(b["value"]), list(b["document_id"]), list(a["value"]), list(a["document_id"]))
    both = sorted(set(a["document_id"]) & set(b["document_id"]))
    shares = tuple(float(side["document_id"].isin(both).mean()) for side in (a, b))
    made = replace(one, rows=rows, documents=_by_document(a, b, both), shared=(shares[0], shares[1]))
    decides = made.decides
    return replace(made, detectable=detectable(decides), note="" if decides is None else decides.note)


def _by_document(a: pd.DataFrame, b: pd.DataFrame, both: list[str]) -> Difference | None:
    if not both:
        return None
    ours, theirs = (side.groupby("document_id")["value"].mean().reindex(both) for side in (a, b))
    return paired_difference(list(theirs), list(ours), both)


def _warnings(sides: Sequence[Dataset]) -> Iterator[str]:
    for side in sides:
        runs = side.frames["runs"]
        ended = [status for status in runs["status"] if status not in ("done", "finished", "short")]
        if ended:
            told = ", ".join(map(str, ended))
            yield f"{side.label}: not complete (status {told}); what is there is compared."
        found = len(side.frames["slots"])
        if side.every == 1 and found < side.planned:
            yield (
                f"{side.label}: {side.planned - found:,} of {side.planned:,} rows asked for are not in the"
                " file: not decided yet, or decided again by a later run with other settings."
            )
        if side.every > 1:
            yield f"{side.label}: one in {side.every} documents was looked at, the same in every dataset."
