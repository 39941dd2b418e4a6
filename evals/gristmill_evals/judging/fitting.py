"""From a judge's score to the probability that people agree: what fits best on rows it has not seen.

Platt (1999), "Probabilistic outputs for support vector machines", with his smoothed targets; isotonic
regression as in Zadrozny and Elkan (2002), "Transforming classifier scores into accurate multiclass
probability estimates". Candidates are compared by cross-validated log loss over whole sources.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gristmill_evals.judging.folds import folds_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Method = Literal["identity", "platt", "isotonic", "constant"]
Curve = Callable[["Array"], "Array"]
FOLDS = 10
EDGE = 1e-3
POINTS = 41
NEWTON_STEPS, RIDGE = 50, 1e-9


@dataclass(frozen=True, slots=True)
class Fitted:
    """The method chosen, log losses of all on unseen rows, and the curve as (score, probability) points.

    ``unseen`` is the probability of each row by a fit that did not see its source, in the order given.
    """

    method: Method
    losses: Mapping[Method, float]
    points: tuple[tuple[float, float], ...]
    unseen: tuple[float, ...]


def fit(
    scores: Sequence[float],
    right: Sequence[bool],
    clusters: Sequence[Hashable] | None = None,
    *,
    stated: bool = True,
) -> Fitted:
    """Calibrate; the method of least cross-validated log loss, the plainer one when equal.

    ``constant`` (the share of right rows, whatever the score) wins when the score says nothing, and
    ``identity`` takes part when the scores are ``stated`` probabilities: all of them in [0, 1].

    Raises:
        ValueError: lengths that differ, or not at least one right and one wrong row,
            or all of one source.
    """
    import numpy as np

    values, hits = np.asarray(scores, dtype=float), np.asarray(right, dtype=float)
    if len(values) != len(hits) or not 0 < hits.sum() < len(hits):
        raise ValueError("a calibration needs as many labels as scores, and labels of both kinds")
    fold = folds_of(clusters if clusters is not None else range(len(values)), FOLDS)
    if fold.max() == 0:
        raise ValueError("a calibration needs at least two sources: one to fit, one to try it on")
    unseen = {name: _unseen(values, hits, fold, make) for name, make in _methods(values, stated).items()}
    losses = {name: _loss(said, hits) for name, said in unseen.items()}
    method = min(losses, key=lambda name: losses[name])
    curve = _methods(values, stated)[method](values, hits)
    grid = _grid(values, method)
    points = tuple(zip(grid.tolist(), _bounded(curve(grid)).tolist(), strict=True))
    return Fitted(method, losses, points, tuple(unseen[method].tolist()))


def _methods(values: Array, stated: bool) -> dict[Method, Callable[[Array, Array], Curve]]:
    """Candidates, the plainest first."""
    methods: dict[Method, Callable[[Array, Array], Curve]] = {"constant": _constant}
    if stated and values.min() >= 0 and values.max() <= 1:
        methods["identity"] = lambda _values, _hits: lambda x: x
    return {**methods, "platt": platt, "isotonic": _isotonic}


def _constant(values: Array, hits: Array) -> Curve:
    import numpy as np

    share = (hits.sum() + 1) / (len(hits) + 2)
    return lambda x: np.full(len(x), share)


def platt(values: Array, hits: Array) -> Curve:
    """A logistic curve through the scores, by Newton's method; it never states 0 or 1."""
    import numpy as np
    from scipy.special import expit  # type: ignore[import-untyped]

    centre, width = values.mean(), values.std() or 1.0
    true = hits.sum()
    targets = np.where(hits > 0, (true + 1) / (true + 2), 1 / (len(hits) - true + 2))
    design = np.column_stack([np.ones(len(values)), (values - centre) / width])
    weights = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        stated = expit(design @ weights)
        slope = design.T @ (targets - stated)
        bend = (design * (stated * (1 - stated))[:, None]).T @ design + RIDGE * np.eye(2)
        step = np.linalg.solve(bend, slope)
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < RIDGE:
            break
    offset, gain = weights
    return lambda x: np.asarray(expit(offset + gain * (x - centre) / width), dtype=float)


def _isotonic(values: Array, hits: Array) -> Curve:
    from sklearn.isotonic import IsotonicRegression

    edge = 1.0 / (len(hits) + 2)
    model = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip").fit(values, hits)
    predict: Curve = model.predict
    return predict


def _unseen(
    values: Array, hits: Array, fold: NDArray[np.intp], make: Callable[[Array, Array], Curve]
) -> Array:
    """Each fold's probabilities by a fit to the others."""
    import numpy as np

    stated = np.empty(len(values))
    for number in np.unique(fold):
        inside = fold == number
        stated[inside] = _bounded(make(values[~inside], hits[~inside])(values[inside]))
    return stated


def _bounded(stated: Array) -> Array:
    import numpy as np

    return np.clip(stated, EDGE, 1 - EDGE)


def _loss(stated: Array, hits: Array) -> float:
    import numpy as np

    return float(-np.mean(hits * np.log(stated) + (1 - hits) * np.log(1 - stated)))


def _grid(values: Array, method: Method) -> Array:
    """Scores at which the curve is written down: where an isotonic one may step, else evenly."""
    import numpy as np

    distinct = np.unique(values)
    if len(distinct) <= POINTS:
        return distinct
    if method == "isotonic":
        return np.unique(np.quantile(distinct, np.linspace(0, 1, 5 * POINTS), method="nearest"))
    return np.linspace(distinct[0], distinct[-1], POINTS)
