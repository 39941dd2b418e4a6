"""A run folder as the sections of the report need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo

if TYPE_CHECKING:
    from gristmill_evals.evaluation.clean import Marks

CATEGORY = "category"


@dataclass(frozen=True)
class Evaluation:
    """One run with its samples, those of one task together. ``marks`` are the contaminated items."""

    folder: Path
    run: EvalRun
    samples: Sequence[EvalSample] = field(repr=False)
    marks: Marks | None = field(default=None, repr=False)

    @cached_property
    def tasks(self) -> tuple[TaskInfo, ...]:
        """The tasks of the run, those that a cut-off run did not come to describe among them."""
        return tasks_of(self.run, self.samples)

    @cached_property
    def by_task(self) -> Mapping[str, list[EvalSample]]:
        """Samples by task, in the order they came."""
        return by_task(self.samples)

    def of(self, task: TaskInfo) -> list[EvalSample]:
        """The samples of one task."""
        return self.by_task.get(task.name, [])


def by_task(samples: Iterable[EvalSample]) -> dict[str, list[EvalSample]]:
    """Samples by the name of their task."""
    found: dict[str, list[EvalSample]] = {}
    for sample in samples:
        found.setdefault(sample.task, []).append(sample)
    return found


def tasks_of(run: EvalRun, samples: Iterable[EvalSample]) -> tuple[TaskInfo, ...]:
    """The run's tasks; of a run that was cut off also those that are known from their samples alone."""
    known = {task.name for task in run.tasks}
    others = by_task(sample for sample in samples if sample.task not in known)
    return (*run.tasks, *(_guessed(name, found) for name, found in others.items()))


def _guessed(name: str, samples: Sequence[EvalSample]) -> TaskInfo:
    """A task whose description was never written; more is taken to be better."""
    names = dict.fromkeys(metric for sample in samples for metric in sample.metrics)
    metrics = tuple(MetricInfo(metric, low=None, high=None) for metric in names)
    return TaskInfo(name, "not recorded", metrics, len(samples))


def value_of(sample: EvalSample, metric: str) -> float | None:
    """The sample's value, None when it is unscored."""
    value = None if sample.error else sample.metrics.get(metric)
    return None if value is None else float(value)


def has(sample: EvalSample, metric: str) -> bool:
    """Whether the item can have the metric: a question with two turns has no third."""
    return bool(sample.error) or metric in sample.metrics


def cluster_of(sample: EvalSample) -> str:
    """What the item shares with others; an item on its own is its own cluster."""
    return sample.cluster or sample.item_id


def scored(samples: Iterable[EvalSample], metric: str) -> tuple[list[float], list[str]]:
    """Values of the samples that have one, and their clusters."""
    pairs = [(value_of(sample, metric), cluster_of(sample)) for sample in samples]
    kept = [(value, cluster) for value, cluster in pairs if value is not None]
    return [value for value, _ in kept], [cluster for _, cluster in kept]


def slug_of(error: str) -> str:
    """The short name of an error, by which errors are counted."""
    return error.partition(":")[0].strip() or "unknown"


def is_binary(samples: Iterable[EvalSample], metric: str) -> bool:
    """Whether the metric is right or wrong, and nothing between."""
    values = {value_of(sample, metric) for sample in samples} - {None}
    return bool(values) and values <= {0.0, 1.0}
