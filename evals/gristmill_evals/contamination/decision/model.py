"""The calibrated decision: a logistic regression over few features, the same for every benchmark.

The coefficients are fitted by ``benchmarks/contamination_accuracy.py``, each with the sign that its feature
must have: likeness never speaks against a rewording, disagreement never for one. That costs nothing on the
benchmarks it was fitted on and is what carries over to others.
"""

from __future__ import annotations

import functools
import importlib.resources
import math
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

AGAINST = frozenset({"numbers_missing", "numbers_foreign", "names_apart", "shape_apart", "alike_otherwise"})
"""Features whose coefficients must not be positive."""
FREE = frozenset({"wordy"})
"""Features of either sign; those of all others must not be negative."""
FEATURES = (
    "of_item",
    "evidence",
    "sorted",
    "length",
    "wordy",
    "numbers_of_row",
    "numbers_missing",
    "numbers_foreign",
    "numbers_near",
    "numbers_apart",
    "names_shared",
    "names_apart",
    "shape_apart",
    "margin",
    "alike_otherwise",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Intercept and coefficients of :data:`FEATURES`; ``version`` names the fit."""

    version: str
    intercept: float
    coefficients: Mapping[str, float]

    def probability(self, values: Mapping[str, float]) -> float:
        """Probability, from 0 to 1, that the row is the item in other words."""
        logit = self.intercept + sum(self.coefficients[name] * values[name] for name in FEATURES)
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, logit))))


@functools.cache
def shipped() -> Calibration:
    """The calibration that comes with this version."""
    raw = importlib.resources.files(__package__).joinpath("calibration.json").read_bytes()
    told = orjson.loads(raw)
    return Calibration(told["version"], told["intercept"], told["coefficients"])
