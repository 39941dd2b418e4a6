"""How far two judges rank rows alike, and whether a judge ranks what people keep above what they reject.

Sources: Spearman (1904), "The proof and measurement of association between two things"; DeLong, DeLong and
Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver operating characteristic
curves", Biometrics 44, and Obuchowski (1997), "Nonparametric analysis of clustered ROC curve data",
Biometrics 53, for the error of the area when rows of one cluster depend on each other; Efron and Stein
(1981), "The jackknife estimate of variance", Annals of Statistics 9, by whole clusters.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from gristmill_evals.statistics import MIN_CLUSTERS, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def rank_correlation(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable]
) -> Estimate | None:
    """Spearman's rho; the interval by leaving out a cluster at a time, on Fisher's scale.

    Ranks are those of all rows. None when a side does not vary.
    """
    import numpy as np
    from scipy import stats  # type: ignore[import-untyped]

    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    a, b = (stats.rankdata(values) for values in (first, second))
    a, b = a - a.mean(), b - b.mean()
    groups = _codes(clusters)
    moments = np.stack([np.bincount(groups, column) for column in (a**0, a, b, a * a, b * b, a * b)], axis=1)
    whole, number = moments.sum(axis=0)[None], len(moments)
    value = float(_pearson(whole)[0])
    if number < MIN_CLUSTERS:
        return Estimate(value, None, None, len(a), number, "one source only: no interval")
    without = _pearson(whole - moments)
    if np.isnan(without).any() or np.abs([value, *without]).max() > 1 - 1e-9:
        return Estimate(value, None, None, len(a), number, "agreement hangs on one source: no interval")
    scaled = np.arctanh(without)
    error = math.sqrt(((scaled - scaled.mean()) ** 2).sum() * (number - 1) / number)
    half = float(stats.t.ppf(0.975, number - 1)) * error
    low, high = (math.tanh(math.atanh(value) + sign * half) for sign in (-1, 1))
    return Estimate(value, low, high, len(a), number)


def _pearson(moments: Array) -> Array:
    import numpy as np

    n, a, b, aa, bb, ab = moments.T
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (ab - a * b / n) / np.sqrt((aa - a * a / n) * (bb - b * b / n))
    return found


def area(kept: Sequence[float], lost: Sequence[float], clusters: Sequence[Hashable]) -> Estimate | None:
    """The chance that a score of ``kept`` is higher than one of ``lost``, ties counting half.

    ``clusters`` are those of ``kept`` and then those of ``lost``. Normal interval with the clustered error,
    cut at 0 and 1; None when a side is empty.
    """
    import numpy as np
    from scipy import stats

    m, n = len(kept), len(lost)
    if not m or not n:
        return None
    # how many of the other side each score beats: its rank among all, less its rank among its own
    ranks = stats.rankdata([*kept, *lost])
    beaten = (ranks[:m] - stats.rankdata(kept)) / n
    beating = 1 - (ranks[m:] - stats.rankdata(lost)) / m
    value = float(beaten.mean())
    groups = _codes(clusters)
    number = int(groups.max()) + 1
    if number < MIN_CLUSTERS:
        return Estimate(value, None, None, m + n, number, "one source only: no interval")
    parts = np.concatenate([(beaten - value) / m, (beating - value) / n])
    error = math.sqrt((np.bincount(groups, parts) ** 2).sum() * number / (number - 1))
    if error < 1e-12:
        return Estimate(value, None, None, m + n, number, "the sources do not differ: no interval")
    return Estimate(value, max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error), m + n, number)


def _codes(clusters: Sequence[Hashable]) -> NDArray[np.intp]:
    import numpy as np

    known = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    return np.array([known[cluster] for cluster in clusters])
