"""Which candidates can reach a score at all, so that only these are compared in Python.

It changes no result: what is left out would have come to less. Without compiled code nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.decision.decide import FORM
from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.index.keys import may_hold_options
from gristmill_evals.contamination.kernel import note_compiled, worth_compiling
from gristmill_evals.contamination.kernel.batch import laid_out
from gristmill_evals.contamination.kernel.text import classes, encode, special_words
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers import ngrams, numbers

if TYPE_CHECKING:
    from gristmill_evals.contamination.tiers.shelf import Shelf

MARGIN = 1e-9
"""What sums may differ by that are made in another order."""
_RULES = (
    *(ngrams.STEEPNESS, ngrams.HALF, ngrams.HALF_OF_A_PIECE, ngrams.GOES_ON, ngrams.MOST, ngrams.ASKED),
    *(ngrams.OF_FIELD, numbers.MOST - MARGIN, float(FORM)),
)


class Worth:
    """Tells the candidates that are worth comparing word by word; it keeps the sides it has seen."""

    def __init__(self, index: ItemIndex) -> None:
        self._index = index

    @cached_property
    def _shelf(self) -> Shelf:
        from gristmill_evals.contamination.tiers.shelf import Shelf

        return Shelf(self._index)

    def of(
        self, rows: Sequence[Row], candidates: Sequence[Sequence[Candidate]], least: float
    ) -> list[list[Candidate]]:
        """For each row those of its candidates that a tier may give a score of at least ``least``."""
        asked = [n for n, own in enumerate(candidates) if own]
        size = sum(len(rows[n].text) for n in asked)
        if not asked or least <= 0 or not worth_compiling("verify", size):
            return [list(own) for own in candidates]
        highest = self._bounds([rows[n] for n in asked], [candidates[n] for n in asked])
        enough = iter((highest >= least - MARGIN).tolist())
        return [[one for one in own if next(enough)] for own in candidates]

    def _bounds(self, rows: Sequence[Row], candidates: Sequence[Sequence[Candidate]]) -> NDArray[np.float64]:
        """The highest score of each pair of a row and one of its candidates."""
        from gristmill_evals.contamination.kernel import verify

        sides = [one.side for own in candidates for one in own]
        listed = (
            one.side.number in known
            for known, own in zip(map(self._listed, rows), candidates, strict=True)
            for one in own
        )
        shelf, places = self._shelf.with_all(sides)
        text, fields = laid_out([encode(row.text[a:b]) for row in rows for a, b in row.fields.values()])
        ends = np.cumsum([len(row.fields) for row in rows], dtype=np.int64)
        pairs = (
            np.cumsum([len(own) for own in candidates], dtype=np.int64),
            places,
            np.fromiter(listed, dtype=np.bool_, count=len(sides)),
        )
        tables = (classes(), *special_words())
        highest: NDArray[np.float64] = verify.bounds(text, fields, ends, tables, shelf, pairs, _RULES)
        note_compiled("verify", verify.bounds)
        return highest

    def _listed(self, row: Row) -> frozenset[int]:
        """Sides whose set of choices the row lists."""
        if not len(self._index.options) or not may_hold_options(row.text):
            return frozenset()
        return frozenset(number for found in row.options for number in self._index.options[found.key])
