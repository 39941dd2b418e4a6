"""Is a row a rewording of an item? Features that mean the same everywhere, one calibrated decision."""

from __future__ import annotations

from gristmill_evals.contamination.decision.decide import Judgement, Subject, Text, judge, measured
from gristmill_evals.contamination.decision.model import FEATURES, Calibration, shipped
from gristmill_evals.contamination.decision.views import View

UNCERTAIN = (0.2, 0.8)
"""Probabilities in between are for a second opinion: an embedding model, an LLM judge, or a person."""

__all__ = [
    "FEATURES",
    "UNCERTAIN",
    "Calibration",
    "Judgement",
    "Subject",
    "Text",
    "View",
    "judge",
    "measured",
    "shipped",
]
