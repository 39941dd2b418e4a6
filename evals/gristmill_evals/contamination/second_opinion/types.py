"""What a second opinion is asked about, and what it is asked with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gristmill.records import Match, MatchLabel, Span
from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.rows import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Cell = tuple[str, str]
"""What names an item: benchmark and id."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row beside an item that it may repeat.

    Spans are characters of the row's text and of the item's question followed by its choices, one a line
    (of its answer when ``side`` is ``answer``). ``opinion`` says what the second opinion said, for people;
    ``unjudged`` is set when a judge was asked and gave no usable verdict.
    """

    row: Row
    benchmark: str
    item: BenchmarkItem
    label: MatchLabel
    score: float
    tier: str
    row_span: Span
    item_span: Span
    side: str = "question"
    opinion: str = ""
    unjudged: bool = False

    @property
    def cell(self) -> Cell:
        """Which item it is."""
        return self.benchmark, self.item.id

    @property
    def item_text(self) -> str:
        """The text that ``item_span`` refers to."""
        return self.item.answer if self.side == "answer" else self.item.text

    def as_match(self) -> Match:
        """The record that a run stores."""
        return Match(
            self.row.id,
            self.benchmark,
            self.item.id,
            self.label,
            round(self.score, 4),
            self.row_span,
            self.item_span,
            self.item_text,
            self.tier,
            self.side,
        )


class Embedder(Protocol):
    """Turns texts into vectors of length 1 (one row a text)."""

    name: str
    """Identity of the model: vectors of one name can be compared."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of ``texts``, in order, float32. Raises :class:`gristmill.errors.GristmillError`."""

    async def close(self) -> None:
        """Release connections."""


def logit(probability: float) -> float:
    """Log odds, bounded so that 0 and 1 have some too."""
    bounded = min(max(probability, 1e-4), 1 - 1e-4)
    return math.log(bounded / (1 - bounded))


def sigmoid(value: float) -> float:
    """The inverse of :func:`logit`."""
    return 0.5 * (1.0 + math.tanh(value / 2))
