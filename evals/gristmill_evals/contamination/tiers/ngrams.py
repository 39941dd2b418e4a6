"""Shared runs of words: how much of the item is in the row.

Runs of eight words are those of the Tülu 3 decontamination. A single run proves nothing, however long: it
may be an instruction, a licence or a quotation that both hold. What counts is how much of what the item says
is in the row: the share of the question, its rare words weighing more; or its asking sentence, when the row
has little else to say.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.rows import GRAM, Row, masked_grams
from gristmill_evals.contamination.tiers.base import Hit

STEEPNESS, HALF, HALF_OF_A_PIECE = 12.0, 0.8, 0.6
"""The covered share as a probability: logistic, one half at :data:`HALF`; already at :data:`HALF_OF_A_PIECE`
when the row ends where the item goes on: a piece of the item. Boilerplate goes on differently in both."""
GOES_ON = 2
"""Tokens by which a text must go on."""
MOST = 0.97
ASKED = 5
"""Telling words that an asking sentence must have to stand for its item."""
OF_FIELD = 0.5
"""How much of a field of the row an asking sentence must be to stand for its item."""
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which tokens of both sides lie in shared runs."""

    row: Sequence[int]
    item: Sequence[int]

    def share(self, side: Side, index: ItemIndex) -> float:
        """The larger of: covered share of the question, and of all of the item; rare words weigh more."""
        weights = _weights(side, index)
        covered = set(self.item)
        return max(_share(weights, covered, 0, side.head), _share(weights, covered, 0, len(weights)))

    def probability(self, row: Row, side: Side, index: ItemIndex) -> float:
        """How likely the row repeats the item, by what is covered of it."""
        share = self.share(side, index)
        half = HALF if self._diverges(row, side, index) else HALF_OF_A_PIECE
        if self._of_a_field(row) >= OF_FIELD:
            share = max(share, self._asked(side, index))
        return min(MOST, 1 / (1 + math.exp(-STEEPNESS * (share - half))))

    def _diverges(self, row: Row, side: Side, index: ItemIndex) -> bool:
        """Whether row and item both go on, before or after what they share."""
        weights = _weights(side, index)
        telling = [n for n in range(side.head) if weights[n] > 0]
        before = sum(1 for n in telling if n < self.item[0])
        after = sum(1 for n in telling if n > self.item[-1])
        first, end = _field_of(row, self.row[0])
        return (before >= GOES_ON and self.row[0] - first >= GOES_ON) or (
            after >= GOES_ON and end - 1 - self.row[-1] >= GOES_ON
        )

    def _asked(self, side: Side, index: ItemIndex) -> float:
        """Covered share of the asking sentence, 0 when it says too little to stand for the item."""
        weights = _weights(side, index)
        first, end = _asking(side)
        if sum(1 for n in range(first, end) if weights[n] > 0) < ASKED:
            return 0.0
        return _share(weights, set(self.item), first, end)

    def _of_a_field(self, row: Row) -> float:
        """Covered share of the field that is covered most."""
        best = 0.0
        for start, end in row.fields.values():
            first, stop = row.tokens.between(start, end)
            if stop > first:
                best = max(best, sum(1 for n in self.row if first <= n < stop) / (stop - first))
        return best


def _field_of(row: Row, token: int) -> tuple[int, int]:
    """The tokens (half-open) of the field that holds a token."""
    at = row.tokens.starts[token]
    start, end = next(span for span in row.fields.values() if span[0] <= at < span[1])
    return row.tokens.between(start, end)


@functools.lru_cache(maxsize=1024)
def _weights(side: Side, index: ItemIndex) -> list[float]:
    """Rarity of each token; those in runs that many items have do not belong to this one."""
    weights: list[float] = index.weights(side.tokens).tolist()
    if len(index.common):
        telling = {at for at, _ in _telling(side, index)}
        for at, _ in masked_grams(side.tokens):
            if at not in telling:
                weights[at : at + GRAM] = [0.0] * GRAM
    return weights


def _share(weights: Sequence[float], covered: Collection[int], first: int, end: int) -> float:
    total = float(sum(weights[first:end]))
    return float(sum(weights[n] for n in range(first, end) if n in covered)) / total if total > 0 else 0.0


def _asking(side: Side) -> tuple[int, int]:
    """The tokens (half-open) of the last sentence with a question mark; empty when there is none."""
    question = side.item.question
    end = question.rfind("?")
    breaks = [m.end() for m in _SENTENCE.finditer(question, 0, max(end, 0))]
    return side.tokens.between(breaks[-1] if breaks else 0, end)


def coverage(row: Row, side: Side, index: ItemIndex, *, exact: bool) -> Coverage:
    """Tokens inside runs that both have, boilerplate left out; ``exact``: numbers must agree."""
    wanted = _runs_of_item(side, index, exact)
    words = row.tokens.words
    of_row: set[int] = set()
    of_item: set[int] = set()
    for at, gram in row.masked_runs:
        places = wanted.get(tuple(words[at : at + GRAM]) if exact else gram, ())
        if places:
            of_row.update(range(at, at + GRAM))
        for place in places:
            of_item.update(range(place, place + GRAM))
    return Coverage(sorted(of_row), sorted(of_item))


@functools.lru_cache(maxsize=512)
def _runs_of_item(side: Side, index: ItemIndex, exact: bool) -> dict[tuple[str, ...], list[int]]:
    """Where each telling run of an item begins."""
    found: dict[tuple[str, ...], list[int]] = {}
    for at, gram in _telling(side, index):
        found.setdefault(tuple(side.tokens.words[at : at + GRAM]) if exact else gram, []).append(at)
    return found


@functools.lru_cache(maxsize=512)
def _telling(side: Side, index: ItemIndex) -> list[tuple[int, tuple[str, ...]]]:
    """The runs of an item, numbers masked, that few other items have."""
    return [(at, gram) for at, gram in masked_grams(side.tokens) if gram not in index.common]


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """``near``, scored by what the shared runs cover."""
    side = candidate.side
    found = coverage(row, side, index, exact=True)
    if not found.item:
        return None
    row_span = row.tokens.span(found.row[0], found.row[-1])
    item_span = side.tokens.span(found.item[0], found.item[-1])
    score = found.probability(row, side, index)
    return Hit("near", score, row_span, item_span, "n-grams")
