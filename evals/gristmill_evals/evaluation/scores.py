"""The figures of a run: for each metric a mean with its interval, of how many items it is and is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.statistics import Estimate, bounded_mean, clustered_mean


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one task. ``items`` = ``estimate.n`` + ``unscored`` + ``failed`` + ``absent``.

    ``failed`` items have no answer, ``unscored`` ones an answer without a value, ``absent`` ones cannot have
    the metric (a question with two turns has no third). ``estimate`` is None when no item has a value.
    """

    task: str
    metric: MetricInfo
    estimate: Estimate | None
    items: int
    unscored: int = 0
    failed: int = 0
    absent: int = 0


def scores(run: EvalRun, samples: Sequence[EvalSample]) -> list[Score]:
    """All metrics of all tasks, in their order."""
    by_task: dict[str, list[EvalSample]] = {}
    for sample in samples:
        by_task.setdefault(sample.task, []).append(sample)
    return [_score(task, metric, by_task.get(task.name, [])) for task in run.tasks for metric in task.metrics]


def failed_share(run: EvalRun, samples: Sequence[EvalSample]) -> float:
    """Share of items without an answer, among the tasks that were run."""
    known = {task.name for task in run.tasks}
    counted = [sample for sample in samples if sample.task in known]
    return sum(bool(sample.error) for sample in counted) / len(counted) if counted else 0.0


def reasons(samples: Sequence[EvalSample]) -> tuple[Counter[str], Counter[str]]:
    """Why items have no answer, and why judges gave no verdict on an answer, by the slug of each."""
    failed = Counter(sample.error.partition(":")[0] for sample in samples if sample.error)
    unscored = Counter(reason for sample in samples for reason in _unscored(sample.details))
    return failed, unscored


def _unscored(details: Any) -> Iterator[str]:
    if isinstance(details, Mapping):
        if isinstance(reason := details.get("unscored"), str):
            yield reason
        details = list(details.values())
    if isinstance(details, list):
        for inner in details:
            yield from _unscored(inner)


def _score(task: TaskInfo, metric: MetricInfo, samples: Sequence[EvalSample]) -> Score:
    failed = sum(bool(sample.error) for sample in samples)
    answered = [sample for sample in samples if not sample.error]
    if not metric.mean:
        return Score(task.name, metric, _given(metric, len(answered)), task.items, 0, failed)
    having = [sample for sample in answered if metric.name in sample.metrics]
    values = [(value, s.cluster) for s in having if (value := s.metrics[metric.name]) is not None]
    unscored, absent = len(having) - len(values), len(answered) - len(having)
    return Score(task.name, metric, _estimate(values, metric), task.items, unscored, failed, absent)


def _given(metric: MetricInfo, n: int) -> Estimate | None:
    note = metric.note or "worked out by the task: no interval"
    return None if metric.value is None else Estimate(metric.value, None, None, n, n, note)


def _estimate(values: Sequence[tuple[float, str]], metric: MetricInfo) -> Estimate | None:
    if not values:
        return None
    return mean_of([value for value, _ in values], [cluster for _, cluster in values], metric)


def mean_of(values: Sequence[float], clusters: Sequence[Hashable], metric: MetricInfo) -> Estimate:
    """The mean of a metric, with an interval that does not leave the metric's range.

    Scores between 0 and 1 pile up at the ends and have the interval of a share; others have Student's.

    Raises:
        ValueError: no values.
    """
    if (metric.low, metric.high) == (0.0, 1.0) and min(values) >= 0 and max(values) <= 1:
        return bounded_mean(values, clusters)
    found = clustered_mean(values, clusters)
    if found.low is None or found.high is None:
        return found
    low = found.low if metric.low is None else max(found.low, metric.low)
    high = found.high if metric.high is None else min(found.high, metric.high)
    return replace(found, low=low, high=high)
