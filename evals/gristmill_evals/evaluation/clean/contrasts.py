"""Contaminated items of a benchmark against its clean ones: the difference of their means, with its interval.

The mean of all items less that of the clean ones is the share of contaminated items times this difference,
exactly, because the clean items are part of all. So both have one interval, which is what pairing by item
comes to: what the clean items have in common with themselves cancels. The share is taken as it is: which
items stand in a dataset is a fact about the two and not a sample.

Sources: Newcombe (1998), "Interval estimation for the difference between independent proportions: comparison
of eleven methods", Statistics in Medicine 17 (the hybrid score interval, for scores of 0 and 1, with the
effective n of clustered data); Zou and Donner (2008), "Construction of confidence limits about effect
measures: a general approach", Statistics in Medicine 27; Welch's test, and the linearised cluster-robust
variance of Liang and Zeger (1986), Biometrika 73, where clusters have items of both kinds.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

from gristmill_evals.statistics import Estimate, clustered_share, difference

MIN_EACH = 10
"""Clusters of either kind below which there is no interval: the simulated coverage falls off there."""


@dataclass(frozen=True, slots=True)
class Group:
    """Values of some items, and what each depends on."""

    values: tuple[float, ...]
    clusters: tuple[Hashable, ...]

    @property
    def mean(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def binary(self) -> bool:
        return all(value in (0.0, 1.0) for value in self.values)


def gap(contaminated: Group, clean: Group, level: float = 0.95) -> Estimate:
    """Mean of the contaminated items less mean of the clean ones, with its interval.

    Raises:
        ValueError: a group is empty.
    """
    mean = contaminated.mean - clean.mean
    n = len(contaminated.values) + len(clean.values)
    groups = [len(set(group.clusters)) for group in (contaminated, clean)]
    together = len({*contaminated.clusters, *clean.clusters})
    if min(groups) < MIN_EACH:
        few, kind = min(zip(groups, ("contaminated", "clean"), strict=True))
        note = f"{few} {kind} {'source' if few == 1 else 'sources'}, {MIN_EACH} are needed: no interval"
        return Estimate(mean, None, None, n, together, note)
    if together < sum(groups):
        low, high = _linearised(contaminated, clean, min(groups) - 1, level)
    elif contaminated.binary and clean.binary:
        low, high = _hybrid(contaminated, clean, level)
    else:
        sides = contaminated.values, contaminated.clusters, clean.values, clean.clusters
        found = difference(*sides, level)
        low, high = found.low, found.high
    note = "" if low is not None else "all items have the same score: no interval"
    return Estimate(mean, low, high, n, together, note)


def scaled(estimate: Estimate, share: float) -> Estimate:
    """The same times ``share`` (0 to 1): the whole benchmark instead of its contaminated items."""
    low = None if estimate.low is None else share * estimate.low
    high = None if estimate.high is None else share * estimate.high
    return Estimate(share * estimate.mean, low, high, estimate.n, estimate.clusters, estimate.note)


def _hybrid(one: Group, two: Group, level: float) -> tuple[float | None, float | None]:
    first, second = (
        clustered_share([value == 1 for value in group.values], group.clusters, level) for group in (one, two)
    )
    if None in (first.low, first.high, second.low, second.high):
        return None, None
    down = math.hypot(first.mean - (first.low or 0.0), (second.high or 0.0) - second.mean)
    up = math.hypot((first.high or 0.0) - first.mean, second.mean - (second.low or 0.0))
    mean = first.mean - second.mean
    return mean - down, mean + up


def _linearised(one: Group, two: Group, df: int, level: float) -> tuple[float | None, float | None]:
    """From what each cluster adds to the difference, whichever kinds of items it has."""
    sums: dict[Hashable, float] = {}
    for group, sign in ((one, 1), (two, -1)):
        for value, cluster in zip(group.values, group.clusters, strict=True):
            influence = sign * (value - group.mean) / len(group.values)
            sums[cluster] = sums.get(cluster, 0.0) + influence
    error = math.sqrt(sum(part * part for part in sums.values()) * len(sums) / (len(sums) - 1))
    if math.isclose(error, 0, abs_tol=1e-12):
        return None, None
    from scipy import stats  # type: ignore[import-untyped]

    half = float(stats.t.ppf((1 + level) / 2, df)) * error
    return one.mean - two.mean - half, one.mean - two.mean + half
