"""What a corpus will give of the rows wanted, foreseen from the chunks walked so far."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.pipeline.yields import Range, Yield
from gristmill.quota import OTHER, Quota

FAR = 10**9


@dataclass(frozen=True, slots=True)
class Forecast:
    """``expected`` rows when all chunks are walked, ``needed`` further chunks to the goal (inf: never)."""

    goal: int
    accepted: int
    yield_per_chunk: Range
    needed: Range
    expected: Range
    chunks_left: int
    based_on: int

    def as_json(self) -> dict[str, Any]:
        """Numbers with their 90 % intervals."""
        return {
            "yield_per_chunk": self.yield_per_chunk.as_json(3),
            "chunks_needed": self.needed.as_json(),
            "chunks_left": self.chunks_left,
            "expected": self.expected.as_json(),
            "based_on_chunks": self.based_on,
        }

    def warning(self, chunks: int) -> str:
        """For people, when even the upper end is too little."""
        mid, low, high = self.expected
        return (
            f"the corpus is too small: at this yield {chunks} chunks give about {mid:.0f} "
            f"[{low:.0f}, {high:.0f}] of the {self.goal} rows wanted: add documents or loosen accept"
        )

    def line(self, chunks_per_second: float) -> str:
        """For the progress line."""
        mid, low, high = self.yield_per_chunk
        text = f"{mid:.2f} [{low:.2f}, {high:.2f}] rows a chunk"
        if self.expected.mid < self.goal:
            return f"{text} · about {self.expected.mid:.0f} of {self.goal} to be had"
        left = f"{text} · about {self.needed.mid:.0f} chunks to go"
        if chunks_per_second <= 0 or not math.isfinite(self.needed.mid):
            return left
        return f"{left}, {clock(self.needed.mid / chunks_per_second)}"


class Outlook:
    """Yields of the chunks walked: of all rows that found a place, and by value where numbers are named.

    Quotas with one number for every value (so many a document) are not foreseen: values to come are
    unknown.
    """

    def __init__(self, rows_per_chunk: int, quotas: Sequence[Quota]) -> None:
        self.total = Yield(rows_per_chunk)
        self.asked = 0
        self._named = [(place, quota) for place, quota in enumerate(quotas) if quota.limits is not None]
        self._labels = [
            {label: Yield(rows_per_chunk) for label in (*(quota.limits or {}), OTHER)}
            for _, quota in self._named
        ]

    def add(self, passed: Sequence[tuple[tuple[str, ...], bool]], *, asked: bool) -> None:
        """Learn from one chunk: labels of its rows that passed the accept rule, and if a quota let them."""
        self.asked += asked
        self.total.add(sum(1 for _, had_place in passed if had_place))
        for (place, _), yields in zip(self._named, self._labels, strict=True):
            found = Counter(labels[place] for labels, _ in passed)
            for label, one in yields.items():
                one.add(found[label])

    def chunks_worth(self, rows: int) -> int:
        """Chunks that may be on their way for ``rows`` more, none of them likely to be too many."""
        if not self._named:
            return _chunks(rows, self._rate(self.total))
        worth = []
        for (_, quota), yields in zip(self._named, self._labels, strict=True):
            wanted = [label for label in quota.limits or () if quota.room(label) > 0]
            rates = {label: self._rate(yields[label]) for label in wanted}
            most = max((_chunks(quota.room(label), rate) for label, rate in rates.items()), default=1)
            worth.append(min(most, _chunks(rows, min(sum(rates.values()), self.total.most))))
        return min(worth)

    def _rate(self, found: Yield) -> float:
        """Upper end of the rows of a chunk that is asked anything (the others are over at once)."""
        most = float(found.most)
        return min(most, found.mean().high * found.chunks / self.asked) if self.asked else most

    def forecast(self, goal: int, accepted: int, left: int) -> Forecast:
        """What ``left`` chunks will add to ``accepted`` rows, and how many chunks the goal takes."""
        bounds = [self._rows(left, bound, goal - accepted) for bound in range(3)]
        needed = [self._needed(bound, goal - accepted) for bound in (0, 2, 1)]
        found = Range(*(accepted + rows for rows in bounds))
        return Forecast(goal, accepted, self.total.mean(), Range(*needed), found, left, self.total.chunks)

    def _rows(self, chunks: int, bound: int, wanted: int) -> float:
        """Rows of the next chunks at the middle, low or high (0, 1, 2) end of the yields."""
        if not self._named:
            return min(self.total.of(chunks)[bound], wanted)
        sums = [
            sum(
                min(max(0, quota.room(label)), yields[label].of(chunks)[bound])
                for label in quota.limits or ()
            )
            for (_, quota), yields in zip(self._named, self._labels, strict=True)
        ]
        return min(*sums, float(wanted))

    def _needed(self, bound: int, wanted: int) -> float:
        """The smallest number of chunks that give ``wanted`` rows, found by bisection."""
        if wanted <= 0:
            return 0.0
        low, high = 0, 1
        while self._rows(high, bound, wanted) < wanted:
            if high > FAR:
                return math.inf
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if self._rows(middle, bound, wanted) < wanted:
                low = middle
            else:
                high = middle
        return float(high)


def _chunks(rows: int, rate: float) -> int:
    return FAR if rate <= 0 else max(1, math.ceil(rows / rate))


def clock(seconds: float) -> str:
    """``45 s``, ``12 min`` or ``3.4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
