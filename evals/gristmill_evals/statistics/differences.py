"""Differences between two means: paired by item, or of independent samples.

Sources: Student (1908), "The probable error of a mean", Biometrika 6, and Welch (1947), "The generalization
of 'Student's' problem when several different population variances are involved", Biometrika 34, both with the
clustered errors of :mod:`gristmill_evals.statistics.clusters`; Miller (2024), "Adding error bars to evals",
for why two models are to be compared item by item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gristmill_evals.statistics.clusters import Clusters, both_tails, grouped, numbers, quantile, spread
from gristmill_evals.statistics.resampling import studentised, unfit
from gristmill_evals.statistics.results import MIN_CLUSTERS, NO_VARIATION, ONE_SOURCE, Difference

if TYPE_CHECKING:
    from gristmill_evals.statistics.clusters import Array, Spread


def paired_difference(
    a: Sequence[float], b: Sequence[float], clusters: Clusters = None, level: float = 0.95
) -> Difference:
    """Mean of ``a - b``, where a[i] and b[i] are of the same item, with Student's t interval.

    ``clusters`` are what the items depend on (their source document); None: every item for itself.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    first, second = _pairs(a, b)
    rows = grouped((first - second).tolist(), clusters)
    found = spread(rows) if rows.groups >= MIN_CLUSTERS else None
    if found is None or found.nothing:
        return _none(first, second, rows.groups, ONE_SOURCE if found is None else NO_VARIATION)
    half = found.critical(level) * found.error
    return Difference(
        rows.mean,
        rows.mean - half,
        rows.mean + half,
        rows.n,
        rows.groups,
        found.error,
        found.p(rows.mean),
        float(first.mean()),
        float(second.mean()),
        _correlation(first, second),
    )


def bootstrap_difference(
    a: Sequence[float],
    b: Sequence[float],
    clusters: Clusters = None,
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Difference:
    """As :func:`paired_difference`, by the studentised bootstrap of whole clusters: for skewed differences.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    first, second = _pairs(a, b)
    rows = grouped((first - second).tolist(), clusters)
    if note := unfit(rows):
        return _none(first, second, rows.groups, note)
    found = studentised(rows, draws, seed, level)
    low, high = found.interval(level)
    if low is None:
        return _none(first, second, rows.groups, found.note(level))
    return Difference(
        rows.mean,
        low,
        high,
        rows.n,
        rows.groups,
        found.error,
        found.p(),
        float(first.mean()),
        float(second.mean()),
        _correlation(first, second),
    )


def difference(
    a: Sequence[float], clusters_a: Clusters, b: Sequence[float], clusters_b: Clusters, level: float = 0.95
) -> Difference:
    """Mean of ``a`` less mean of ``b`` for samples that are not of the same items (Welch's test, clustered).

    A cluster that is in both (two datasets made from one document) counts as one: what it adds to both means
    cancels. ``clusters`` of the result counts it once.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    one, two = grouped(a, clusters_a), grouped(b, clusters_b)
    places = _shared(clusters_a, clusters_b)
    n, groups, mean = one.n + two.n, one.groups + two.groups - len(places), one.mean - two.mean
    few = min(one.groups, two.groups) < MIN_CLUSTERS
    found = None if few else _together(spread(one), spread(two), places, level)
    if found is None:
        note = ONE_SOURCE if few else NO_VARIATION
        return Difference(mean, None, None, n, groups, None, None, one.mean, two.mean, None, note)
    error, df = found
    half = quantile(level, df) * error
    p = both_tails(mean / error, df)
    return Difference(mean, mean - half, mean + half, n, groups, error, p, one.mean, two.mean)


def _shared(one: Clusters, two: Clusters) -> list[tuple[int, int]]:
    """Places, in order of first appearance, of the clusters that both have."""
    if one is None or two is None:
        return []
    first, second = ({name: n for n, name in enumerate(dict.fromkeys(names))} for names in (one, two))
    return [(place, second[name]) for name, place in first.items() if name in second]


def _together(
    here: Spread, there: Spread, places: Sequence[tuple[int, int]], level: float
) -> tuple[float, float] | None:
    """Error of the difference and its degrees of freedom, None where there is no error.

    They are Welch's, or when clusters are shared half of them, but no fewer than those of the poorer side:
    with all shared and of one size clusters - 1, as for pairs.
    """
    apart = here.error**2 + there.error**2
    both = sum(float(here.parts[one] * there.parts[two]) for one, two in places)
    error = max(0.0, apart - 2 * both) ** 0.5
    if error <= max(here.least, there.least):
        return None
    ours, theirs = here.freedom(level), there.freedom(level)
    df = apart**2 / (here.error**4 / ours + there.error**4 / theirs)
    return error, max(df / 2, min(ours, theirs)) if places else df


def _pairs(a: Sequence[float], b: Sequence[float]) -> tuple[Array, Array]:
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values: pairs need as many of both")
    return numbers(a, None), numbers(b, None)


def _none(first: Array, second: Array, groups: int, note: str) -> Difference:
    one, two = float(first.mean()), float(second.mean())
    correlation = _correlation(first, second)
    return Difference(one - two, None, None, len(first), groups, None, None, one, two, correlation, note)


def _correlation(first: Array, second: Array) -> float | None:
    import numpy as np

    if len(first) < MIN_CLUSTERS or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
