"""How small an effect a study can show, and how large a study an effect needs.

Sources: Cohen (1988), "Statistical power analysis for the behavioral sciences"; Kish (1965), "Survey
Sampling" (design effect); Donner and Klar (2000), "Design and analysis of cluster randomization trials in
health research" (clusters); Searle, Casella and McCulloch (1992), "Variance components" (the correlation by
analysis of variance); Arvesen (1969), "Jackknifing U-statistics", Ann. Math. Stat. 40 (its interval).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from gristmill_evals.statistics.clusters import NOTHING, Clusters, Grouped, grouped, quantile, variances
from gristmill_evals.statistics.results import MIN_CLUSTERS, Correlation, SampleSize

if TYPE_CHECKING:
    from gristmill_evals.statistics.clusters import Array

ENOUGH, LEAST = 200, 0.2
RARE = "of 0 and 1 one is rare, and the sources are fewer than 200: no interval"


def minimum_detectable_effect(
    error: float, power: float = 0.8, level: float = 0.95, df: float = math.inf
) -> float:
    """The true difference that a study of this standard error finds significant with probability ``power``.

    ``error`` is that of the difference, as a study of the same size had it; ``df`` the degrees of freedom
    (clusters - 1) where they are few.

    Raises:
        ValueError: a power below one half, or a level that is no probability.
    """
    _check_chances(power, level)
    return shift(power, level, df) * error


def shift(power: float, level: float, df: float) -> float:
    """How many errors a true effect has to be."""
    if math.isinf(df):
        normal = NormalDist()
        return normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)
    from scipy import special  # type: ignore[import-untyped]

    return float(special.nctdtrinc(df, 1 - power, special.stdtrit(df, (1 + level) / 2)))


def sample_size(
    effect: float,
    deviation: float,
    *,
    correlation: float | None = None,
    cluster_size: float = 1,
    icc: float = 0,
    power: float = 0.8,
    level: float = 0.95,
) -> SampleSize:
    """Rows that a difference of ``effect`` needs to be found with probability ``power``.

    ``deviation`` is the standard deviation of one score. With ``correlation`` the same items are scored twice
    and ``n`` counts items; without it two independent groups are compared and ``n`` is for each. Rows come in
    clusters of ``cluster_size`` with intraclass correlation ``icc`` (of the differences, when paired).

    Raises:
        ValueError: no effect, or a number that cannot be (a correlation of 1, clusters below one row, ...).
    """
    _check(effect, deviation, correlation, cluster_size, icc)
    _check_chances(power, level)
    variance = 2 * deviation**2 * (1 if correlation is None else 1 - correlation)
    inflation = max(1.0, 1 + (cluster_size - 1) * icc)
    each = variance * inflation / cluster_size
    clusters = _clusters(abs(effect) / math.sqrt(each), correlation is None, power, level)
    return SampleSize(math.ceil(clusters * cluster_size - NOTHING), clusters, inflation)


def _check(effect: float, deviation: float, correlation: float | None, size: float, icc: float) -> None:
    if effect == 0 or deviation <= 0:
        raise ValueError(f"an effect other than 0 and a deviation above 0 are needed: {effect}, {deviation}")
    if correlation is not None and not -1 <= correlation < 1:
        raise ValueError(f"a correlation is from -1 to below 1 (at 1 there is no difference): {correlation}")
    if size < 1 or not 0 <= icc <= 1:
        raise ValueError(f"clusters have one row or more and an icc from 0 to 1: {size}, {icc}")


def _check_chances(power: float, level: float) -> None:
    if not (0.5 <= power < 1 and 0 < level < 1):
        raise ValueError(f"power is from 0.5 to below 1 and the level between 0 and 1: {power}, {level}")


def _clusters(effect: float, two: bool, power: float, level: float) -> int:
    """The least number of clusters; ``effect`` is in deviations of the effect measured on one of them."""
    low = high = MIN_CLUSTERS

    def seen(groups: int) -> bool:
        return shift(power, level, (groups - 1) * (2 if two else 1)) <= effect * math.sqrt(groups)

    while not seen(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def intraclass_correlation(values: Sequence[float], clusters: Clusters, level: float = 0.95) -> Correlation:
    """How much rows of one cluster resemble each other, by one-way analysis of variance.

    Below 0 where rows of one cluster differ more than others. The interval leaves out one cluster at a time
    (jackknife) on the logarithm of the ratio of mean squares, which asks for no normal values.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    rows = grouped(values, clusters)
    size = float(rows.sizes @ rows.sizes) / rows.n
    if rows.groups <= MIN_CLUSTERS:
        note = "three sources are needed: no correlation"
        return Correlation(None, None, None, size, None, rows.n, rows.groups, note)
    within, between, typical = variances(rows)
    if math.isnan(within) or float(rows.squares.sum()) <= rows.n * rows.least**2:
        note = "no source has two rows" if math.isnan(within) else "the rows do not differ"
        return Correlation(None, None, None, size, None, rows.n, rows.groups, f"{note}: no correlation")
    value = (between - within) / (between + (typical - 1) * within)
    effect = max(1.0, 1 + (size - 1) * value)
    low, high = (None, None) if _rare(rows) else _ratio_interval(rows, level)
    if low is None or high is None:
        note = RARE if _rare(rows) else "leaving out one source leaves nothing to compare: no interval"
        return Correlation(value, None, None, size, effect, rows.n, rows.groups, note)
    low, high = (low - 1) / (low + typical - 1), (high - 1) / (high + typical - 1)
    return Correlation(value, low, high, size, effect, rows.n, rows.groups)


def _rare(rows: Grouped) -> bool:
    """Of 0 and 1, nearly all the same in not very many clusters: there the interval held too seldom."""
    return rows.flags and rows.groups < ENOUGH and not LEAST <= rows.mean <= 1 - LEAST


def _ratio_interval(rows: Grouped, level: float) -> tuple[float | None, float | None]:
    """Of the mean square between clusters over that within, as a jackknife of its logarithm gives it."""
    import numpy as np

    within, between = _left_out(rows)
    least = NOTHING * float(rows.squares.sum())
    if (within <= least).any() or (between <= least).any():
        return None, None
    whole_within, whole_between, _ = variances(rows)
    whole, groups = math.log(whole_between / whole_within), rows.groups
    pseudo = groups * whole - (groups - 1) * np.log(between / within)
    half = quantile(level, groups - 1) * float(pseudo.std(ddof=1)) / math.sqrt(groups)
    return math.exp(pseudo.mean() - half), math.exp(pseudo.mean() + half)


def _left_out(rows: Grouped) -> tuple[Array, Array]:
    """Mean squares within and between clusters, each time without one of them."""
    import numpy as np

    outer, n, groups = rows.residuals**2 / rows.sizes, rows.n - rows.sizes, rows.groups - 1
    inner = rows.squares - outer
    free = n - groups
    within = np.divide(inner.sum() - inner, free, out=np.zeros_like(free), where=free > 0)
    between = (outer.sum() - outer - rows.residuals**2 / n) / (groups - 1)
    return within, between
