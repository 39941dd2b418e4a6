"""Whole items, word for word, however short: the question (or the answer) occurs in the row."""

from __future__ import annotations

from gristmill_evals.contamination.index import Candidate, ItemIndex, Side
from gristmill_evals.contamination.normalise import squash
from gristmill_evals.contamination.options import option_key
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.base import Hit

MIN_INFORMATIVE = 3.0
"""A question that says less than this ("Social norms are:") has to be a whole field of the row."""


def match(row: Row, candidate: Candidate, index: ItemIndex) -> Hit | None:
    """``verbatim`` when nothing but case, blanks and punctuation differ, else ``near``."""
    side = candidate.side
    at = row.tokens.find(side.tokens.words[: side.head])
    if at is None or not _counts(row, side):
        return None
    row_span = row.tokens.span(at, at + side.head - 1)
    item_span = side.tokens.span(0, side.head - 1)
    same = squash(row.text[slice(*row_span)]) == squash(side.text[slice(*item_span)])
    return Hit("verbatim" if same else "near", 1.0 if same else 0.98, row_span, item_span, "exact")


def _counts(row: Row, side: Side) -> bool:
    """A telling question counts anywhere, a short one as a whole field, an empty one with its choices."""
    if side.informative >= MIN_INFORMATIVE:
        return True
    choices = side.item.choices
    if choices and any(found.key == option_key(choices) for found in row.options):
        return True
    whole = any(part.words == side.tokens.words[: side.head] for part in row.parts.values())
    return whole and (not choices or side.informative >= 1)
