"""Multiple choice by its set of choices, in whatever order they stand."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from rapidfuzz import fuzz

from gristmill.records import Span
from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.normalise import squash, tokenise
from gristmill_evals.contamination.options import option_key
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.base import Hit
from gristmill_evals.contamination.vocabulary import STOPWORDS

TELLING_WORDS = 6
"""A set of choices with fewer words of its own ("yes", "no") needs its question beside it."""
SAME_QUESTION = 80.0
"""rapidfuzz token_set_ratio from which the question counts as being there too."""


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """``option-reordered`` for another order; the same order is ``verbatim`` or ``near``."""
    side = candidate.side
    if side.kind != "question" or len(side.item.choices) < 2:
        return None
    found = _listed(row, side) or _in_prose(row, side)
    if found is None:
        return None
    order, span = found
    asked = fuzz.token_set_ratio(_question(side), _before(row, span)) >= SAME_QUESTION
    if not asked and not _telling(side, index):
        return None
    if order != sorted(order):
        return Hit("option-reordered", 1.0 if asked else 0.9, span, _choices_span(side), "options")
    whole = row.tokens.find(side.tokens.words[: side.head]) is not None
    return None if whole else Hit("near", 0.95 if asked else 0.9, span, _choices_span(side), "options")


def _listed(row: Row, side: Side) -> tuple[list[int], Span] | None:
    """The order of the item's choices in a list of the row that has exactly these."""
    for found in row.options:
        if found.key == option_key(side.item.choices):
            return _order(
                [squash(c) for c in found.choices], [squash(c) for c in side.item.choices]
            ), found.span
    return None


def _order(found: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Positions of ``found`` in ``wanted``; equal choices keep their order."""
    free = list(range(len(wanted)))
    order = []
    for choice in found:
        at = next(n for n in free if wanted[n] == choice)
        free.remove(at)
        order.append(at)
    return order


def _in_prose(row: Row, side: Side) -> tuple[list[int], Span] | None:
    """Choices of two and more words that all occur in the text, without letters before them."""
    places: list[tuple[int, int, int]] = []
    for number, words in enumerate(words_of(side.item.choices)):
        at = row.tokens.find(words) if len(words) > 1 else None
        if at is None:
            return None
        places.append((at, number, len(words)))
    places.sort()
    if len({at for at, _, _ in places}) < len(places):
        return None
    last = max(at + size - 1 for at, _, size in places)
    return [number for _, number, _ in places], row.tokens.span(places[0][0], last)


@functools.lru_cache(maxsize=1024)
def words_of(choices: tuple[str, ...]) -> tuple[list[str], ...]:
    """The words of each choice."""
    return tuple(tokenise(choice).words for choice in choices)


def _telling(side: Side, index: ItemIndex) -> bool:
    words = set(side.tokens.words[side.head :]) - STOPWORDS
    return len(words) >= TELLING_WORDS and len(index.options[option_key(side.item.choices)]) == 1


def _question(side: Side) -> str:
    return " ".join(side.tokens.words[: side.head])


def _before(row: Row, span: Span) -> str:
    first, end = row.tokens.between(0, span[0])
    return " ".join(row.tokens.words[first:end])


def _choices_span(side: Side) -> Span:
    return len(side.item.question) + 1, len(side.text)
