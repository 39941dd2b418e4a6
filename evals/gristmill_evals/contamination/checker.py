"""Rows against benchmarks: candidates, tiers, the best hit per item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gristmill.records import Match
from gristmill_evals.contamination.benchmark import Benchmark
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers import SURE, TIERS, Hit


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
        )


class Checker:
    """Compares rows with the items of ``benchmarks``; building it indexes them, checking is read-only."""

    def __init__(self, benchmarks: Iterable[Benchmark]) -> None:
        self.benchmarks = tuple(benchmarks)
        self.index = ItemIndex(self.benchmarks)

    def __reduce__(self) -> tuple[type[Checker], tuple[tuple[Benchmark, ...]]]:
        """Indexed anew in another process: the index is keyed by hashes that differ there."""
        return Checker, (self.benchmarks,)

    def check(self, row: Row, min_score: float = 0.0) -> list[Found]:
        """The best hit for each item that scores at least ``min_score``, best first."""
        best: dict[tuple[str, str], Found] = {}
        for candidate in self.index.candidates(row):
            hit = self._hit(row, candidate)
            if hit is None or hit.score < min_score:
                continue
            key = candidate.side.benchmark, candidate.side.item.id
            if key not in best or hit.score > best[key].hit.score:
                best[key] = Found(row, candidate.side, hit)
        return sorted(best.values(), key=lambda found: (-found.hit.score, found.side.item.id))

    def _hit(self, row: Row, candidate: Candidate) -> Hit | None:
        best: Hit | None = None
        for tier in TIERS:
            hit = tier(row, candidate, self.index)
            if hit is not None and (best is None or hit.score > best.score):
                best = hit
            if best is not None and best.score >= SURE:
                break
        return best
