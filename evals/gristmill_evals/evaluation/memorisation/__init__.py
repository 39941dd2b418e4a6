"""Does a model know the items themselves? The same items perturbed by rule, scores paired by item."""

from __future__ import annotations

from gristmill_evals.evaluation.memorisation.consistent import Consistency, consistency
from gristmill_evals.evaluation.memorisation.dropping import Drop, drops
from gristmill_evals.evaluation.memorisation.task import MemorisationTask

__all__ = ["Consistency", "Drop", "MemorisationTask", "consistency", "drops"]
