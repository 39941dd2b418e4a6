"""Shared runs of words: how much of the item is in the row, and how much of the row is in the item.

A run of 13 words is the evidence used since the GPT-3 paper; runs of 8 covering half of an item are
that of the Tülu 3 decontamination. Both directions count, because a row may hold an item in a longer
text or only the telling part of a long one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.normalise import Tokens
from gristmill_evals.contamination.rows import GRAM, Row, masked_grams
from gristmill_evals.contamination.tiers.base import Hit

LONG = 13


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which tokens of both sides lie in shared runs, and the longest run of the item, in tokens."""

    row: Sequence[int]
    item: Sequence[int]
    longest: int

    def score(self, row: Row, item: Tokens, head: int) -> float:
        """The covered share, from 0.5 up when a run of :data:`LONG` words is among it."""
        share = self.share(row, item, head)
        return 0.5 + share / 2 if self.longest >= LONG else share

    def share(self, row: Row, item: Tokens, head: int) -> float:
        """The larger of: covered share of the question, of the item, of a field of the row."""
        asked = sum(1 for n in self.item if n < head) / head if head else 0.0
        shares = [asked, len(self.item) / len(item)]
        if len(self.row) >= LONG:
            shares.append(self._of_a_field(row))
        return max(shares)

    def _of_a_field(self, row: Row) -> float:
        """Covered share of the field that is covered most (of the fields long enough to tell)."""
        best = 0.0
        for start, end in row.fields.values():
            first, stop = row.tokens.between(start, end)
            if stop - first >= LONG:
                best = max(best, sum(1 for n in self.row if first <= n < stop) / (stop - first))
        return best


def coverage(row: Tokens, item: Tokens, index: ItemIndex, *, exact: bool) -> Coverage:
    """Tokens inside runs that both sides share, boilerplate left out; ``exact``: numbers must agree."""
    wanted: dict[tuple[str, ...], list[int]] = {}
    for at, gram in masked_grams(item):
        if hash(gram) not in index.common:
            wanted.setdefault(_key(item, at, gram, exact), []).append(at)
    of_row: set[int] = set()
    of_item: set[int] = set()
    for at, gram in masked_grams(row):
        places = wanted.get(_key(row, at, gram, exact), ())
        if places:
            of_row.update(range(at, at + GRAM))
        for place in places:
            of_item.update(range(place, place + GRAM))
    return Coverage(sorted(of_row), sorted(of_item), _longest(sorted(of_item)))


def _key(tokens: Tokens, at: int, gram: tuple[str, ...], exact: bool) -> tuple[str, ...]:
    return tuple(tokens.words[at : at + GRAM]) if exact else gram


def _longest(places: Sequence[int]) -> int:
    best = run = 0
    for before, place in zip([-2, *places], places, strict=False):
        run = run + 1 if place == before + 1 else 1
        best = max(best, run)
    return best


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """``near``, scored by what the shared runs cover."""
    side = candidate.side
    found = coverage(row.tokens, side.tokens, index, exact=True)
    if not found.item:
        return None
    row_span = row.tokens.span(found.row[0], found.row[-1])
    return Hit(
        "near",
        min(found.score(row, side.tokens, side.head), 0.96),
        row_span,
        side.tokens.span(found.item[0], found.item[-1]),
    )
