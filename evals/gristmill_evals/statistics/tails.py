"""Tail of the mean over its clustered error when cluster sizes are unlike, where Student's t is not it.

With clusters of one size the statistic follows Student's t. With unlike sizes the error is a sum in which one
cluster may weigh most, and the mean depends on it; a t whose degrees of freedom only match two moments is
then far too long-tailed. Here the tail is computed for the normal model itself.

Sources: McCaffrey, Bell and Botts (2001), "Generalizations of biased reduced linearization", Proc. Section on
Survey Research Methods (the tail as that of a quadratic form); Craig (1991), "A new, simple and exact result
for calculating the probability of error for two-dimensional signal constellations", MILCOM (the integral).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NODES = 24
GRIDS, POINTS, WIDEST = 2, 48, 1e18
STEPS = 20
CLOSE = 1e-5
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Unlike:
    """Clusters of unlike sizes: by cluster the share of the rows, the variance of its sum, and the weight of
    its squared residual sum in the squared error."""

    share: Array
    own: Array
    weights: Array

    def tail(self, statistic: float) -> float:
        """Two-sided probability of a statistic as far from 0.

        The statistic exceeds c where a quadratic form in independent normals is positive. The form is a
        diagonal one and two more dimensions, so its determinants are sums over clusters; it has one positive
        eigenvalue, and the tail is an integral of a product over the others.
        """
        import numpy as np

        form = _Form.of(self, statistic**2)
        first = form.first()
        angles, widths = _nodes()
        scale = first / np.sin(angles) ** 2
        others = form.log_determinants(scale) - 2 * np.log(1 / np.tan(angles))
        return float(min(1.0, 2 / math.pi * (widths @ np.exp(-others / 2))))

    def critical(self, level: float, start: float) -> float:
        """The statistic whose tail is ``1 - level``, from a first guess."""
        goal = math.log(1 - level)
        a, b = math.log(start), math.log(start) - 0.1
        far, near = math.log(self.tail(math.exp(a))) - goal, math.log(self.tail(math.exp(b))) - goal
        for _ in range(STEPS):
            if abs(near) < CLOSE or near == far:
                break
            a, b, far = b, b - near * (b - a) / (near - far), near
            near = math.log(self.tail(math.exp(b))) - goal
        return math.exp(b)


@dataclass(frozen=True, slots=True)
class _Form:
    """``I - s S`` for the form S of a squared statistic: a diagonal and the three sums of two dimensions."""

    diagonal: Array
    products: Array
    corner: float
    square: float

    @classmethod
    def of(cls, clusters: Unlike, square: float) -> _Form:
        import numpy as np

        share, own, weights = clusters.share, clusters.own, clusters.weights
        part = weights * share
        products = np.stack([own, own * part, own * part**2], axis=1)
        return cls(square * weights * own, products, 1 - square * float(part @ share), square)

    def small(self, scale: Array) -> Array:
        """Determinant of the two dimensions for each of several ``s``."""
        dd, de, ee = ((1 / (1 + scale[:, None] * self.diagonal)) @ self.products).T * scale
        one = 1 - self.square * de
        found: Array = (one - self.corner * dd) * one - self.square * dd * (
            self.corner * de + self.square * ee
        )
        return found

    def log_determinants(self, scale: Array) -> Array:
        """Logarithm of minus the whole determinant; ``s`` is beyond the first root."""
        import numpy as np

        whole = np.log1p(scale[:, None] * self.diagonal).sum(axis=1)
        found: Array = whole + np.log(np.maximum(-self.small(scale), TINY))
        return found

    def first(self) -> float:
        """The one positive ``s`` at which the determinant is 0: one over the positive eigenvalue."""
        import numpy as np

        # no eigenvalue is above that of the squared mean alone, which is the sum of all variances
        low = 0.5 / float(self.products[:, 0].sum())
        high, parts = low * WIDEST, np.arange(POINTS) / (POINTS - 1)
        for _ in range(GRIDS):
            grid = low * (high / low) ** parts
            below = max(1, int(np.argmax(self.small(grid) < 0)))
            low, high = float(grid[below - 1]), float(grid[below])
        a, b = low, high
        at_a, at_b = (float(x) for x in self.small(np.array([a, b])))
        for _ in range(STEPS):
            if at_a == at_b or abs(b - a) < CLOSE**2 * b:
                break
            a, b, at_a = b, b - at_b * (b - a) / (at_b - at_a), at_b
            at_b = float(self.small(np.array([b]))[0])
        return b


@functools.cache
def _nodes() -> tuple[Array, Array]:
    """Gauss and Legendre's points and widths between 0 and a right angle."""
    import numpy as np

    points, widths = np.polynomial.legendre.leggauss(NODES)
    return (points + 1) * math.pi / 4, widths * math.pi / 4
