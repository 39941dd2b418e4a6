"""Win rates: as they are, and with the lengths of the answers made equal.

Source: Dubois, Galambosi, Liang and Hashimoto (2024), "Length-controlled AlpacaEval: a simple way to debias
automatic evaluators" (the regression on the tanh of the standardised difference of lengths; of theirs the
terms for single instructions are left out, which need many models).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gristmill_evals.statistics.clusters import Clusters, codes_of, numbers, quantile
from gristmill_evals.statistics.logistic import fit
from gristmill_evals.statistics.results import MIN_CLUSTERS, ONE_SOURCE, Estimate, WinRate
from gristmill_evals.statistics.shares import bounded_mean

if TYPE_CHECKING:
    from gristmill_evals.statistics.clusters import Array

TIE = 0.5
LEAST_SPREAD = 0.01
"""Of the tanh: less says nothing about answers of other lengths."""
SAME_LENGTH = "the lengths always differ by about as much: no length-controlled rate"
SEPARATED = "length and outcome leave no overlap (or all outcomes are alike): no length-controlled rate"
ONE_CARRIES = "without one of the sources length and outcome leave no overlap: no interval"
ONE_SIDED = "one side is always the longer: the rate at equal lengths is an extrapolation"


def win_rate(
    outcomes: Sequence[float],
    clusters: Clusters = None,
    lengths: Sequence[tuple[float, float]] | None = None,
    level: float = 0.95,
) -> WinRate:
    """How often the first answer wins: ``outcomes`` are 1 (it wins), 0.5 (tie), 0, or a probability between.

    ``lengths`` are those of the first and the second answer, in whatever unit. With them the log odds of
    winning are fitted as a line in ``tanh(difference / its standard deviation)``, and the controlled rate is
    the one at no difference.

    Raises:
        ValueError: no outcomes, lengths that differ, or an outcome outside of [0, 1].
    """
    raw = bounded_mean(outcomes, clusters, level)
    ties = sum(value == TIE for value in outcomes) / raw.n
    if lengths is None:
        return WinRate(raw, None, ties)
    if len(lengths) != raw.n:
        raise ValueError(f"{len(lengths)} pairs of lengths for {raw.n} outcomes: as many are needed")
    more = numbers([first - second for first, second in lengths], None)
    controlled, effect = _controlled(raw, numbers(outcomes, None), more, clusters, level)
    return WinRate(raw, controlled, ties, effect)


def _controlled(
    raw: Estimate, outcomes: Array, more: Array, clusters: Clusters, level: float
) -> tuple[Estimate, float | None]:
    import numpy as np

    if not more.any():
        return raw, None  # equal lengths everywhere: there is nothing to control for
    deviation = float(more.std())
    x = np.tanh(more / deviation) if deviation > 0 else np.zeros_like(more)
    line = fit(outcomes, x) if np.ptp(x) >= LEAST_SPREAD else None
    if line is None:
        note = SAME_LENGTH if np.ptp(x) < LEAST_SPREAD else SEPARATED
        return Estimate(raw.mean, None, None, raw.n, raw.clusters, note), None
    rate = _odds_to_share(line.intercept)
    codes = np.arange(raw.n) if clusters is None else codes_of(clusters)
    error = line.error(outcomes, x, codes) if raw.clusters >= MIN_CLUSTERS else None
    if not error:
        note = ONE_SOURCE if raw.clusters < MIN_CLUSTERS else ONE_CARRIES
        return Estimate(rate, None, None, raw.n, raw.clusters, note), line.slope
    half = quantile(level, raw.clusters - 1) * error
    low, high = _odds_to_share(line.intercept - half), _odds_to_share(line.intercept + half)
    note = ONE_SIDED if (more > 0).all() or (more < 0).all() else ""
    return Estimate(rate, low, high, raw.n, raw.clusters, note), line.slope


def _odds_to_share(odds: float) -> float:
    """Without overflow on either side."""
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))
