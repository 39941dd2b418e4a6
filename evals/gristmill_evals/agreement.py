"""How far raters agree, and how far stated probabilities hold, each with a bootstrap interval.

Sources: Cohen (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20; Krippendorff
(2011), "Computing Krippendorff's alpha-reliability"; Naeini, Cooper and Hauskrecht (2015), "Obtaining well
calibrated probabilities using Bayesian binning", AAAI, for the expected calibration error; Cameron, Gelbach
and Miller (2008) for resampling whole clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gristmill_evals.statistics import MIN_CLUSTERS, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Codes = NDArray[np.intp]
    Statistic = Callable[[Array], Array]

Level = Literal["nominal", "ordinal", "interval"]
Clusters = Sequence[Hashable] | None
Unit = Sequence[float | str | None]
DRAWS = 1000
MOST_CELLS = 4_000_000
"""Numbers held at once while resampling."""
ALPHA_VALUES, FEWER_DRAWS = 20, 200
"""Above so many distinct values a draw of the ordinal alpha costs milliseconds, so fewer are made."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient with its 95 % interval; ``value`` is None where it is not defined (see ``note``)."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One bin of a reliability curve: what was stated, and the share that came true (Wilson interval)."""

    low: float
    high: float
    stated: float
    observed: float
    n: int
    observed_low: float
    observed_high: float


def cohen_kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    clusters: Clusters = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Cohen's kappa of two raters on the same units: ``(observed - expected) / (1 - expected)``.

    Every value is a category of its own, None too: leave out units that one rater did not judge, or keep
    them to count a missing verdict as a disagreement. With ``clusters`` whole clusters are resampled.

    Raises:
        ValueError: no units, or lengths that differ.
    """
    import numpy as np

    groups, number = _groups(clusters, len(first))
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} ratings: as many are needed")
    names = {value: n for n, value in enumerate(dict.fromkeys([*first, *second]))}
    size = len(names)
    cells = np.array([names[a] * size + names[b] for a, b in zip(first, second, strict=True)])
    counts = np.zeros((number, size * size))
    np.add.at(counts, (groups, cells), 1.0)
    value = float(_kappas(counts.sum(axis=0)[None], size)[0])
    if np.isnan(value):
        return Agreement(None, None, None, len(first), number, "both raters gave one and the same value")
    return _interval(value, lambda w: _kappas(w @ counts, size), len(first), number, draws, seed)


def _kappas(tables: Array, size: int) -> Array:
    """Kappa of each row, which is a flattened table of counts; NaN where chance alone agrees always."""
    import numpy as np

    shares = tables.reshape(-1, size, size) / tables.sum(axis=1)[:, None, None]
    observed = np.trace(shares, axis1=1, axis2=2)
    expected = (shares.sum(axis=2) * shares.sum(axis=1)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappas: Array = np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
    return kappas


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | str | None]],
    level: Level = "nominal",
    *,
    clusters: Clusters = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Krippendorff's alpha; ``ratings`` has a row a rater and a column a unit, None where one is missing.

    Units with fewer than two ratings say nothing and drop out. Values are numbers, or texts at the nominal
    level; ordinal takes them in their order.

    Raises:
        ValueError: no raters or units, rows of unlike lengths, or texts at another level than nominal.
    """
    import numpy as np

    _check_ratings(ratings, level)
    groups, number = _groups(clusters, len(ratings[0]))
    # a unit of one rating has no pair, so it says nothing about either agreement or chance
    units = [unit if sum(v is not None for v in unit) > 1 else () for unit in zip(*ratings, strict=True)]
    given = {value for unit in units for value in unit if value is not None}
    n = sum(1 for unit in units if unit)
    if len(given) < MIN_CLUSTERS:
        note = "no unit has two ratings" if n == 0 else "all ratings are one and the same value"
        return Agreement(None, None, None, n, number, note)
    if level == "interval":
        statistic = _interval_alphas(units, groups, number)
    elif level == "nominal":
        statistic = _nominal_alphas(_value_counts(units, list(given)), groups, number)
    else:
        statistic = _ordinal_alphas(_value_counts(units, domain := sorted(given)), domain, groups)
        draws = draws if len(domain) <= ALPHA_VALUES else min(draws, FEWER_DRAWS)
    return _interval(float(statistic(np.ones((1, number)))[0]), statistic, n, number, draws, seed)


def _check_ratings(ratings: Sequence[Sequence[float | str | None]], level: Level) -> None:
    if not ratings or not ratings[0] or any(len(row) != len(ratings[0]) for row in ratings):
        raise ValueError("alpha needs raters, all with as many units (None for a missing rating)")
    if level != "nominal" and any(isinstance(value, str) for row in ratings for value in row):
        raise ValueError(f"texts have no {level} scale")


def _value_counts(units: Sequence[Unit], values: Sequence[object]) -> NDArray[np.intp]:
    """How often each unit got each value."""
    import numpy as np

    place = {value: n for n, value in enumerate(values)}
    counts = np.zeros((len(units), len(values)), dtype=np.intp)
    for number, unit in enumerate(units):
        for value in unit:
            if value is not None:
                counts[number, place[value]] += 1
    return counts


def _interval_alphas(units: Sequence[Unit], groups: Codes, number: int) -> Statistic:
    """By sums and squares: ordered pairs of m values are 2 (m * squares - sum ** 2) apart in all."""
    import numpy as np

    values = [np.array([v for v in unit if v is not None], dtype=float) for unit in units]
    moments = np.array([(len(v), v.sum(), (v**2).sum()) for v in values])
    rated, sums, squares = moments.T
    apart = 2 * (rated * squares - sums**2)
    parts = _by_cluster([_shared(apart, rated), rated, sums, squares], groups, number)

    def alphas(weights: Array) -> Array:
        observed, n, total, square = (weights @ parts).T
        return _one_minus(observed * (n - 1), 2 * (n * square - total**2))

    return alphas


def _nominal_alphas(counts: NDArray[np.intp], groups: Codes, number: int) -> Statistic:
    """By counts: of the ordered pairs of m values, m ** 2 less the squared counts differ."""
    rated = counts.sum(axis=1).astype(float)
    apart = rated**2 - (counts**2).sum(axis=1)
    parts = _by_cluster([_shared(apart, rated), *counts.T], groups, number)

    def alphas(weights: Array) -> Array:
        found = weights @ parts
        n = found[:, 1:].sum(axis=1)
        return _one_minus(found[:, 0] * (n - 1), n**2 - (found[:, 1:] ** 2).sum(axis=1))

    return alphas


def _shared(apart: Array, rated: Array) -> Array:
    """Krippendorff's weight of a unit: each of its m values is in m - 1 pairs."""
    import numpy as np

    shared: Array = np.divide(apart, rated - 1, out=np.zeros_like(rated), where=rated > 1)
    return shared


def _by_cluster(columns: Sequence[Array | Codes], groups: Codes, number: int) -> Array:
    import numpy as np

    parts = np.zeros((number, len(columns)))
    np.add.at(parts, groups, np.column_stack(columns))
    return parts


def _one_minus(observed: Array, chance: Array) -> Array:
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(chance > 0, 1 - observed / chance, np.nan)
    return found


def _ordinal_alphas(counts: NDArray[np.intp], domain: Sequence[Any], groups: Codes) -> Statistic:
    import numpy as np

    return lambda weights: np.array([_ordinal(counts, domain, row[groups].astype(int)) for row in weights])


def _ordinal(counts: NDArray[np.intp], domain: Sequence[Any], repeats: Codes) -> float:
    """By the library: distances on this scale depend on how often each value was given."""
    import krippendorff
    import numpy as np

    rows = np.repeat(counts, repeats, axis=0)
    rows = rows[rows.sum(axis=1) >= MIN_CLUSTERS]
    if (rows.sum(axis=0) > 0).sum() < MIN_CLUSTERS:
        return float("nan")
    found = krippendorff.alpha(value_counts=rows, value_domain=domain, level_of_measurement="ordinal")
    return float(found)


def expected_calibration_error(
    stated: Sequence[float],
    came_true: Sequence[bool],
    *,
    bins: int = 10,
    clusters: Clusters = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Mean distance between stated probability and observed share, over ``bins`` of equal width in [0, 1].

    It cannot be below 0, so with few rows it overstates: noise within bins counts as miscalibration. A
    resample overstates it once more by as much, so the interval mirrors the resamples at the estimate
    (Davison and Hinkley 1997, section 2.4, the basic bootstrap) and is cut at 0. ``note`` says what rows of
    this number would show if every probability held exactly.

    Raises:
        ValueError: nothing stated, lengths that differ, or a probability outside of [0, 1].
    """
    import numpy as np

    _check_stated(stated, came_true)
    groups, number = _groups(clusters, len(stated))
    place = _bins(np.asarray(stated, dtype=float), bins)
    gaps = np.zeros((number, bins))
    np.add.at(gaps, (groups, place), np.asarray(stated, dtype=float) - np.asarray(came_true, dtype=float))
    sizes = np.bincount(groups, minlength=number).astype(float)

    def errors(weights: Array) -> Array:
        found: Array = np.abs(weights @ gaps).sum(axis=1) / (weights @ sizes)
        return found

    value = float(errors(np.ones((1, number)))[0])
    found = _interval(value, errors, len(stated), number, draws, seed)
    if found.low is None or found.high is None:
        return found
    mirrored = max(0.0, 2 * value - found.high), max(value, 2 * value - found.low)
    return Agreement(value, *mirrored, len(stated), number, f"noise alone: {_noise(stated, place):.3f}")


def _noise(stated: Sequence[float], place: Codes) -> float:
    """The error that probabilities which hold exactly would show on average (normal approximation)."""
    import numpy as np

    values = np.asarray(stated, dtype=float)
    spread = np.sqrt(np.bincount(place, weights=values * (1 - values)))
    return float(np.sqrt(2 / np.pi) * spread.sum() / len(values))


def reliability_curve(
    stated: Sequence[float], came_true: Sequence[bool], *, bins: int = 10
) -> tuple[CurvePoint, ...]:
    """Bins of equal width that hold something, from low to high.

    Raises:
        ValueError: as :func:`expected_calibration_error`.
    """
    import numpy as np

    _check_stated(stated, came_true)
    values, hits = np.asarray(stated, dtype=float), np.asarray(came_true, dtype=bool)
    place = _bins(values, bins)
    points = []
    for number in sorted(set(place.tolist())):
        inside = place == number
        n, true = int(inside.sum()), int(hits[inside].sum())
        mean = float(values[inside].mean())
        points.append(CurvePoint(number / bins, (number + 1) / bins, mean, true / n, n, *wilson(true, n)))
    return tuple(points)


def _check_stated(stated: Sequence[float], came_true: Sequence[bool]) -> None:
    if not len(stated) or len(stated) != len(came_true):
        raise ValueError(f"{len(stated)} probabilities for {len(came_true)} outcomes")
    if not all(0 <= value <= 1 for value in stated):
        raise ValueError("a probability lies between 0 and 1")


def _bins(values: Array, bins: int) -> Codes:
    import numpy as np

    return np.minimum((values * bins).astype(np.intp), bins - 1)


def _groups(clusters: Clusters, n: int) -> tuple[Codes, int]:
    """The number of each unit's cluster, and how many there are; without clusters, a unit is one."""
    import numpy as np

    if n == 0:
        raise ValueError("nothing was rated")
    if clusters is None:
        return np.arange(n), n
    if len(clusters) != n:
        raise ValueError(f"{len(clusters)} clusters for {n} units")
    known = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    return np.array([known[cluster] for cluster in clusters]), len(known)


def _interval(
    value: float, statistic: Callable[[Array], Array], n: int, number: int, draws: int, seed: int
) -> Agreement:
    """The interval from resamples of whole clusters; ``statistic`` takes weights (draws, clusters)."""
    import numpy as np

    if number < MIN_CLUSTERS:
        return Agreement(value, None, None, n, number, "one source only: no interval")
    random = np.random.default_rng(seed)
    batch = max(1, MOST_CELLS // number)
    found: list[Array] = []
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        weights = random.multinomial(number, np.full(number, 1 / number), size=size).astype(float)
        found.append(statistic(weights))
    values = np.concatenate(found)
    values = values[~np.isnan(values)]  # resamples in which the coefficient is not defined
    if not len(values):
        return Agreement(value, None, None, n, number, "no resample defines it: no interval")
    low, high = np.quantile(values, [0.025, 0.975])
    return Agreement(value, float(low), float(high), n, number)
