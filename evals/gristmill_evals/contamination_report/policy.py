"""How bad a match is, and which matches keep a row out of the clean data."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.errors import UsageError
from gristmill.records import MatchLabel
from gristmill_evals.contamination.gate import BLOCKING
from gristmill_evals.contamination.scan import MATCHED_FROM

Severity = Literal["severe", "moderate", "note"]
SEVERITIES: tuple[Severity, ...] = ("severe", "moderate", "note")
LABELS: tuple[MatchLabel, ...] = typing.get_args(MatchLabel)
SEVERITY: Mapping[str, Severity] = {
    "verbatim": "severe",
    "near": "severe",
    "number-perturbed": "severe",
    "option-reordered": "severe",
    "paraphrase": "moderate",
    "translated": "moderate",
    "template": "note",
}
"""Severe: the item itself, slightly changed or not. Moderate: its content in other words. Note: its form."""
RANK = {label: n for n, label in enumerate(SEVERITY)}
"""Labels from worst to mildest."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A row is matched by a match of at least ``threshold``, and blocked when its label is in ``block``."""

    block: frozenset[str] = frozenset(BLOCKING)
    threshold: float = MATCHED_FROM

    @classmethod
    def of(cls, block: Iterable[str], min_score: float) -> Policy:
        """The policy of a command: candidates below one half never count, whatever is asked to be written.

        Raises:
            UsageError: a label that there is not.
        """
        chosen = frozenset(block) or frozenset[str](BLOCKING)
        unknown = sorted(chosen - set(LABELS))
        if unknown:
            raise UsageError(
                f"there is no label {unknown[0]!r}", where="--block", cure=f"labels: {', '.join(LABELS)}"
            )
        return cls(chosen, max(min_score, MATCHED_FROM))

    def counts(self, match: Mapping[str, Any]) -> bool:
        """Whether it is a match, and not just a candidate."""
        return match["label"] is not None and match["score"] >= self.threshold

    def blocks(self, match: Mapping[str, Any]) -> bool:
        """Whether the row does not belong into clean data."""
        return self.counts(match) and match["label"] in self.block
