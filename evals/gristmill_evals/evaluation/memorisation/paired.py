"""The drop from right or wrong originals to their variants, with an interval that holds near 0 and 1.

Scores of a model that knows the items are near 1, and those of its variants may be near 0. There Student's t
is too narrow, and with no variation at all there is none. The interval is put together of Wilson's intervals
of the two shares and their correlation: Newcombe (1998), "Improved confidence intervals for the difference
between binomial proportions based on paired data", Statistics in Medicine 17, in the general form of Zou
(2007), "Toward using confidence intervals to compare correlations", Psychological Methods 12; the variants of
an item are a cluster, for which Wilson's interval has an effective n.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from gristmill_evals.statistics import Difference, Estimate, clustered_share, paired_difference

STEPS = 40
MIN_SOURCES = 6
"""Fewer can have no interval: all lost of five is no surprise yet (a sign test has p = 0.06)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An item: the original's score, those of its variants, and what it depends on."""

    before: float
    after: tuple[float, ...]
    cluster: Hashable

    @property
    def mean(self) -> float:
        return sum(self.after) / len(self.after)


def drop_of(pairs: Sequence[Pair], level: float = 0.95) -> Difference:
    """Mean over items of the original's score less the mean of its variants'.

    Raises:
        ValueError: no pairs.
    """
    found = paired_difference(
        [pair.before for pair in pairs],
        [pair.mean for pair in pairs],
        [pair.cluster for pair in pairs],
        level,
    )
    if found.clusters < MIN_SOURCES:
        count = f"{found.clusters} {'item' if found.clusters == 1 else 'items'}"
        note = f"{count}, {MIN_SOURCES} are needed: no interval"
        return replace(found, low=None, high=None, error=None, p=None, note=note)
    every = {pair.before for pair in pairs}.union(*(pair.after for pair in pairs))
    if not every <= {0.0, 1.0}:
        return found
    low, high = interval(pairs, found, level)
    return replace(found, low=low, high=high, p=_p(pairs, found), note="")


def interval(pairs: Sequence[Pair], found: Difference, level: float) -> tuple[float, float]:
    """The interval around ``found.mean``; scores are 0 or 1."""
    before = _share([(pair.before, pair.cluster) for pair in pairs], level)
    after = _share([(value, pair.cluster) for pair in pairs for value in pair.after], level)
    together = found.correlation or 0.0
    down = _joined(before[0], after[1], together)
    up = _joined(before[1], after[0], together)
    return found.mean - down, found.mean + up


def _share(values: Sequence[tuple[float, Hashable]], level: float) -> tuple[float, float]:
    """How far Wilson's interval goes below and above a share."""
    found: Estimate = clustered_share([value == 1 for value, _ in values], [key for _, key in values], level)
    low, high = found.low or 0.0, 1.0 if found.high is None else found.high
    return found.mean - low, high - found.mean


def _joined(one: float, two: float, together: float) -> float:
    return math.sqrt(max(one * one - 2 * together * one * two + two * two, 0.0))


def _p(pairs: Sequence[Pair], found: Difference) -> float:
    """One less the highest level whose interval leaves 0 out, so that it agrees with the interval."""
    if found.mean == 0:
        return 1.0
    least, most = 0.0, 1.0
    for _ in range(STEPS):
        level = (least + most) / 2
        low, high = interval(pairs, found, level) if level < 1 else (-1.0, 1.0)
        least, most = (level, most) if low > 0 or high < 0 else (least, level)
    return 1 - least
