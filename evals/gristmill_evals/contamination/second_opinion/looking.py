"""One row as an embedding model sees it: its pieces, what is nearest to them, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gristmill.records import MatchLabel, Span
from gristmill_evals.contamination.normalise import fold
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.second_opinion.foreign import Home, script_of
from gristmill_evals.contamination.second_opinion.nearest import Near, Space
from gristmill_evals.contamination.second_opinion.types import Cell, Suspect, logit, sigmoid

if TYPE_CHECKING:
    from gristmill_evals.contamination.second_opinion.types import Vectors

TIER = "embedding"
PIECE = 1200
_STOPS = re.compile(r"\n+|(?<=[.!?。！？])\s*")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")


class Piece(NamedTuple):
    """A part of a row that gets a vector of its own."""

    text: str
    span: Span


def pieces_of(row: Row) -> Iterator[Piece]:
    """Each field of the row, long ones cut at the ends of lines and sentences to 1,200 characters or so."""
    for start, end in row.fields.values():
        for left, right in _cuts(row.text, start, end):
            if row.text[left:right].strip():
                yield Piece(row.text[left:right], (left, right))


def _cuts(text: str, start: int, end: int) -> Iterator[Span]:
    while end - start > PIECE:
        stops = [match.end() for match in _STOPS.finditer(text, start + PIECE // 2, start + PIECE)]
        cut = stops[-1] if stops and stops[-1] > start else start + PIECE
        yield start, cut
        start = cut
    yield start, end


class Look:
    """One row with the vectors of its pieces and what is nearest to each."""

    def __init__(
        self, space: Space, row: Row, pieces: Sequence[Piece], vectors: Vectors, nearest: Sequence[list[Near]]
    ) -> None:
        self.row = row
        self._space, self._pieces, self._vectors, self._nearest = space, pieces, vectors, nearest

    def weighed(self, suspect: Suspect) -> Suspect:
        """The match with the model's evidence added to its log odds; its label and spans stay."""
        beside = [
            self._space.beside(vector, suspect.cell, near)
            for vector, near in zip(self._vectors, self._nearest, strict=True)
        ]
        chances = [near for near in beside if near is not None]
        if not chances:
            return suspect
        best = max(chances, key=lambda near: near.probability)
        score = sigmoid(logit(suspect.score) + logit(best.probability))
        return replace(suspect, score=score, tier=TIER, opinion=f"cosine {best.cosine:.3f}")

    def found(self, home: Home, least: float) -> list[Suspect]:
        """New matches from ``least`` up: the best piece for each item."""
        best: dict[Cell, Suspect] = {}
        for piece, near in zip(self._pieces, self._nearest, strict=True):
            for one in near:
                if one.probability < least:
                    continue
                suspect = self._suspect(piece, one, home)
                known = best.get(suspect.cell)
                if known is None or known.score < suspect.score:
                    best[suspect.cell] = suspect
        return list(best.values())

    def _suspect(self, piece: Piece, near: Near, home: Home) -> Suspect:
        label = _label(piece.text, near.item.question, home)
        whole = (0, len(near.item.question))
        opinion = f"cosine {near.cosine:.3f}"
        return Suspect(
            self.row,
            near.benchmark,
            near.item,
            label,
            near.probability,
            TIER,
            piece.span,
            whole,
            opinion=opinion,
        )


def _label(text: str, question: str, home: Home) -> MatchLabel:
    """Other numbers make it the same template; numbers survive a translation, if they are digits."""
    mine, theirs = (set(_DIGITS.findall(fold(one)[0])) for one in (text, question))
    if mine and theirs and 2 * len(mine & theirs) < min(len(mine), len(theirs)):
        return "template"
    return "translated" if script_of(text) != script_of(question) or home.foreign_text(text) else "paraphrase"
