"""Rows against benchmarks: candidates, tiers, the best hit per item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

from gristmill.records import Match
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.normalise import tokenise
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers import SURE, TIERS, Hit, Reworded

REPEATS = 0.5
"""From this score on, a tier that compares word by word has the last word on the label."""


IN_PROSE = 0.2
"""Cosine (rare words) of an item whose choices may stand in the row without letters or bullets."""
BELOW = 80
"""Characters between a question and the choices that belong to it."""
OTHER_CHOICES = 0.4


@dataclass(frozen=True, slots=True)
class Found:
    """A row and an item that look alike."""

    row: Row
    side: Side
    hit: Hit

    def as_match(self) -> Match:
        """The record that is stored; its spans refer to the row's text and to ``item_text``."""
        hit, side = self.hit, self.side
        return Match(
            example_id=self.row.id,
            benchmark=side.benchmark,
            item_id=side.item.id,
            label=hit.label,
            score=round(hit.score, 4),
            example_span=hit.row_span,
            item_span=hit.item_span,
            item_text=side.text,
            tier=hit.tier,
            side=side.kind,
        )


class Checker:
    """Compares rows with the items of ``benchmarks``; building it indexes them, checking is read-only."""

    def __init__(self, benchmarks: Iterable[Benchmark], folder: Path | None = None) -> None:
        self.benchmarks = tuple(benchmarks)
        self.folder = folder
        self.index = ItemIndex.open(self.benchmarks, folder)
        self.reworded = Reworded(self.index)

    def __reduce__(self) -> tuple[type[Checker], tuple[tuple[Benchmark, ...], Path | None]]:
        """Another process opens the index anew: from its folder, or by building it."""
        return Checker, (self.benchmarks, self.folder)

    def check(self, row: Row, min_score: float = 0.0) -> list[Found]:
        """The best hit for each item that scores at least ``min_score``, best first."""
        return self.check_many([row], min_score)[0]

    def check_many(self, rows: Sequence[Row], min_score: float = 0.0) -> list[list[Found]]:
        """:meth:`check` for each row, in order; candidates are looked up for all of them at once."""
        looked_up = zip(rows, self.index.candidates(rows), strict=True)
        return [self._check(row, candidates, min_score) for row, candidates in looked_up]

    def check_exact(self, rows: Sequence[Row], min_score: float = 0.0) -> list[list[Found]]:
        """:meth:`check_many` with the tiers that compare word by word; rewordings are not looked for."""
        worth = [count > 0 for count in self.index.repeats(rows)]
        chosen = [row for row, shares in zip(rows, worth, strict=True) if shares]
        found = map(self._check_exact, chosen, self.index.candidates(chosen), repeat(min_score))
        return [next(found) if shares else [] for shares in worth]

    def _check_exact(self, row: Row, candidates: Sequence[Candidate], min_score: float) -> list[Found]:
        return self._check(row, candidates, min_score, exact=True)

    def _check(
        self, row: Row, candidates: Sequence[Candidate], min_score: float, *, exact: bool = False
    ) -> list[Found]:
        best: dict[tuple[str, str], Found] = {}
        for candidate in candidates:
            hit = self._hit(row, candidate) if _may_repeat(candidate) else None
            if hit is not None:
                _keep(best, Found(row, candidate.side, _less_if_other_choices(row, candidate.side, hit)))
        for side, hit in [] if exact else self.reworded.match(row, candidates):
            _keep(best, Found(row, side, _less_if_other_choices(row, side, hit)))
        found = (one for one in best.values() if one.hit.score >= min_score)
        return sorted(found, key=lambda one: (-one.hit.score, one.side.item.id))

    def _hit(self, row: Row, candidate: Candidate) -> Hit | None:
        best: Hit | None = None
        for tier in TIERS:
            hit = tier(row, candidate, self.index)
            if hit is not None and (best is None or hit.score > best.score):
                best = hit
            if best is not None and (
                best.score >= SURE or (best.tier == "numbers" and best.score >= REPEATS)
            ):
                break  # runs that are left beside other numbers would only be called near
        return best


def _may_repeat(candidate: Candidate) -> bool:
    """Whether the tiers that compare word by word can find anything: a run, or choices in prose."""
    return candidate.repeats or (candidate.cosine >= IN_PROSE and len(candidate.side.item.choices) > 1)


def _keep(best: dict[tuple[str, str], Found], new: Found) -> None:
    """The higher score of an item counts; a repetition once found keeps its label and its evidence."""
    key = new.side.benchmark, new.side.item.id
    old = best.get(key)
    if old is None or (new.hit.score > old.hit.score and old.hit.score < REPEATS):
        best[key] = new


def _less_if_other_choices(row: Row, side: Side, hit: Hit) -> Hit:
    """The same question with other choices right below it is another question: "Which of these is true?"."""
    if hit.tier == "options" or len(side.item.choices) < 2:
        return hit
    start, end = hit.row_span
    if hit.tier != "reworded":  # the span of a rewording holds the choices
        start, end = end, end + BELOW
    below = [options for options in row.options if start <= options.span[0] <= end]
    if not below or any(row.tokens.find(tokenise(choice).words) is not None for choice in side.item.choices):
        return hit
    return replace(hit, score=min(hit.score, OTHER_CHOICES))
