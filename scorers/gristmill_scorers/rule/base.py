"""What all rule scorers share: a view of the example in, a value with the places that led to it out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from gristmill.models.types import Ask
from gristmill.records import Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.checks import Limits, View, clipped, view

MOST_FINDINGS = 20


class Finding(NamedTuple):
    """A place in a text: ``kind`` is a short slug, ``side`` and ``turn`` name the text.

    ``turn`` counts the prompts or responses of the example from 0; offsets are those of that text. ``quote``
    is what stands there, masked where it must not be repeated.
    """

    kind: str
    side: Literal["prompt", "response", "rejected"]
    turn: int
    start: int
    end: int
    quote: str

    def row(self) -> dict[str, Any]:
        """For ``votes``: evidence spans are those of the source, these are the example's."""
        return {**self._asdict(), "quote": clipped(self.quote)}


class RuleScorer(Scorer):
    """Base of the rule scorers: no model, no cost, the same value every time."""

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """Score one example; ``empty-response`` when there is no response to look at."""
        seen = view(item, self.limits)
        if not any(text.raw.strip() for text in seen.responses):
            return Unscored("empty-response")
        return self.look(seen)

    @property
    def limits(self) -> Limits:
        """Limits of the checks that it shares with the gate."""
        return Limits()

    @abstractmethod
    def look(self, seen: View) -> Scored | Unscored:
        """The value of one example that has a response."""


def scored(value: float, rationale: str, findings: Iterable[Finding] = ()) -> Scored:
    """A value in [0, 1] with the first findings on record."""
    found = list(findings)
    more = f" and {len(found) - MOST_FINDINGS} more" if len(found) > MOST_FINDINGS else ""
    rows = tuple(finding.row() for finding in found[:MOST_FINDINGS])
    return Scored(min(1.0, max(0.0, value)), rationale + more, votes=rows)


def listed(findings: Iterable[Finding]) -> str:
    """Kinds and quotes of the first few, for a rationale."""
    shown = dict.fromkeys(f"{finding.kind}: {clipped(finding.quote)!r}" for finding in findings)
    return "; ".join(list(shown)[:5])
