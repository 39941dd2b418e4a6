"""Intervals for the figures of a report. Everything here is exact or says how it approximates.

Sources: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22;
Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models", Biometrika 73, for
the cluster-robust error; Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference
with clustered errors", for resampling whole clusters; Miller (2024), "Adding error bars to evals", for
why rows made from one document must not count as independent.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CLUSTERS = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval. ``low`` and ``high`` are None when ``note`` says why there is none."""

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    note: str = ""


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion of ``hits`` in ``n`` independent trials.

    Raises:
        ValueError: no trials, or more hits than trials.
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"a proportion needs 0 <= hits <= n and n > 0, not {hits} of {n}")
    return _wilson_share(hits / n, n, level)


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean when values of one cluster depend on each other.

    The cluster-robust (sandwich) error of a mean: the square root of the sum over clusters of the squared
    sum of residuals, divided by n, with the factor G / (G - 1) for G clusters. With one value a cluster it
    is the ordinary standard error.

    Raises:
        ValueError: fewer than two clusters, or lengths that differ.
    """
    sums, sizes = _cluster_sums(values, clusters)
    if len(sums) < MIN_CLUSTERS:
        raise ValueError("a clustered standard error needs at least two clusters")
    total = sizes.sum()
    residuals = sums - sizes * (sums.sum() / total)
    groups = len(sums)
    return float(math.sqrt((residuals**2).sum() * groups / (groups - 1)) / total)


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable], level: float = 0.95) -> Estimate:
    """Mean with the interval of Student's t with G - 1 degrees of freedom around it.

    Raises:
        ValueError: no values, or lengths that differ.
    """
    sums, sizes = _cluster_sums(values, clusters)
    n, groups = int(sizes.sum()), len(sums)
    mean = float(sums.sum() / n)
    if groups < MIN_CLUSTERS:
        return Estimate(mean, None, None, n, groups, "one source only: no interval")
    error = clustered_error(values, clusters)
    if math.isclose(error, 0, abs_tol=1e-12):
        return Estimate(mean, None, None, n, groups, "the sources do not differ: no interval")
    from scipy import stats  # type: ignore[import-untyped]

    half = float(stats.t.ppf((1 + level) / 2, groups - 1)) * error
    return Estimate(mean, mean - half, mean + half, n, groups)


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Mean with the percentile interval of ``draws`` resamples of whole clusters (seeded: reproducible).

    Raises:
        ValueError: no values, or lengths that differ.
    """
    import numpy as np

    sums, sizes = _cluster_sums(values, clusters)
    n, groups = int(sizes.sum()), len(sums)
    mean = float(sums.sum() / n)
    if groups < MIN_CLUSTERS:
        return Estimate(mean, None, None, n, groups, "one source only: no interval")
    random = np.random.default_rng(seed)
    weights = random.multinomial(groups, np.full(groups, 1 / groups), size=draws)
    means = (weights @ sums) / (weights @ sizes)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(mean, float(low), float(high), n, groups)


def clustered_share(flags: Sequence[bool], clusters: Sequence[Hashable], level: float = 0.95) -> Estimate:
    """A proportion with a Wilson interval whose n is deflated by the design effect of clustering.

    The effective sample size is p (1 - p) over the squared clustered error (Kish's design effect), never
    more than n; with no variation between rows it is the number of clusters, the cautious choice.

    Raises:
        ValueError: no flags, or lengths that differ.
    """
    n, hits = len(flags), sum(flags)
    groups = len(set(clusters))
    share = hits / n if n else 0.0
    if n == 0 or len(clusters) != n:
        raise ValueError("a share needs at least one flag, and one cluster for each")
    if groups < MIN_CLUSTERS:
        return Estimate(share, None, None, n, groups, "one source only: no interval")
    error = clustered_error([float(flag) for flag in flags], clusters)
    effective = float(groups) if error == 0 else min(float(n), share * (1 - share) / error**2)
    low, high = _wilson_share(share, max(effective, 1.0), level)
    return Estimate(share, low, high, n, groups)


def _wilson_share(share: float, n: float, level: float) -> tuple[float, float]:
    z = _z(level)
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def _cluster_sums(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and size of each cluster, in order of first appearance."""
    import numpy as np

    if len(values) != len(clusters) or not len(values):
        raise ValueError(f"{len(values)} values for {len(clusters)} clusters: as many, and some, are needed")
    order = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    codes = np.array([order[cluster] for cluster in clusters])
    sums = np.bincount(codes, weights=np.asarray(values, dtype=float))
    return sums.astype(np.float64), np.bincount(codes).astype(np.float64)
