"""Rows against benchmarks: candidates, tiers, the best hit per item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill.records import Match
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.index.item_index import IN_PROSE, LEAST_HOPE
from gristmill_evals.contamination.kernel import worth_compiling
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers import SURE, TIERS, Hit, Reworded, Worth
from gristmill_evals.contamination.tiers.options import words_of

if TYPE_CHECKING:
    from gristmill_evals.contamination.tiers.again import Again

REPEATS = 0.5
"""From this score on, a tier that compares word by word has the last word on the label."""


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


Best = dict[tuple[str, str], Found]
"""The best hit of each item, by benchmark and id."""


class Checker:
    """Compares rows with the items of ``benchmarks``; building it indexes them, checking is read-only."""

    def __init__(self, benchmarks: Iterable[Benchmark], folder: Path | None = None) -> None:
        self.benchmarks = tuple(benchmarks)
        self.folder = folder
        self.index = ItemIndex.open(self.benchmarks, folder)
        self.reworded = Reworded(self.index)
        self.worth = Worth(self.index)

    def __reduce__(self) -> tuple[type[Checker], tuple[tuple[Benchmark, ...], Path | None]]:
        """Another process opens the index anew: from its folder, or by building it."""
        return Checker, (self.benchmarks, self.folder)

    def check(self, row: Row, min_score: float = 0.0) -> list[Found]:
        """The best hit for each item that scores at least ``min_score``, best first."""
        return self.check_many([row], min_score)[0]

    def check_many(self, rows: Sequence[Row], min_score: float = 0.0) -> list[list[Found]]:
        """:meth:`check` for each row, in order; candidates are looked up for all of them at once."""
        candidates, suspects, rivals = self.index.promising(rows, min_score)
        repeating = self._repeating(rows, candidates, min_score)
        found = [self._repeated(row, shared) for row, shared in zip(rows, repeating, strict=True)]
        open_ones = [
            [one for one in own if not _settled(best, one)] for best, own in zip(found, suspects, strict=True)
        ]
        hopes = self._hopes(rows, candidates, open_ones, min_score)
        for row, best, own, first, hope in zip(rows, found, candidates, rivals, hopes, strict=True):
            if hope:
                self._add_reworded(row, own, first, best)
        return [_listed(best, min_score) for best in found]

    def _hopes(
        self,
        rows: Sequence[Row],
        candidates: Sequence[Sequence[Candidate]],
        suspects: Sequence[Sequence[Candidate]],
        min_score: float,
    ) -> list[bool]:
        """For each row, whether rewordings have to be looked for."""
        if min_score < LEAST_HOPE or not worth_compiling("looks", 0):
            return [len(own) > 0 for own in suspects]
        return self._again.of(rows, candidates, suspects, min_score)

    @cached_property
    def _again(self) -> Again:
        from gristmill_evals.contamination.tiers.again import Again

        return Again(self.index, self.worth)

    def check_exact(self, rows: Sequence[Row], min_score: float = 0.0) -> list[list[Found]]:
        """:meth:`check_many` with the tiers that compare word by word; rewordings are not looked for."""
        worth = [count > 0 for count in self.index.repeats(rows)]
        chosen = [row for row, shares in zip(rows, worth, strict=True) if shares]
        repeating = self._repeating(chosen, self.index.candidates(chosen), min_score)
        found = map(self._repeated, chosen, repeating)
        return [_listed(next(found), min_score) if shares else [] for shares in worth]

    def _repeating(
        self, rows: Sequence[Row], candidates: Sequence[Sequence[Candidate]], min_score: float
    ) -> list[list[Candidate]]:
        """For each row the candidates that may repeat it and come to ``min_score``.

        A repetition from :data:`REPEATS` on counts in any case, because it keeps rewordings out.
        """
        shared = [[one for one in found if _may_repeat(one)] for found in candidates]
        return self.worth.of(rows, shared, min(min_score, REPEATS))

    def _repeated(self, row: Row, repeating: Sequence[Candidate]) -> Best:
        """The best hit of each item by the tiers that compare word by word."""
        best: Best = {}
        for candidate in repeating:
            hit = self._hit(row, candidate)
            if hit is not None:
                _keep(best, Found(row, candidate.side, _less_if_other_choices(row, candidate.side, hit)))
        return best

    def _add_reworded(
        self, row: Row, candidates: Sequence[Candidate], first: Sequence[Candidate], best: Best
    ) -> None:
        for side, hit in self.reworded.match(row, candidates, first):
            _keep(best, Found(row, side, _less_if_other_choices(row, side, hit)))

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


def _settled(best: Best, candidate: Candidate) -> bool:
    """Whether it is a repetition in any case."""
    found = best.get((candidate.side.benchmark, candidate.side.item.id))
    return found is not None and found.hit.score >= REPEATS


def _listed(best: Best, min_score: float) -> list[Found]:
    found = (one for one in best.values() if one.hit.score >= min_score)
    return sorted(found, key=lambda one: (-one.hit.score, one.side.item.id, one.side.benchmark))


def _keep(best: Best, new: Found) -> None:
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
    if not below or any(row.tokens.find(words) is not None for words in words_of(side.item.choices)):
        return hit
    return replace(hit, score=min(hit.score, OTHER_CHOICES))
