"""Rows put together by cluster, and the error of their mean: the one place where the sums are made.

Sources: Liang and Zeger (1986), "Longitudinal data analysis using generalized linear models", Biometrika 73
(CR1); Bell and McCaffrey (2002), "Bias reduction in standard errors for linear regression with multi-stage
samples", Survey Methodology 28 (CR2 and its degrees of freedom); Imbens and Kolesár (2016), "Robust standard
errors in small samples", Rev. Econ. Stat. 98, and Pustejovsky and Tipton (2018), "Small-sample methods for
cluster-robust variance estimation", J. Bus. Econ. Stat. 36 (the same for clusters whose rows are alike).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill_evals.statistics.tails import Unlike

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.intp]

Clusters = Sequence[Hashable] | None
"""The cluster of each row; None: every row for itself."""
MANY, NEARLY = 60.0, 0.95
"""Degrees of freedom from which up Student's t will do, or this part of those with clusters of one size."""
NOTHING = 1e-12
"""An error below this part of the largest value is what rounding leaves of none."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows by cluster, in order of first appearance: their number, sum of distances from the mean of all, and
    sum of their squares.

    ``least`` is what rounding leaves of no difference; ``flags`` says that all values are 0 or 1.
    """

    mean: float
    sizes: Array
    residuals: Array
    squares: Array
    least: float
    flags: bool

    @property
    def n(self) -> int:
        return int(self.sizes.sum())

    @property
    def groups(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard error of a mean, and how a mean that is really 0 is distributed in units of it.

    That is Student's t with ``df``, but where cluster sizes differ so much that ``unlike`` has to say.
    ``parts`` are what each cluster has moved the mean by; the squared error is the sum of their squares.
    """

    parts: Array
    df: float
    unlike: Unlike | None
    least: float

    @property
    def error(self) -> float:
        return math.sqrt(float(self.parts @ self.parts))

    @property
    def nothing(self) -> bool:
        """The clusters do not differ."""
        return self.error <= self.least

    def critical(self, level: float) -> float:
        """How many errors the interval reaches to each side."""
        if self.unlike is None:
            return quantile(level, self.df)
        return self.unlike.critical(level, quantile(level, 2 * self.df + 1))

    def freedom(self, level: float) -> float:
        """Degrees of freedom of the t that reaches as far at this level, to be put together with others."""
        if self.unlike is None:
            return self.df
        from scipy import special  # type: ignore[import-untyped]

        found = float(special.stdtridf((1 + level) / 2, self.critical(level)))
        return max(self.df, found) if math.isfinite(found) else self.df

    def p(self, mean: float) -> float:
        """Two-sided p value of this mean when the true one is 0."""
        statistic = abs(mean / self.error)
        return both_tails(statistic, self.df) if self.unlike is None else self.unlike.tail(statistic)


def codes_of(clusters: Sequence[Hashable]) -> Codes:
    """Clusters numbered in order of first appearance."""
    import numpy as np

    order: dict[Hashable, int] = {}
    numbered = (order.setdefault(cluster, len(order)) for cluster in clusters)
    return np.fromiter(numbered, dtype=np.intp, count=len(clusters))


def grouped(values: Sequence[float], clusters: Clusters) -> Grouped:
    """Values put together by cluster.

    Raises:
        ValueError: no values, lengths that differ, or a value that is no finite number.
    """
    import numpy as np

    held = numbers(values, None if clusters is None else len(clusters))
    mean = float(held.mean())
    off, least = held - mean, NOTHING * float(np.abs(held).max())
    flags = bool(((held == 0) | (held == 1)).all())
    if clusters is None:
        return Grouped(mean, np.ones(len(held)), off, off**2, least, flags)
    codes = codes_of(clusters)
    residuals, squares = np.bincount(codes, weights=off), np.bincount(codes, weights=off**2)
    sizes = np.bincount(codes).astype(np.float64)
    return Grouped(mean, sizes, residuals.astype(np.float64), squares.astype(np.float64), least, flags)


def numbers(values: Sequence[float], expected: int | None) -> Array:
    """Values as an array, checked: some, as many as expected, and all finite."""
    import numpy as np

    held = np.asarray(values, dtype=np.float64)
    if not len(held) or (expected is not None and len(held) != expected):
        many = "no" if expected is None else expected
        raise ValueError(f"{len(held)} values for {many} clusters: as many, and some, are needed")
    if not np.isfinite(held).all():
        missing = len(held) - int(np.isfinite(held).sum())
        raise ValueError(f"{missing} of {len(held)} values are no finite numbers: leave out rows without one")
    return held


def plain_error(rows: Grouped) -> float:
    """CR1: the sandwich error with the factor G / (G - 1)."""
    return math.sqrt(float(rows.residuals @ rows.residuals) * rows.groups / (rows.groups - 1)) / rows.n


def spread(rows: Grouped) -> Spread:
    """Error and degrees of freedom that allow for few clusters of unlike sizes (at least two clusters).

    Each squared residual sum is divided by the part of its variance that is left after the mean was taken
    out, so that the error is unbiased when rows of a cluster correlate by what the data show; the degrees of
    freedom are Satterthwaite's for that. With clusters of one size it is CR1 with G - 1.
    """
    import numpy as np

    n, sizes = rows.n, rows.sizes
    if rows.groups == n or np.ptp(sizes) == 0:
        parts = rows.residuals * (math.sqrt(rows.groups / (rows.groups - 1)) / n)
        return Spread(parts, rows.groups - 1.0, None, rows.least)
    share, alike = sizes / n, likeness(rows)
    own = sizes * (1 - alike + alike * sizes)
    total = float(own.sum())
    left = own * (1 - 2 * share) + share**2 * total
    weights = own / left
    df = _freedom(weights, share, own, left)
    follows_t = df > min(MANY, NEARLY * (rows.groups - 1))
    unlike = None if follows_t else Unlike(share, own, weights)
    return Spread(np.sqrt(weights) * rows.residuals / n, df, unlike, rows.least)


def likeness(rows: Grouped) -> float:
    """Intraclass correlation by analysis of variance, cut at 0 and 1; 0 where it cannot be told."""
    within, between, size = variances(rows)
    if math.isnan(within) or within + between <= 0:
        return 0.0
    found = (between - within) / (between + (size - 1) * within)
    return min(1.0, max(0.0, found))


def variances(rows: Grouped) -> tuple[float, float, float]:
    """Mean squares within and between clusters, and the size that makes them comparable.

    The first is NaN when no cluster has two rows.
    """
    n, groups, sizes = rows.n, rows.groups, rows.sizes
    by_cluster = float(rows.residuals @ (rows.residuals / sizes))
    size = (n - float(sizes @ sizes) / n) / (groups - 1)
    if n == groups:
        return math.nan, by_cluster / (groups - 1), size
    within = max(0.0, float(rows.squares.sum()) - by_cluster) / (n - groups)
    return within, by_cluster / (groups - 1), size


def _freedom(weights: Array, share: Array, own: Array, left: Array) -> float:
    """Satterthwaite: (sum of expectations)² over the sum of squared covariances, without G x G numbers.

    Residual sums of two clusters g, h have covariance ``share_g share_h V - share_g own_h - share_h own_g``;
    its square is expanded into products of sums, and the diagonal put right.
    """
    total = float(own.sum())
    square, mixed, plain = (float(weights @ x) for x in (own**2, share * own, share**2))
    everywhere = 2 * square * plain + 2 * mixed**2 + total**2 * plain**2 - 4 * total * mixed * plain
    diagonal = share**2 * total - 2 * share * own
    variance = everywhere + float(weights**2 @ (left**2 - diagonal**2))
    return max(1.0, float(weights @ left) ** 2 / variance)


def quantile(level: float, df: float) -> float:
    """Student's t, two-sided."""
    from scipy import special

    return float(special.stdtrit(df, (1 + level) / 2))


def both_tails(statistic: float, df: float) -> float:
    """Two-sided p value of Student's t."""
    from scipy import special

    return float(2 * special.stdtr(df, -abs(statistic)))
