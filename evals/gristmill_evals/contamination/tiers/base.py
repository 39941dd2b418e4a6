"""What a tier is: a function that looks at one row and one candidate and may find a match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gristmill.records import MatchLabel, Span
from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.rows import Row


@dataclass(frozen=True, slots=True)
class Hit:
    """A match of one tier; spans are characters of the row's text and of the side's text."""

    label: MatchLabel
    score: float
    row_span: Span
    item_span: Span
    tier: str = ""


Tier = Callable[[Row, Candidate, ItemIndex], Hit | None]
