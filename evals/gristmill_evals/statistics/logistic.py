"""Logistic regression of a share on one quantity, with an error that whole clusters are left out for.

Sources: Papke and Wooldridge (1996), "Econometric methods for fractional response variables", J. Appl.
Econometrics 11 (outcomes between 0 and 1, such as ties); MacKinnon, Nielsen and Webb (2023), "Fast and
reliable jackknife and bootstrap methods for cluster-robust inference", J. Appl. Econometrics 38 (CR3); Albert
and Anderson (1984), "On the existence of maximum likelihood estimates in logistic regression models",
Biometrika 71 (separation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.intp]

STEPS = 40
CLOSE = 1e-9
FARTHEST = 30.0
SINGULAR = 1e-10


@dataclass(frozen=True, slots=True)
class Line:
    """Log odds ``intercept + slope * x``; the information is (ones, x, x²) weighted by the variance."""

    intercept: float
    slope: float
    fitted: Array

    def error(self, outcomes: Array, x: Array, codes: Codes) -> float | None:
        """Standard error of the intercept by leaving out clusters (one Newton step each); None where the rest
        of them does not determine the line."""
        import numpy as np

        groups = int(codes.max()) + 1
        weight, off = self.fitted * (1 - self.fitted), outcomes - self.fitted
        columns = (weight, weight * x, weight * x * x, off, off * x)
        own = [np.bincount(codes, weights=column, minlength=groups) for column in columns]
        ones, mixed, squares = (part.sum() - part for part in own[:3])
        determinant = ones * squares - mixed**2
        if (determinant <= SINGULAR * ones * squares).any():
            return None
        moved = (squares * own[3] - mixed * own[4]) / determinant
        return float(np.sqrt((groups - 1) / groups * ((moved - moved.mean()) ** 2).sum()))


def fit(outcomes: Array, x: Array) -> Line | None:
    """Newton's method; None where there is no finite answer (separation, or an x that does not vary)."""
    import numpy as np

    share = outcomes.mean()
    if not 0 < share < 1 or np.ptp(x) <= CLOSE:
        return None
    b0, b1 = float(np.log(share / (1 - share))), 0.0
    for _ in range(STEPS):
        odds = b0 + b1 * x
        if np.abs(odds).max() > FARTHEST:
            return None
        fitted = 1 / (1 + np.exp(-odds))
        weight, off = fitted * (1 - fitted), outcomes - fitted
        ones, mixed, squares = weight.sum(), weight @ x, weight @ (x * x)
        determinant = ones * squares - mixed**2
        if determinant <= SINGULAR * ones * squares:
            return None
        up, along = off.sum(), off @ x
        step0, step1 = (squares * up - mixed * along) / determinant, (ones * along - mixed * up) / determinant
        b0, b1 = b0 + float(step0), b1 + float(step1)
        if abs(step0) + abs(step1) < CLOSE:
            return Line(b0, b1, fitted)
    return None
