"""How far an evaluation is: items by task, for whoever watches."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from gristmill_evals.evaluation.records import EvalSample


@dataclass(slots=True)
class Count:
    """Items of one task; ``failed`` are those without an answer."""

    expected: int = 0
    done: int = 0
    failed: int = 0


@dataclass(slots=True)
class Progress:
    """Counts of the model that is being evaluated, by task. Tasks may count from threads of their own."""

    model: str = ""
    tasks: dict[str, Count] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, model: str) -> None:
        """Another model's turn."""
        self.model, self.tasks = model, {}

    def expect(self, task: str, items: int) -> None:
        """There will be so many items."""
        with self._lock:
            self.tasks.setdefault(task, Count()).expected += items

    def add(self, sample: EvalSample) -> None:
        """One item is through."""
        with self._lock:
            count = self.tasks.setdefault(sample.task, Count())
            count.done += 1
            count.failed += bool(sample.error)

    @property
    def total(self) -> Count:
        """Sum over the tasks."""
        counts = list(self.tasks.values())
        return Count(
            sum(c.expected for c in counts), sum(c.done for c in counts), sum(c.failed for c in counts)
        )
