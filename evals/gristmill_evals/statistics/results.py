"""What the functions of this package return."""

from __future__ import annotations

from dataclasses import dataclass

MIN_CLUSTERS = 2
ONE_SOURCE = "one source only: no interval"
NO_VARIATION = "the sources do not differ: no interval"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval. ``low`` and ``high`` are None when ``note`` says why there is none."""

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first mean less the second, ``mean_a - mean_b``, with its interval.

    ``p`` is two-sided, for no difference, and agrees with the interval: it is below 1 - level where the
    interval leaves 0 out. ``n`` counts the pairs, or the values of both samples when they are independent;
    ``clusters`` likewise, one that both samples have once. ``correlation`` is Pearson's, of the paired
    values; None where the samples are independent or one of them does not vary. ``low``, ``high``, ``error``
    and ``p`` are None when ``note`` says why there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    clusters: int
    error: float | None
    p: float | None
    mean_a: float
    mean_b: float
    correlation: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the first of two answers wins, ties counted half: as it is, and with lengths made equal.

    ``controlled`` is None without lengths; with lengths but no estimate, its ``note`` says why, and its
    ``mean`` is the raw rate; a note beside an interval is a warning. ``ties`` is their share.
    ``length_effect`` is the most that length can change the log odds of winning (the coefficient of the
    tanh), None where it was not estimated.
    """

    raw: Estimate
    controlled: Estimate | None
    ties: float
    length_effect: float | None = None


@dataclass(frozen=True, slots=True)
class SampleSize:
    """What a study needs: ``n`` rows (pairs, or rows in each of two groups) in ``clusters`` clusters.

    ``design_effect`` is how many times more rows that is than without clusters.
    """

    n: int
    clusters: int
    design_effect: float


@dataclass(frozen=True, slots=True)
class Correlation:
    """How much rows of one cluster resemble each other (intraclass correlation), with its interval.

    ``size`` is the mean cluster size weighted by rows (sum of squared sizes over the sum of sizes);
    ``design_effect`` is ``1 + (size - 1) * value``, never below 1. ``value`` is None when ``note`` says why.
    """

    value: float | None
    low: float | None
    high: float | None
    size: float
    design_effect: float | None
    n: int
    clusters: int
    note: str = ""
