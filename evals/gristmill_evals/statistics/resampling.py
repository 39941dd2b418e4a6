"""Resampling of whole clusters, studentised: each resample's distance from the mean in its own errors.

Sources: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 12; Hall (1988),
"Theoretical comparison of bootstrap confidence intervals", Ann. Stat. 16 (why studentised rather than
percentile); Cameron, Gelbach and Miller (2008), "Bootstrap-based improvements for inference with clustered
errors", Rev. Econ. Stat. 90 (whole clusters); Davison and Hinkley (1997), "Bootstrap Methods and their
Application" (which of the draws are the ends).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gristmill_evals.statistics.clusters import NOTHING, Grouped, quantile, spread
from gristmill_evals.statistics.results import MIN_CLUSTERS, NO_VARIATION, ONE_SOURCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gristmill_evals.statistics.clusters import Array

MOST_CELLS = 4_000_000
"""Numbers held at once while resampling."""
MOST_OF_ONE = 0.5
HALF = "one source has more than half of the rows: no interval by bootstrap"
TOO_FEW = "too few sources that differ for a bootstrap: no interval"


@dataclass(frozen=True, slots=True)
class Resampled:
    """Statistics of the resamples, in ascending order; ``error`` turns them into distances from the mean."""

    mean: float
    error: float
    statistics: Array
    flat: bool
    """The clusters do not differ."""

    def interval(self, level: float) -> tuple[float | None, float | None]:
        """None twice where resamples have no spread so often that an end would be infinite."""
        import numpy as np

        if self.flat:
            return None, None
        # of one draw more than there are: else both ends lie too far down (Davison and Hinkley, section 2.3)
        place = max(1, int((len(self.statistics) + 1) * (1 - level) / 2 + NOTHING))
        upper, lower = self.statistics[place - 1], self.statistics[-place]
        if not np.isfinite([upper, lower]).all():
            return None, None
        return float(self.mean - lower * self.error), float(self.mean - upper * self.error)

    def note(self, level: float) -> str:
        """Why there is no interval, or nothing."""
        if self.flat:
            return NO_VARIATION
        return TOO_FEW if self.interval(level)[0] is None else ""

    def p(self) -> float:
        """Two-sided p value of a mean of 0, of the two tails the smaller one twice."""
        import numpy as np

        reached, draws = self.mean / self.error, len(self.statistics)
        below = int(np.searchsorted(self.statistics, reached, side="right"))
        above = draws - int(np.searchsorted(self.statistics, reached, side="left"))
        return min(1.0, 2 * (min(below, above) + 1) / (draws + 1))


def unfit(rows: Grouped) -> str:
    """Why clusters cannot be resampled, or nothing."""
    if rows.groups < MIN_CLUSTERS:
        return ONE_SOURCE
    return HALF if rows.sizes.max() > MOST_OF_ONE * rows.n else ""


def studentised(rows: Grouped, draws: int, seed: int, level: float) -> Resampled:
    """Resamples of whole clusters that are fit for it.

    The error is the one of :func:`spread`, and where cluster sizes are unlike it is stretched by as much as
    there the critical value is above Student's: resamples alone know too little of the largest cluster.
    """
    import numpy as np

    random, groups = np.random.default_rng(seed), rows.groups
    residuals, sizes = rows.residuals, rows.sizes
    parts = np.column_stack([residuals, sizes, residuals**2, residuals * sizes, sizes**2])
    found = [parts[:0]]
    for start in range(0, draws, step := max(1, MOST_CELLS // groups)):
        found.append(_drawn(random, groups, min(step, draws - start)) @ parts)
    known = spread(rows)
    stretch = 1.0 if known.unlike is None else known.critical(level) / quantile(level, groups - 1)
    drawn = np.sort(_statistics(np.concatenate(found), groups))
    return Resampled(rows.mean, known.error * stretch, drawn, known.nothing)


def _drawn(random: np.random.Generator, groups: int, draws: int) -> NDArray[np.float64]:
    """How often each cluster was drawn."""
    import numpy as np

    return random.multinomial(groups, np.full(groups, 1 / groups), size=draws).astype(np.float64)


def _statistics(totals: Array, groups: int) -> Array:
    """Distance of the resampled mean from the mean, in errors; infinite where it has no error."""
    import numpy as np

    moved, n, squares, mixed, sizes = totals.T
    off = moved / n
    variance = (squares - 2 * off * mixed + off**2 * sizes) * groups / (groups - 1) / n**2
    flat = variance <= NOTHING * np.max(variance, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(flat, np.copysign(np.inf, off), off / np.sqrt(variance))
    return found
