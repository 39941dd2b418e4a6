"""Shares with their intervals along the threshold: of rows flagged, and of verdicts that were right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gristmill_evals.statistics import wilson


@dataclass(frozen=True, slots=True)
class Point:
    """At ``threshold``: ``hits`` of ``n``, with the 95 % Wilson interval of their share."""

    threshold: float
    hits: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The proportion itself."""
        return self.hits / self.n


def point(threshold: float, hits: int, n: int) -> Point:
    """A proportion of at least one trial."""
    return Point(threshold, hits, n, *wilson(hits, n))


def flagged_curve(counts: Sequence[tuple[float, int]], rows: int, start: float) -> list[Point]:
    """Of ``rows``, those at or above each threshold from ``start`` up; ``counts`` are (threshold, rows)."""
    if rows == 0:
        return []
    return [point(threshold, hits, rows) for threshold, hits in sorted(counts) if threshold >= start]


def precision_curve(verdicts: Iterable[tuple[float, bool]]) -> list[Point]:
    """Of the verdicts (score, right) at or above each score that occurs, those that were right.

    Intervals take verdicts as independent, and hold for matches picked as those that were judged.
    """
    ranked, points, hits = sorted(verdicts, reverse=True), list[Point](), 0
    for n, (score, right) in enumerate(ranked, 1):
        hits += right
        if n == len(ranked) or ranked[n][0] < score:
            points.append(point(score, hits, n))
    return points[::-1]
