"""Between lm-eval and a task: failed answers reach no filter and no metric, and no document ends the run."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from gristmill_evals.evaluation.lm.model import FAILED, Failed, Notes, document_of


@dataclass(slots=True)
class Guard:
    """Watches one task. ``crashes`` are what its metrics raised, in the order of the documents."""

    task: Any
    crashes: deque[str] = field(default_factory=deque)

    def watch(self, notes: Notes) -> None:
        """Put this in front of the task's filters and metrics. A document without metrics has none at all."""
        task, measure, filters = self.task, self.task.process_results, self.task.apply_filters

        def apply_filters() -> Any:
            whole = task._instances
            lost = [one for one in whole if document_of(one) in notes.failures]
            given = [one for one in whole if document_of(one) not in notes.failures]
            task._instances = given
            try:
                result = filters() if given else None
            finally:
                task._instances = whole
            names = list(given[0].filtered_resps) if given else _filter_names(task)
            for one in lost:
                one.filtered_resps = dict.fromkeys(names, FAILED)
            return result

        def process_results(document: Any, results: Any) -> Any:
            if any(isinstance(result, Failed) for result in results):
                return {}
            try:
                return measure(document, results)
            except Exception as error:  # noqa: BLE001 - per-item boundary: metrics are code of strangers
                self.crashes.append(f"{type(error).__name__}: {error}"[:300])
                return {}

        task.apply_filters, task.process_results = apply_filters, process_results
        aggregation = task.aggregation
        task.aggregation = lambda: {name: _calm(function) for name, function in aggregation().items()}


def _calm(function: Callable[..., Any]) -> Callable[..., Any]:
    """A figure over all samples that cannot be worked out is none; the samples are there all the same."""

    @wraps(function)
    def figure(values: Any) -> Any:
        try:
            return function(values)
        except Exception:  # noqa: BLE001 - code of strangers, after every answer was paid for
            return math.nan

    return figure


def _filter_names(task: Any) -> list[str]:
    return [one.name for one in getattr(task, "_filters", ())] or ["none"]
