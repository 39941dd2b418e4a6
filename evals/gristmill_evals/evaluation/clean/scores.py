"""Each benchmark's score on all items, on those that a dataset does not give away, and what lies between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gristmill_evals.evaluation.clean.contrasts import Group, gap, scaled
from gristmill_evals.evaluation.clean.marks import Marks
from gristmill_evals.evaluation.records import EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.scores import mean_of
from gristmill_evals.statistics import Estimate

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, slots=True)
class CleanScore:
    """One metric of one task, with items counted as contaminated from ``min_score`` on.

    ``everything`` is the score on all items that have one and were compared, ``clean`` and ``contaminated``
    on the two parts (None: no such item). ``inflation`` is everything less clean, ``gap`` contaminated less
    clean; both None where a part is empty. ``unscored`` items have no value, ``unknown`` ones a value but no
    text that could be compared: neither is in any of the scores.
    """

    task: str
    metric: str
    min_score: float
    everything: Estimate | None
    clean: Estimate | None
    contaminated: Estimate | None
    inflation: Estimate | None
    gap: Estimate | None
    unscored: int = 0
    unknown: int = 0
    higher_is_better: bool = True
    note: str = ""


def clean_scores(
    samples: Sequence[EvalSample],
    marks: Marks,
    info: Iterable[TaskInfo],
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[CleanScore]:
    """For every task and every metric that is a mean over samples, and each threshold, in that order.

    The marks' own ``min_score`` is always among the thresholds; those below their ``least`` are left out,
    because matches were not looked for there.
    """
    wanted = sorted({marks.min_score, *(one for one in thresholds if one >= marks.least)})
    found: list[CleanScore] = []
    for task in info:
        own = [sample for sample in samples if sample.task == task.name]
        for metric in task.metrics:
            if metric.mean:
                found += (_score(task.name, metric, own, marks, threshold) for threshold in wanted)
    return found


def _score(
    task: str, metric: MetricInfo, samples: Sequence[EvalSample], marks: Marks, threshold: float
) -> CleanScore:
    said = {(m.task, m.item_id): m.contaminated(threshold) for m in marks.marks if m.task == task}
    scored = [one for one in samples if one.metrics.get(metric.name) is not None]
    known = [one for one in scored if said.get((task, one.item_id)) is not None]
    parts: dict[bool | None, list[EvalSample]] = {True: [], False: []}
    for one in known:
        parts[said[task, one.item_id]].append(one)
    everything, bad, good = (_group(part, metric.name) for part in (known, parts[True], parts[False]))
    between = gap(bad, good) if bad.values and good.values else None
    share = len(bad.values) / max(len(known), 1)
    return CleanScore(
        task,
        metric.name,
        threshold,
        _mean(everything, metric),
        _mean(good, metric),
        _mean(bad, metric),
        None if between is None else scaled(between, share),
        between,
        len(samples) - len(scored),
        len(scored) - len(known),
        metric.higher_is_better,
        _note(bad, good),
    )


def _group(samples: Sequence[EvalSample], metric: str) -> Group:
    values = tuple(_values(samples, metric))
    return Group(values, tuple(sample.cluster for sample in samples))


def _values(samples: Sequence[EvalSample], metric: str) -> Iterator[float]:
    metrics: Mapping[str, float | None]
    for metrics in (sample.metrics for sample in samples):
        value = metrics[metric]
        if value is not None:
            yield float(value)


def _mean(group: Group, metric: MetricInfo) -> Estimate | None:
    return mean_of(group.values, group.clusters, metric) if group.values else None


def _note(bad: Group, good: Group) -> str:
    if not bad.values and not good.values:
        return "no item has both a score and a text to compare"
    if not bad.values:
        return "no item is contaminated: the clean score is the score"
    return "" if good.values else "every item is contaminated: there is no clean score"
