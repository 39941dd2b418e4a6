"""Sides of items as arrays that compiled code compares with rows: made when first asked for, and kept.

Importing this needs numba.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.index import ItemIndex, Side
from gristmill_evals.contamination.index.combine import SCALE
from gristmill_evals.contamination.index.sides import answer_text
from gristmill_evals.contamination.kernel.batch import Places, laid_out
from gristmill_evals.contamination.kernel.sides import sides_of
from gristmill_evals.contamination.kernel.text import classes, encode, special_words
from gristmill_evals.contamination.kernel.verify import CHOICES, QUESTION
from gristmill_evals.contamination.tiers import ngrams
from gristmill_evals.contamination.tiers.exact import MIN_INFORMATIVE

ROOM = 1 << 20
"""Tokens that are kept, 32 bytes each; beyond, all are made anew."""
Arrays = tuple[NDArray[Any], ...]


class Shelf:
    """Words, masked words, runs and weights of sides one after the other, where they end, and their facts."""

    def __init__(self, index: ItemIndex) -> None:
        self._index: Any = index
        self._clear()

    def _clear(self) -> None:
        hashes, facts = np.empty(0, dtype=np.uint64), np.empty((0, 5), dtype=np.int64)
        weights, ends = np.empty(0, dtype=np.float64), np.empty(0, dtype=np.int64)
        self._arrays: Arrays = (hashes, hashes, hashes, weights, ends, facts)
        self._used = 0, 0
        self._place: dict[int, int] = {}

    def with_all(self, sides: Sequence[Side]) -> tuple[Arrays, Places]:
        """The arrays (see :func:`kernel.verify.bounds`) and the place of each of ``sides`` in them."""
        if self._used[0] > ROOM:
            self._clear()
        new = {side.number: side for side in sides if side.number not in self._place}
        if new:
            self._add([*new.values()])
        return self._arrays, np.array([self._place[side.number] for side in sides], dtype=np.int64)

    def _add(self, sides: Sequence[Side]) -> None:
        texts = [answer_text(side.item) if side.kind == "answer" else side.text for side in sides]
        joined, ends = laid_out([encode(text) for text in texts])
        heads = np.array([side.head for side in sides], dtype=np.int64)
        asks = [_bytes_of_question(side, text) for side, text in zip(sides, texts, strict=True)]
        table, weights, _, _, unseen, _ = self._index.tables[2]
        lookup = (table, weights, unseen, float(SCALE), self._index.common.keys)
        tables = (classes(), *special_words())
        *made, starts, stops, facts = sides_of(joined, ends, heads, np.array(asks), tables, lookup)
        bounds = [0, *stops.tolist()]
        for n, side in enumerate(sides):
            if asks[n] < 0:
                facts[n, :2] = _asking(side, texts[n], starts[bounds[n] : bounds[n + 1]])
        flags = [_flags(side) for side in sides]
        telling = facts[:, 2] >= MIN_INFORMATIVE
        told = np.column_stack([heads, np.array(flags, dtype=np.int64), facts[:, :2], telling])
        first, size = len(self._place), self._used[0]
        self._put([*made, stops + size, told])
        self._place.update((side.number, first + n) for n, side in enumerate(sides))

    def _put(self, made: Sequence[NDArray[Any]]) -> None:
        """Put arrays behind those that are there, with room to spare, so that few are copied."""
        used = [self._used[0]] * 4 + [self._used[1]] * 2
        self._arrays = tuple(map(_behind, self._arrays, used, made))
        self._used = self._used[0] + len(made[0]), self._used[1] + len(made[-1])


def _behind(old: NDArray[Any], used: int, new: NDArray[Any]) -> NDArray[Any]:
    if used + len(new) > len(old):
        larger = np.empty((2 * (used + len(new)), *old.shape[1:]), dtype=old.dtype)
        larger[:used] = old[:used]
        old = larger
    old[used : used + len(new)] = new
    return old


def _bytes_of_question(side: Side, text: str) -> int:
    """Bytes of the question in an ASCII text; -1 where it is not to be found so easily."""
    return len(side.item.question) if side.kind == "question" and text.isascii() else -1


def _asking(side: Side, text: str, starts: Places) -> tuple[int, int]:
    """The tokens of :func:`ngrams.asking`."""
    if not text.isascii():
        return ngrams.asking(side)
    start, end = ngrams.asking_span(side)
    first, last = np.searchsorted(starts, (start, max(start, end))).tolist()
    return first, last


def _flags(side: Side) -> int:
    if side.kind != "question":
        return 0
    return QUESTION | CHOICES if len(side.item.choices) > 1 else QUESTION
