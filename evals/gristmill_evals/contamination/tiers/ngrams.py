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

import numpy as np
from numpy.typing import NDArray

from gristmill.records import Span
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.kernel.hashing import word_hash
from gristmill_evals.contamination.kernel.runs_numpy import Hashes, telling_grams
from gristmill_evals.contamination.rows import GRAM, Row, run_keys
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
        telling = [n for n, heavy in enumerate(weights[: side.head]) if heavy > 0]
        before = sum(1 for n in telling if n < self.item[0])
        after = sum(1 for n in telling if n > self.item[-1])
        first, end = _field_of(row, self.row[0])
        return (before >= GOES_ON and self.row[0] - first >= GOES_ON) or (
            after >= GOES_ON and end - 1 - self.row[-1] >= GOES_ON
        )

    def _asked(self, side: Side, index: ItemIndex) -> float:
        """Covered share of the asking sentence, 0 when it says too little to stand for the item."""
        weights = _weights(side, index)
        first, end = asking(side)
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
        for at, _ in run_keys(side.tokens):
            if at not in telling:
                weights[at : at + GRAM] = [0.0] * GRAM
    return weights


def _share(weights: Sequence[float], covered: Collection[int], first: int, end: int) -> float:
    total = float(sum(weights[first:end]))
    return float(sum(weights[n] for n in range(first, end) if n in covered)) / total if total > 0 else 0.0


def asking(side: Side) -> tuple[int, int]:
    """The tokens (half-open) of the last sentence with a question mark; empty when there is none."""
    return side.tokens.between(*asking_span(side))


def asking_span(side: Side) -> Span:
    """The characters of :func:`asking`."""
    question = side.item.question
    end = question.rfind("?")
    breaks = [m.end() for m in _SENTENCE.finditer(question, 0, max(end, 0))]
    return breaks[-1] if breaks else 0, end


def coverage(row: Row, side: Side, index: ItemIndex, *, exact: bool) -> Coverage:
    """Tokens inside runs that both have, boilerplate left out; ``exact``: numbers must agree."""
    of_row: set[int] = set()
    of_item: set[int] = set()
    for run, theirs in _runs_of_item(side, index).items():
        ours = row.masked_runs.get(run)
        if ours is None:
            continue
        if exact:
            ours, theirs = _with_same_numbers(row.tokens.words, ours, side.tokens.words, theirs)
        for at in ours:
            of_row.update(range(at, at + GRAM))
        for at in theirs:
            of_item.update(range(at, at + GRAM))
    return Coverage(sorted(of_row), sorted(of_item))


def _with_same_numbers(
    words: list[str], ours: list[int], other: list[str], theirs: list[int]
) -> tuple[list[int], list[int]]:
    """Where one masked run stands on both sides, left to the places where the other has the same numbers."""
    found = {at: tuple(words[at : at + GRAM]) for at in ours}
    wanted = {at: tuple(other[at : at + GRAM]) for at in theirs}
    both = set(found.values()) & set(wanted.values())
    return [at for at in ours if found[at] in both], [at for at in theirs if wanted[at] in both]


@functools.lru_cache(maxsize=512)
def _runs_of_item(side: Side, index: ItemIndex) -> dict[str, list[int]]:
    """Where each telling run of an item begins."""
    found: dict[str, list[int]] = {}
    for at, run in _telling(side, index):
        found.setdefault(run, []).append(at)
    return found


@functools.lru_cache(maxsize=512)
def _telling(side: Side, index: ItemIndex) -> list[tuple[int, str]]:
    """The runs of an item, numbers masked, that few other items have."""
    runs = run_keys(side.tokens)
    if not len(index.common):
        return runs
    words = np.array([word_hash(word) for word in side.tokens.masked], dtype=np.uint64)
    dull = _common(telling_grams(words, np.array([len(words)]))[0], index)
    return [run for run, common in zip(runs, dull.tolist(), strict=True) if not common]


def _common(hashes: Hashes, index: ItemIndex) -> NDArray[np.bool_]:
    """``gram in index.common`` for the hashes of many at once."""
    keys = index.common.keys
    found: NDArray[np.bool_] = keys[np.minimum(np.searchsorted(keys, hashes), len(keys) - 1)] == hashes
    return found


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
