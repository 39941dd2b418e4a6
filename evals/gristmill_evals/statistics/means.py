"""Means of values that come in clusters, by formula and by bootstrap.

The sources are named in :mod:`gristmill_evals.statistics.clusters` and ``.resampling``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from gristmill_evals.statistics.clusters import grouped, plain_error, spread
from gristmill_evals.statistics.resampling import studentised, unfit
from gristmill_evals.statistics.results import MIN_CLUSTERS, NO_VARIATION, ONE_SOURCE, Estimate


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean when values of one cluster depend on each other.

    The cluster-robust (sandwich) error of a mean: the square root of the sum over clusters of the squared
    sum of residuals, divided by n, with the factor G / (G - 1) for G clusters (CR1). With one value a cluster
    it is the ordinary standard error.

    Raises:
        ValueError: fewer than two clusters, or lengths that differ.
    """
    rows = grouped(values, clusters)
    if rows.groups < MIN_CLUSTERS:
        raise ValueError("a clustered standard error needs at least two clusters")
    return plain_error(rows)


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95) -> Estimate:
    """Mean with the interval of Student's t around it.

    With clusters of one size that is the clustered error with G - 1 degrees of freedom; with unlike sizes
    both are corrected, see :func:`gristmill_evals.statistics.clusters.spread`.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    rows = grouped(values, clusters)
    mean, n, groups = rows.mean, rows.n, rows.groups
    if groups < MIN_CLUSTERS:
        return Estimate(mean, None, None, n, groups, ONE_SOURCE)
    found = spread(rows)
    if found.nothing:
        return Estimate(mean, None, None, n, groups, NO_VARIATION)
    half = found.critical(level) * found.error
    return Estimate(mean, mean - half, mean + half, n, groups)


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Mean with the studentised interval of ``draws`` resamples of whole clusters (seeded: reproducible).

    For skewed values without bounds (costs, lengths); scores in [0, 1] have :func:`bounded_mean`.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    rows = grouped(values, clusters)
    mean, n, groups = rows.mean, rows.n, rows.groups
    if note := unfit(rows):
        return Estimate(mean, None, None, n, groups, note)
    found = studentised(rows, draws, seed, level)
    low, high = found.interval(level)
    return Estimate(mean, low, high, n, groups, found.note(level))
