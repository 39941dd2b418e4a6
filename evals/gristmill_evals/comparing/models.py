"""Evaluations of models, compared task by task and item by item with the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_evals.comparing.flips import Flips, flips
from gristmill_evals.comparing.pairing import Pairing, Scored, pair, scored
from gristmill_evals.comparing.settings import Changed, changed
from gristmill_evals.comparing.verdict import Method, Verdict, adjusted_all, detectable, verdict
from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.report.data import by_task, tasks_of
from gristmill_evals.statistics import MIN_CLUSTERS, Difference, WinRate, paired_difference, win_rate

JUDGED = ("judged", "conversation")


@dataclass(frozen=True)
class Side:
    """One run: ``label`` tells it from the others."""

    label: str
    folder: Path
    run: EvalRun
    samples: Sequence[EvalSample] = field(repr=False)

    @cached_property
    def tasks(self) -> dict[str, TaskInfo]:
        """Its tasks by name."""
        return {task.name: task for task in tasks_of(self.run, self.samples)}

    @cached_property
    def by_task(self) -> dict[str, list[EvalSample]]:
        """Its samples by task."""
        return by_task(self.samples)


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of one task in two runs. ``difference`` is ``other`` less ``baseline``, paired by item.

    ``adjusted`` is its p value corrected for all comparisons, ``detectable`` the difference that could have
    been seen. ``note`` says why there is none. ``wins`` is how often ``other`` has the better score.
    """

    task: str
    metric: MetricInfo
    main: bool
    baseline: str
    other: str
    pairing: Pairing = field(repr=False)
    scored: Scored = field(repr=False)
    difference: Difference | None = None
    flips: Flips | None = None
    wins: WinRate | None = None
    values: tuple[float | None, float | None] = (None, None)
    """Of a metric that is no mean over items: its value in either run."""
    note: str = ""
    adjusted: float | None = None
    detectable: float | None = None
    verdict: Verdict = "not known"


@dataclass(frozen=True, slots=True)
class TaskNote:
    """What keeps the scores of a task from being comparable, or what a reader must know of it."""

    task: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """All runs beside the first."""

    sides: tuple[Side, ...]
    compared: tuple[Compared, ...]
    warnings: tuple[str, ...]
    settings: dict[str, list[Changed]]
    """Settings that differ by task; under an empty name those of the models."""
    method: Method = "holm"


def compare_models(sides: Sequence[Side], method: Method = "holm") -> ModelComparison:
    """Compare every run with the first.

    Raises:
        UsageError: no task or no item is in two of them.
    """
    first = sides[0]
    tasks = [name for name in first.tasks if any(name in side.tasks for side in sides[1:])]
    if not tasks:
        told = "; ".join(f"{side.label}: {', '.join(side.tasks) or 'none'}" for side in sides)
        raise UsageError("these runs have no task in common", cure=f"their tasks are: {told}")
    found = [one for side in sides[1:] for one in _with(first, side)]
    if not any(one.pairing.items for one in found):
        raise UsageError(
            "these runs have no item in common", cure="compare runs of the same items: their ids must agree"
        )
    from gristmill_evals.comparing.cautions import cautions, of_items

    settings = {name: _changed_settings(sides, name) for name in tasks}
    models = [{**side.run.model, "judges": side.run.judges} for side in sides]
    settings = {"": changed(models), **settings}
    kept = {name: rows for name, rows in settings.items() if rows}
    warnings = (*cautions(sides, tasks, kept), *of_items(found))
    return ModelComparison(tuple(sides), _decided(found, method), warnings, kept, method)


def _with(first: Side, other: Side) -> Iterator[Compared]:
    """All metrics that both runs have, of all tasks that both have."""
    for name, task in first.tasks.items():
        twin = other.tasks.get(name)
        if twin is None:
            continue
        pairing = pair(first.by_task.get(name, []), other.by_task.get(name, []))
        theirs = {metric.name: metric for metric in twin.metrics}
        for place, metric in enumerate(task.metrics):
            if metric.name in theirs:
                common = Compared(
                    name,
                    metric,
                    place == 0,
                    first.label,
                    other.label,
                    pairing,
                    scored(pairing.items, metric.name),
                )
                yield _measured(common, theirs[metric.name], task.kind)


def _measured(one: Compared, twin: MetricInfo, kind: str) -> Compared:
    metric, both = one.metric, one.scored
    if not metric.mean:
        told = [f"{label}: {info.note}" for label, info in _both(one, twin) if info.note]
        note = "; ".join(["no mean over items, so nothing to pair", *told])
        return replace(one, values=(metric.value, twin.value), note=note)
    if not both.a:
        return replace(one, note=_nothing(one.pairing))
    found = _possible(paired_difference(both.b, both.a, both.clusters), metric)
    return replace(
        one,
        difference=found,
        detectable=detectable(found),
        flips=flips(both.a, both.b, metric.higher_is_better),
        wins=_wins(both, metric) if kind in JUDGED and one.main else None,
        note=found.note,
    )


def _possible(found: Difference, metric: MetricInfo) -> Difference:
    """The interval within what the metric's range allows; a p value also where every item changed alike."""
    if found.p is None and found.mean != 0 and found.clusters >= MIN_CLUSTERS:
        note = "every item changed by as much: p is that of the sign test over clusters, no interval"
        return replace(found, p=2 * 0.5**found.clusters, note=note)
    if found.low is None or found.high is None or metric.low is None or metric.high is None:
        return found
    widest = metric.high - metric.low
    return replace(found, low=max(found.low, -widest), high=min(found.high, widest))


def _both(one: Compared, twin: MetricInfo) -> tuple[tuple[str, MetricInfo], tuple[str, MetricInfo]]:
    return (one.baseline, one.metric), (one.other, twin)


def _nothing(pairing: Pairing) -> str:
    if not pairing.items:
        return "no item is in both runs"
    return "no item has a value in both runs"


def _wins(both: Scored, metric: MetricInfo) -> WinRate:
    """How often the second run's score is the better one, ties half, with and without length."""
    sign = 1 if metric.higher_is_better else -1
    steps = [sign * (b - a) for a, b in zip(both.a, both.b, strict=True)]
    outcomes = [0.5 if step == 0 else float(step > 0) for step in steps]
    return win_rate(outcomes, both.clusters, both.lengths)


def _decided(found: Sequence[Compared], method: Method) -> tuple[Compared, ...]:
    """With p values corrected for all that is compared."""
    p_values = adjusted_all([None if one.difference is None else one.difference.p for one in found], method)
    return tuple(
        replace(one, adjusted=p, verdict=verdict(one.difference, p, one.metric.higher_is_better))
        for one, p in zip(found, p_values, strict=True)
    )


def _changed_settings(sides: Sequence[Side], name: str) -> list[Changed]:
    having = [side.tasks[name] for side in sides if name in side.tasks]
    return changed(
        [
            {**_lasting(task.settings), "task version": task.version, "kind": task.kind, "items": task.items}
            for task in having
        ]
    )


def _lasting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without what was measured."""
    return {name: value for name, value in settings.items() if name != "seconds"}
