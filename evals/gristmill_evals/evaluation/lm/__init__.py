"""lm-eval, run for real: any of its tasks, and local JSONL files, with every call through the door.

Importing this package does not import lm-eval; that happens when a task is run.
"""

from gristmill_evals.evaluation.lm.jsonl import JsonlTask
from gristmill_evals.evaluation.lm.task import LmEvalTask

__all__ = ["JsonlTask", "LmEvalTask"]
