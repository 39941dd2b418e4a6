"""Which items are nearest to a text, and what their cosine says.

Models differ in what a cosine means, so it is measured against the benchmark itself: ``level`` is 0 where
two different items of the benchmark are as alike as neighbours mostly are, and 1 for the same text;
``lead`` is how far the item is ahead of the next one that is another question. A translation may be far
from all items and still be far nearer to its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.second_opinion.types import Cell, sigmoid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gristmill_evals.contamination.second_opinion.types import Vectors

TOP = 6
SAME_QUESTION = 0.95
LEVEL, LEAD, BASE = 8.0, 10.0, -5.0
MOST_LEAD = 0.4
SAMPLE = 2000
PRIOR_NEIGHBOUR, PRIOR_WEIGHT = 0.5, 20
_BLOCK = 50_000


class Near(NamedTuple):
    """An item near to a text, with the cosine and the probability that both ask the same."""

    benchmark: str
    item: BenchmarkItem
    cosine: float
    probability: float


@dataclass(frozen=True)
class Space:
    """All items of some benchmarks with their vectors (float16, length 1, one matrix a benchmark)."""

    benchmarks: tuple[Benchmark, ...]
    matrices: tuple[NDArray[np.float16], ...]
    neighbour: float
    """How alike neighbouring items are (median cosine)."""

    @classmethod
    def of(cls, benchmarks: Sequence[Benchmark], matrices: Sequence[NDArray[np.float16]]) -> Space:
        """Measure how alike the items are, on at most 2,000 of them, evenly spaced."""
        return cls(tuple(benchmarks), tuple(matrices), _neighbour(matrices))

    def nearest(self, vectors: Vectors) -> list[list[Near]]:
        """For each row of ``vectors`` the nearest items, best first (at most 6)."""
        import numpy as np

        tops = [_top(vectors, matrix) for matrix in self.matrices]
        owner = np.concatenate([np.full(at.shape[1], n) for n, (at, _) in enumerate(tops)])
        places = np.concatenate([at for at, _ in tops], axis=1)
        cosines = np.concatenate([found for _, found in tops], axis=1)
        return [
            self._near(
                [
                    (int(owner[k]), int(places[n, k]), float(cosines[n, k]))
                    for k in np.argsort(-cosines[n])[:TOP]
                ]
            )
            for n in range(len(vectors))
        ]

    def beside(self, vector: Vectors, cell: Cell, found: Sequence[Near]) -> Near | None:
        """One item beside a text whose nearest are ``found``; None for an item of no benchmark here."""
        known = next((near for near in found if (near.benchmark, near.item.id) == cell), None)
        if known is not None:
            return known
        place = self._places.get(cell)
        if place is None:
            return None
        owner, at = place
        cosine = float(vector @ self.matrices[owner][at].astype("float32"))
        chance = self.probability(cosine, found[0].cosine if found else self.neighbour)
        return Near(cell[0], self.benchmarks[owner].items[at], cosine, chance)

    def probability(self, cosine: float, rival: float) -> float:
        """That the texts ask the same: rises with the cosine, falls with that of the best other question.

        ``sigmoid(8 level + 10 min(lead, 0.4) - 5)``: round numbers, not fitted to any model. The lead is
        bounded, for the only item on a subject is far ahead for every question on that subject.
        """
        room = max(1.0 - self.neighbour, 0.05)
        level, lead = (cosine - self.neighbour) / room, (cosine - rival) / room
        return sigmoid(LEVEL * level + LEAD * min(lead, MOST_LEAD) + BASE)

    @cached_property
    def _places(self) -> dict[Cell, tuple[int, int]]:
        return {
            (benchmark.name, item.id): (owner, at)
            for owner, benchmark in enumerate(self.benchmarks)
            for at, item in enumerate(benchmark.items)
        }

    def _near(self, ranked: Sequence[tuple[int, int, float]]) -> list[Near]:
        found = []
        for n, (owner, at, cosine) in enumerate(ranked):
            rival = self._rival(ranked, n)
            benchmark = self.benchmarks[owner]
            chance = self.probability(cosine, min(cosine, self.neighbour) if rival is None else rival)
            found.append(Near(benchmark.name, benchmark.items[at], cosine, chance))
        return found

    def _rival(self, ranked: Sequence[tuple[int, int, float]], mine: int) -> float | None:
        """The best cosine of another question: copies of the item in other benchmarks are none."""
        own = self.matrices[ranked[mine][0]][ranked[mine][1]].astype("float32")
        for n, (owner, at, cosine) in enumerate(ranked):
            if n != mine and float(own @ self.matrices[owner][at].astype("float32")) < SAME_QUESTION:
                return cosine
        return None


def _top(vectors: Vectors, matrix: NDArray[np.float16]) -> tuple[NDArray[np.int64], Vectors]:
    """Places and cosines of the best of ``matrix`` for each vector, by blocks of items."""
    import numpy as np

    places = np.zeros((len(vectors), 0), np.int64)
    cosines = np.zeros((len(vectors), 0), np.float32)
    for start in range(0, len(matrix), _BLOCK):
        block: Vectors = vectors @ np.asarray(matrix[start : start + _BLOCK], np.float32).T
        best = np.argpartition(-block, min(TOP, block.shape[1]) - 1, axis=1)[:, :TOP]
        cosines = np.concatenate([cosines, np.take_along_axis(block, best, 1)], axis=1)
        places = np.concatenate([places, best + start], axis=1)
    return places, cosines


def _neighbour(matrices: Sequence[NDArray[np.float16]]) -> float:
    """The median cosine of an item and its nearest other one; few items lean to a round number."""
    import numpy as np

    items = np.concatenate([np.asarray(matrix, np.float32) for matrix in matrices])
    items = items[:: max(1, -(-len(items) // SAMPLE))]
    if len(items) < 2:
        return PRIOR_NEIGHBOUR
    cosines = items @ items.T
    np.fill_diagonal(cosines, -1.0)
    cosines[cosines > SAME_QUESTION] = -1.0
    nearest = float(np.median(cosines.max(axis=1)))
    return (len(items) * nearest + PRIOR_WEIGHT * PRIOR_NEIGHBOUR) / (len(items) + PRIOR_WEIGHT)
