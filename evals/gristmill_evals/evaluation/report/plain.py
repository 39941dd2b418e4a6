"""The figures of an evaluation as plain values: the JSON twin begins with them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.evaluation.scores import scores


def plain(found: Evaluation) -> dict[str, Any]:
    """``run`` (without its tasks' descriptions) and ``scores``, one object a task and metric."""
    from gristmill_evals.report.sections.settings import without_secrets

    run = asdict(replace(found.run, tasks=()))
    run.pop("tasks")
    return {"run": without_secrets(run), "scores": [_score(one) for one in _scores(found)]}


def _scores(found: Evaluation) -> list[Any]:
    return scores(replace(found.run, tasks=found.tasks), found.samples)


def _score(one: Any) -> dict[str, Any]:
    estimate = one.estimate
    return {
        "task": one.task,
        "metric": one.metric.name,
        "higher_is_better": one.metric.higher_is_better,
        "mean": None if estimate is None else estimate.mean,
        "low": None if estimate is None else estimate.low,
        "high": None if estimate is None else estimate.high,
        "n": 0 if estimate is None else estimate.n,
        "clusters": 0 if estimate is None else estimate.clusters,
        "note": one.metric.note if estimate is None else estimate.note,
        "items": one.items,
        "unscored": one.unscored,
        "failed": one.failed,
        "absent": one.absent,
    }
