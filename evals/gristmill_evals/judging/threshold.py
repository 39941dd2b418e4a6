"""The threshold that reaches a target precision, with an interval that survives having chosen it.

A threshold picked because its observed precision is high has been lucky more often than not, so the usual
interval there holds less often than it says. Here the interval at every candidate threshold is widened until
all of them hold together with 95 % (a simultaneous band: Montiel Olea and Plagborg-Moller 2019, "Simultaneous
confidence bands", J. Appl. Econometrics 34): whatever rule picks one of them, it holds there too. Candidates
depend on the scores alone. It is about as wide as that of a second sample of half the size would be, and
holds more often than 95 % where the choice was not luck; ``benchmarks/judge_calibration.py`` measures both.

The band: rows kept at a high threshold are among those kept at a lower one, so the standardised errors at two
thresholds correlate like a Brownian motion seen at times k p (1 - p), with k rows kept and precision p. The
simulated 95 % quantile of its largest absolute value replaces 1.96; at each threshold the exact interval of
Clopper and Pearson (1934) is taken at that level. Rows of one source count as fewer (Kish's design effect).

Beside it stands the precision on rows that had no part in the choice: thresholds are chosen on nine tenths of
the sources and tried on the last (cross-fitting), which shows how far the choice was luck. As the interval
of the threshold in use, that of these rows would hold too seldom, since each fold has a threshold of its own.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill_evals.judging.folds import folds_of
from gristmill_evals.judging.measures import share
from gristmill_evals.statistics import Estimate, clustered_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

LEVEL = 0.95
CANDIDATES = 50
FEWEST_KEPT = 10
"""No threshold is considered that keeps fewer rows."""
FOLDS = 10
DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Operating:
    """At ``score``: ``kept`` rows, of which ``hits`` were right; ``share`` is that of all rows, unscored
    ones included. ``low`` and ``high`` are the band, which holds at all points at once.
    """

    score: float
    kept: int
    hits: int
    share: float
    low: float
    high: float

    @property
    def precision(self) -> float:
        """Observed."""
        return self.hits / self.kept


@dataclass(frozen=True, slots=True)
class Threshold:
    """What reaches ``target``: ``chosen`` by observed precision, ``certain`` by the whole interval.

    Either is None where nothing does. ``unseen`` is the precision of rows that had no part in the
    choice. ``points`` is the whole curve, from the lowest score up.
    """

    target: float
    chosen: Operating | None
    certain: Operating | None
    unseen: Estimate | None
    points: tuple[Operating, ...]


def threshold_for(
    scores: Sequence[float],
    right: Sequence[bool],
    target: float,
    *,
    clusters: Sequence[Hashable] | None = None,
    unscored: int = 0,
) -> Threshold:
    """The lowest score from which up the observed precision is at least ``target``.

    ``unscored`` rows are never kept and count in the share. ``clusters`` are the sources of the rows.

    Raises:
        ValueError: lengths that differ, or a target outside of (0, 1).
    """
    if not 0 < target < 1 or len(scores) != len(right):
        raise ValueError("a threshold needs a target between 0 and 1, and a score for each label")
    points = operating_points(scores, right, clusters=clusters, unscored=unscored)
    chosen = next((point for point in points if point.precision >= target), None)
    certain = next((point for point in points if point.low >= target), None)
    grid = [point.score for point in points]
    return Threshold(target, chosen, certain, _unseen(grid, scores, right, target, clusters), points)


def operating_points(
    scores: Sequence[float],
    right: Sequence[bool],
    *,
    clusters: Sequence[Hashable] | None = None,
    unscored: int = 0,
) -> tuple[Operating, ...]:
    """Precision at each candidate threshold with the simultaneous 95 % band, from the lowest score up."""
    import numpy as np

    values, hits = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
    found = []
    for score in _candidates(values):
        kept = values >= score
        k, true = int(kept.sum()), int(hits[kept].sum())
        if k >= FEWEST_KEPT:
            found.append((score, k, true, _effective(hits, kept, clusters)))
    times = [n * _spread(true / k, n) for _, k, true, n in found]
    tail = 0.5 * math.erfc(_critical(times[::-1]) / math.sqrt(2))
    total = len(values) + unscored
    return tuple(
        Operating(score, k, true, k / total, *_exact(true / k, n, tail)) for score, k, true, n in found
    )


def _candidates(values: Array) -> list[float]:
    """Every score there is, or quantiles of the rows when there are many."""
    import numpy as np

    distinct = np.unique(values)
    if len(distinct) > CANDIDATES:
        distinct = np.unique(np.quantile(values, np.arange(CANDIDATES) / CANDIDATES, method="higher"))
    found: list[float] = distinct.tolist()
    return found


def _effective(hits: Flags, kept: Flags, clusters: Sequence[Hashable] | None) -> float:
    """Rows kept, divided by the design effect of clustering; all alike, the sources count."""
    k = int(kept.sum())
    if clusters is None:
        return float(k)
    inside = [cluster for cluster, keep in zip(clusters, kept.tolist(), strict=True) if keep]
    groups = len(set(inside))
    share = float(hits[kept].mean())
    if groups == 1 or share in (0.0, 1.0):
        return float(groups)
    error = clustered_error(hits[kept].astype(float).tolist(), inside)
    return max(1.0, min(float(k), share * (1 - share) / error**2)) if error else float(groups)


def _spread(share: float, n: float) -> float:
    """The variance of one row, never 0: a share of all is counted as if one more row each way were there."""
    smooth = (share * n + 1) / (n + 2)
    return smooth * (1 - smooth)


def _critical(times: Sequence[float]) -> float:
    """The 95 % quantile of ``max |W(t)| / sqrt(t)`` over the times of a Brownian motion."""
    import numpy as np

    rising = np.maximum.accumulate(np.asarray(times, dtype=float)) if len(times) else np.ones(1)
    steps = np.diff(rising, prepend=0.0)
    noise = np.random.default_rng(0).standard_normal((DRAWS, len(rising)))
    walks = (noise * np.sqrt(steps)).cumsum(axis=1) / np.sqrt(rising)
    return float(np.quantile(np.abs(walks).max(axis=1), LEVEL))


def _exact(share: float, n: float, tail: float) -> tuple[float, float]:
    """Clopper and Pearson's interval with ``tail`` on each side; ``n`` need not be whole."""
    from scipy import stats  # type: ignore[import-untyped]

    hits = share * n
    low = 0.0 if share == 0 else float(stats.beta.ppf(tail, hits, n - hits + 1))
    high = 1.0 if share == 1 else float(stats.beta.ppf(1 - tail, hits + 1, n - hits))
    return low, high


def _unseen(
    grid: Sequence[float],
    scores: Sequence[float],
    right: Sequence[bool],
    target: float,
    clusters: Sequence[Hashable] | None,
) -> Estimate | None:
    """Precision of the rows kept over all folds, each at a threshold chosen without it."""
    import numpy as np

    if not grid:
        return None
    values, hits = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
    kept = values[None, :] >= np.asarray(grid)[:, None]
    true = kept & hits[None, :]
    fold = folds_of(clusters if clusters is not None else range(len(values)), FOLDS)
    total_kept, total_true = kept.sum(axis=1), true.sum(axis=1)
    tried = np.zeros(len(values), dtype=bool)
    for number in range(FOLDS):
        inside = fold == number
        others = total_kept - kept[:, inside].sum(axis=1)
        others_true = total_true - true[:, inside].sum(axis=1)
        reaching = np.flatnonzero((others >= FEWEST_KEPT) & (others_true >= target * others))
        if len(reaching):
            tried |= inside & kept[reaching[0]]
    chosen = np.flatnonzero(tried).tolist()
    return share([bool(hits[n]) for n in chosen], clusters and [clusters[n] for n in chosen])
