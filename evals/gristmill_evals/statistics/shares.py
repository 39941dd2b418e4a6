"""Proportions: Wilson's interval, and what it becomes when rows come in clusters.

Sources: Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22; Kish
(1965), "Survey Sampling" (design effect); Korn and Graubard (1998), "Confidence intervals for proportions
with small expected number of positive counts estimated from survey data", Survey Methodology 24 (Student's t
where clusters are few); Franco, Little, Louis and Slud (2019), "Comparative study of confidence intervals for
proportions in complex sample surveys", J. Surv. Stat. Methodol. 7 (Wilson's interval with an effective n);
Wedderburn (1974), "Quasi-likelihood functions, generalized linear models", Biometrika 61 (fractions).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from gristmill_evals.statistics.clusters import Clusters, Grouped, Spread, grouped, spread
from gristmill_evals.statistics.results import MIN_CLUSTERS, NO_VARIATION, ONE_SOURCE, Estimate


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion of ``hits`` in ``n`` independent trials.

    Raises:
        ValueError: no trials, or more hits than trials.
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"a proportion needs 0 <= hits <= n and n > 0, not {hits} of {n}")
    return score_interval(hits / n, n, NormalDist().inv_cdf((1 + level) / 2))


def clustered_share(flags: Sequence[bool], clusters: Sequence[Hashable], level: float = 0.95) -> Estimate:
    """A proportion with a Wilson interval whose n is deflated by the design effect of clustering.

    The effective sample size is p (1 - p) over the squared clustered error (Kish's design effect), and
    Student's t replaces the normal quantile; with one row a cluster it is Wilson's interval itself, and with
    no variation between rows n is the number of clusters, the cautious choice.

    Raises:
        ValueError: no flags, or lengths that differ.
    """
    return bounded_mean([float(flag) for flag in flags], clusters, level)


def bounded_mean(values: Sequence[float], clusters: Clusters, level: float = 0.95) -> Estimate:
    """Mean of scores between 0 and 1, with the interval of :func:`clustered_share`.

    It takes the variance to shrink towards both ends as that of a share does (Wedderburn's quasi-likelihood),
    so it is longer on the side away from the nearer end and never leaves [0, 1]: right for scores of which
    many are 0 or 1.

    Raises:
        ValueError: no values, lengths that differ, or a value outside of [0, 1].
    """
    rows = grouped(values, clusters)
    if min(values) < 0 or max(values) > 1:
        raise ValueError("scores between 0 and 1 are needed; divide by the length of the scale")
    if rows.groups < MIN_CLUSTERS:
        return Estimate(rows.mean, None, None, rows.n, rows.groups, ONE_SOURCE)
    found = effective(rows)
    if found is None:
        return Estimate(rows.mean, None, None, rows.n, rows.groups, NO_VARIATION)
    return Estimate(rows.mean, *found.interval(level), rows.n, rows.groups)


@dataclass(frozen=True, slots=True)
class Effective:
    """A share as if of ``n`` independent rows; without a spread they are independent."""

    share: float
    n: float
    spread: Spread | None = None

    def interval(self, level: float) -> tuple[float, float]:
        normal = NormalDist().inv_cdf((1 + level) / 2)
        critical = normal if self.spread is None else self.spread.critical(level)
        return score_interval(self.share, self.n, critical)


def effective(rows: Grouped) -> Effective | None:
    """The effective n of a share (at least two clusters); None of scores whose clusters do not differ."""
    share = rows.mean
    if rows.flags and rows.groups == rows.n:
        return Effective(share, float(rows.n))
    found = spread(rows)
    if not found.nothing:
        return Effective(share, max(1.0, share * (1 - share) / found.error**2), found)
    return Effective(share, float(rows.groups)) if rows.flags else None


def score_interval(share: float, n: float, critical: float) -> tuple[float, float]:
    """Wilson's interval; ``n`` need not be whole."""
    z = critical
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)
