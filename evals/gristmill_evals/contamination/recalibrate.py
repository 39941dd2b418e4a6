"""What reviewers said of matches, turned into better probabilities.

Platt scaling (J. Platt, 1999) on the logit of the shipped probability: ``slope * logit + offset``, and an
offset for each label. All of them have a Gaussian prior at the shipped calibration, so few verdicts move
little. Many verdicts may add a step function on top (isotonic regression). What is kept is what predicts
verdicts best that it has not seen, and that may be the shipped calibration.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import UsageError
from gristmill_evals.contamination.calibration import EDGE, Method, Recalibration, Threshold, logit
from gristmill_evals.contamination.decision import shipped
from gristmill_evals.jsonl import objects
from gristmill_evals.statistics import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST, FEWEST_OF_A_KIND = 20, 5
MANY, MANY_OF_A_KIND = 1000, 100
LEAVE_ONE_OUT, FOLDS = 60, 10
TARGETS = (0.8, 0.9, 0.95, 0.99)
SLOPE_SIGMA, OFFSET_SIGMA, LABEL_SIGMA = 0.5, 1.0, 1.0
LEAST_SLOPE = 0.05
_CURE = "a verdict is {score: 0 to 1, label, right: true or false} and may have tier and benchmark"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One match and whether a reviewer said that its label is right; ``score`` as shipped."""

    score: float
    label: str
    tier: str
    benchmark: str
    right: bool


def recalibrate(verdicts: Iterable[Verdict]) -> Recalibration:
    """Fit to verdicts; the same verdicts in any order give the same result.

    Raises:
        UsageError: fewer than 20 verdicts, or fewer than 5 right or 5 wrong ones.
    """
    given = sorted(verdicts, key=lambda v: (v.score, v.label, v.tier, v.benchmark, v.right))
    right = sum(verdict.right for verdict in given)
    if len(given) < FEWEST or min(right, len(given) - right) < FEWEST_OF_A_KIND:
        raise UsageError(
            f"{len(given)} verdicts ({right} right, {len(given) - right} wrong) are too few to recalibrate",
            cure=f"judge matches until there are {FEWEST} verdicts, {FEWEST_OF_A_KIND} or more of each kind",
        )
    losses = {method: _unseen_loss(given, fit) for method, fit in _methods(given).items()}
    method = min(losses, key=lambda name: (losses[name], list(losses).index(name)))
    fitted = _methods(given)[method](given)
    counted = {label: _counts(given, label) for label in sorted({verdict.label for verdict in given})}
    return Recalibration(
        method,
        fitted.slope,
        fitted.offset,
        fitted.labels,
        fitted.steps,
        counted,
        dict(sorted(Counter(verdict.benchmark for verdict in given).items())),
        losses["shipped"],
        losses[method],
        tuple(_threshold(given, fitted, target) for target in TARGETS),
        str(shipped().version),
    )


def read_verdicts(path: Path, before: Recalibration | None = None) -> list[Verdict]:
    """Verdicts of a JSONL file: ``score, label, right`` and, if known, ``tier, benchmark``.

    ``before`` is the calibration that the scores were made with; see :func:`verdict_of`.

    Raises:
        UsageError: no such file, or a malformed row (named with its line).
    """
    if not path.is_file():
        raise UsageError("there is no such file of verdicts", where=str(path), cure="check the path")
    return [verdict_of(row, where, before) for where, row in objects(path, _CURE)]


def verdict_of(row: Mapping[str, Any], where: str, before: Recalibration | None = None) -> Verdict:
    """One verdict. A match row that was recalibrated has its shipped probability in ``raw_score``.

    Where it has not, ``before`` takes its score back to what it was.

    Raises:
        UsageError: a key is missing or of another type.
    """
    score, right, label = row.get("raw_score", row.get("score")), row.get("right"), row.get("label")
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not 0 <= score <= 1:
        raise UsageError("score is no number from 0 to 1", where=where, cure=_CURE)
    if not isinstance(right, bool):
        raise UsageError("right is neither true nor false", where=where, cure=_CURE)
    if not isinstance(label, str) or not label:
        raise UsageError("label is not a text", where=where, cure=_CURE)
    if before is not None and "raw_score" not in row:
        score = before.shipped(score, label)
    return Verdict(float(score), label, str(row.get("tier") or ""), str(row.get("benchmark") or ""), right)


def _counts(given: Sequence[Verdict], label: str) -> tuple[int, int]:
    right = [verdict.right for verdict in given if verdict.label == label]
    return sum(right), len(right) - sum(right)


Fit = Callable[[Sequence[Verdict]], Recalibration]


def _methods(given: Sequence[Verdict]) -> dict[Method, Fit]:
    """What can be fitted to so many verdicts, the one with fewest parameters first."""
    right = sum(verdict.right for verdict in given)
    methods: dict[Method, Fit] = {"shipped": lambda _: Recalibration("shipped"), "platt": _platt}
    if len(given) >= MANY and min(right, len(given) - right) >= MANY_OF_A_KIND:
        methods["isotonic"] = _isotonic
    return methods


def _platt(given: Sequence[Verdict]) -> Recalibration:
    """The posterior mode of slope, offset and the labels' offsets."""
    import numpy as np
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    names = sorted({verdict.label for verdict in given})
    logits = np.array([logit(verdict.score) for verdict in given])
    ofs = np.eye(len(names))[[names.index(verdict.label) for verdict in given]]
    design = np.column_stack([logits, np.ones(len(given)), ofs])
    signs = np.array([1.0 if verdict.right else -1.0 for verdict in given])
    shipped = np.array([1.0, 0.0] + [0.0] * len(names))
    sigmas = np.array([SLOPE_SIGMA, OFFSET_SIGMA] + [LABEL_SIGMA] * len(names))

    def cost(weights: Array) -> tuple[float, Array]:
        margins = signs * (design @ weights)
        away = (weights - shipped) / sigmas
        wrong = 0.5 * (1.0 - np.tanh(margins / 2))  # 1 / (1 + exp(margins)), which cannot overflow
        slope = -(design * (signs * wrong)[:, None]).sum(axis=0) + away / sigmas
        return float(np.logaddexp(0.0, -margins).sum() + 0.5 * (away**2).sum()), slope

    # More score must never mean less probability, whatever a few odd verdicts say.
    bounds = [(LEAST_SLOPE, None)] + [(None, None)] * (1 + len(names))
    weights = minimize(cost, shipped, jac=True, method="L-BFGS-B", bounds=bounds).x
    labels = {name: float(weight) for name, weight in zip(names, weights[2:], strict=True)}
    return Recalibration("platt", float(weights[0]), float(weights[1]), labels)


def _isotonic(given: Sequence[Verdict]) -> Recalibration:
    """Steps on top of Platt scaling; the outermost keep the doubt of one more verdict each way."""
    from sklearn.isotonic import IsotonicRegression

    base = _platt(given)
    edge = 1.0 / (len(given) + 2)
    model = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip")
    model.fit([base.apply(v.score, v.label) for v in given], [float(v.right) for v in given])
    steps = zip(model.X_thresholds_.tolist(), model.y_thresholds_.tolist(), strict=True)
    return Recalibration("isotonic", base.slope, base.offset, base.labels, tuple(steps))


def _unseen_loss(given: Sequence[Verdict], fit: Fit) -> float:
    """Mean log loss, each verdict predicted by a fit to others: one left out, or a tenth when many."""
    folds = len(given) if len(given) <= LEAVE_ONE_OUT else FOLDS
    total = 0.0
    for fold in range(folds):
        # Neighbours in the sorted list go to different folds, so each fold has all scores.
        fitted = fit([verdict for n, verdict in enumerate(given) if n % folds != fold])
        total += sum(_loss(fitted, verdict) for verdict in given[fold::folds])
    return total / len(given)


def _loss(fitted: Recalibration, verdict: Verdict) -> float:
    right = min(max(fitted.apply(verdict.score, verdict.label), EDGE), 1 - EDGE)
    return -math.log(right if verdict.right else 1 - right)


def _threshold(given: Sequence[Verdict], fitted: Recalibration, target: float) -> Threshold:
    """The lowest score from which up the share of right verdicts reaches ``target``."""
    ranked = sorted(((fitted.apply(v.score, v.label), v.right) for v in given), reverse=True)
    best: tuple[float, int, int] | None = None
    hits = 0
    for n, (score, right) in enumerate(ranked, 1):
        hits += right
        last_of_its_score = n == len(ranked) or ranked[n][0] < score
        if last_of_its_score and n >= FEWEST_OF_A_KIND and hits >= target * n:
            best = score, hits, n
    if best is None:
        return Threshold(target, None, None, None, 0)
    score, hits, n = best
    return Threshold(target, score, hits / n, wilson(hits, n), n)
