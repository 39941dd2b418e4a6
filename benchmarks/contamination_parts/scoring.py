"""Findings to figures: recall of each planted kind, false positives of each clean kind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from contamination_parts.clients import Finding
from contamination_parts.corpus import CLEAN, PLANTED, TEMPLATE

MILD = "template"


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``n`` rows."""

    hits: int
    n: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What a client found.

    ``recall``: rows of a planted kind with their own item among the findings. ``severe_templates``: rows
    with other numbers and names that are said to be more than that. ``flagged``: clean rows with any
    finding but a template.
    """

    recall: dict[str, Rate]
    severe_templates: Rate
    flagged: dict[str, Rate]
    labels: dict[str, dict[str, int]] = field(default_factory=dict)


def score(findings: Iterable[Finding], counts: Counter[str]) -> Scores:
    """Count each row once for each kind of finding."""
    right: dict[str, set[str]] = defaultdict(set)
    severe: dict[str, set[str]] = defaultdict(set)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for one in findings:
        number, kind, item = one.row.split(":")
        labels[kind][one.label] += 1
        if one.item == item:
            right[kind].add(number)
        if one.label != MILD:
            severe[kind].add(number)
    planted = [kind for kind in PLANTED if kind != TEMPLATE]
    return Scores(
        {kind: Rate(len(right[kind]), counts[kind]) for kind in planted},
        Rate(len(severe[TEMPLATE]), counts[TEMPLATE]),
        {kind: Rate(len(severe[kind]), counts[kind]) for kind in CLEAN},
        {kind: dict(found.most_common()) for kind, found in labels.items()},
    )
