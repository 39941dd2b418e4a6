"""Rows whose truth is known, to try how often an interval holds it: what docs/statistics.md reports.

Rows of one cluster share a normal variable, so that two of them correlate by ``alike``; a shape turns the
normal variables into scores (a Gaussian copula). ``benchmarks/statistics_coverage.py`` tries all settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.intp]

Sizes = Literal["single", "equal", "unlike", "one big"]


class Interval(Protocol):
    """An estimate or a difference."""

    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Shape:
    """How scores are distributed: from a uniform variable to the score; ``mean`` is the truth."""

    mean: float
    score: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of the draws that gave an interval the shares that held the truth, lay above it and below it.

    ``none`` is the share of all draws without an interval, ``width`` the mean width of the others.
    """

    inside: float
    above: float
    below: float
    none: float
    width: float


def normal() -> Shape:
    """The standard normal distribution."""
    from scipy import special  # type: ignore[import-untyped]

    return Shape(0.0, special.ndtri)


def skewed() -> Shape:
    """Exponential: no upper end, skewness 2, as costs and lengths are."""
    import numpy as np

    return Shape(1.0, lambda u: -np.log1p(-u))


def mostly_one() -> Shape:
    """Judges' scores: four in five are 1, the others anything from 0 to 1."""
    import numpy as np

    return Shape(0.9, lambda u: np.where(u > 0.2, 1.0, u / 0.2))


def flags(share: float) -> Shape:
    """1 with this probability, else 0."""
    return Shape(share, lambda u: (u < share).astype(float))


def clusters_of(kind: Sizes, groups: int) -> Codes:
    """The cluster of each row: of one row, of 8, of 1 to 16, or of 6 but one with a quarter of all."""
    import numpy as np

    sizes: Mapping[Sizes, Array] = {
        "single": np.ones(groups),
        "equal": np.full(groups, 8.0),
        "unlike": np.round(np.linspace(1, 2, groups) ** 4),
        "one big": np.r_[2.0 * groups, np.full(groups - 1, 6.0)],
    }
    return np.repeat(np.arange(groups), sizes[kind].astype(int))


def uniforms(random: np.random.Generator, clusters: Codes, alike: float) -> Array:
    """One variable a row, uniform between 0 and 1; rows of one cluster are alike."""
    from scipy import special

    common = random.standard_normal(int(clusters.max()) + 1)[clusters]
    own = random.standard_normal(len(clusters))
    found: Array = special.ndtr(alike**0.5 * common + (1 - alike) ** 0.5 * own)
    return found


def covered(interval: Callable[[], Interval], truth: float, draws: int = 2000) -> Coverage:
    """How often the interval of a fresh draw holds the truth."""
    found = [interval() for _ in range(draws)]
    ends = [(one.low, one.high) for one in found if one.low is not None and one.high is not None]
    above = sum(low > truth for low, _ in ends) / max(1, len(ends))
    below = sum(high < truth for _, high in ends) / max(1, len(ends))
    width = sum(high - low for low, high in ends) / max(1, len(ends))
    return Coverage(1 - above - below, above, below, 1 - len(ends) / draws, width)


def twins(random: np.random.Generator, clusters: Codes, alike: float, together: float) -> tuple[Array, Array]:
    """Two variables a row, as of two models on one item, which correlate by ``together``."""
    from scipy import special

    parts = [special.ndtri(uniforms(random, clusters, alike)) for _ in range(3)]
    a, b = (special.ndtr(together**0.5 * parts[0] + (1 - together) ** 0.5 * part) for part in parts[1:])
    return a, b


EVEN = 0.6224593312018546
"""Chance to win at equal lengths, log odds 0.5, in what :func:`preferences` draws."""


def preferences(
    random: np.random.Generator, clusters: Codes, alike: float, bias: float, ties: bool = False
) -> tuple[list[float], list[tuple[float, float]]]:
    """Outcomes and lengths; the log odds of winning rise by ``bias`` times the tanh of the scaled difference.

    First answers are longer by half a deviation on average. With ``ties`` two judges vote, and an outcome is
    the mean of their votes.
    """
    import numpy as np
    from scipy import special

    more = 0.5 + special.ndtri(uniforms(random, clusters, alike))
    chance = special.expit(special.logit(EVEN) + bias * np.tanh(more))
    votes = [uniforms(random, clusters, alike) < chance for _ in range(1 + ties)]
    outcomes = np.mean(votes, axis=0)
    lengths = [(1000 + 300 * one, 1000.0) for one in more.tolist()]
    return outcomes.tolist(), lengths
