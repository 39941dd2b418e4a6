"""Scores without what training data gives away: items marked against a dataset, scores on the clean ones."""

from __future__ import annotations

from gristmill_evals.evaluation.clean.marks import Mark, Marks, read_marks, write_marks
from gristmill_evals.evaluation.clean.matching import Batches, mark, mark_runs
from gristmill_evals.evaluation.clean.scores import THRESHOLDS, CleanScore, clean_scores

__all__ = [
    "THRESHOLDS",
    "Batches",
    "CleanScore",
    "Mark",
    "Marks",
    "clean_scores",
    "mark",
    "mark_runs",
    "read_marks",
    "write_marks",
]
