"""Private benchmarks: reviewed rows of documents that training never sees, as a task of lm-eval.

See ``docs/private-benchmarks.md``.
"""

from __future__ import annotations

from gristmill_evals.evaluation.private.choices import Question
from gristmill_evals.evaluation.private.files import (
    METRICS,
    Plan,
    as_benchmark,
    check_folder,
    check_plan,
    render,
)
from gristmill_evals.evaluation.private.items import BenchmarkKind, Held, Made, Rows, make_items
from gristmill_evals.evaluation.private.overlap import overlap, repeats

__all__ = [
    "METRICS",
    "BenchmarkKind",
    "Held",
    "Made",
    "Plan",
    "Question",
    "Rows",
    "as_benchmark",
    "check_folder",
    "check_plan",
    "make_items",
    "overlap",
    "render",
    "repeats",
]
