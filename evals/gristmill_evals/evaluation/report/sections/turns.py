"""Conversations: the score of each turn, and how much is lost from the first to the last."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill_evals.evaluation.records import MetricInfo, TaskInfo
from gristmill_evals.evaluation.report import charts, figures
from gristmill_evals.evaluation.report.data import Evaluation, scored
from gristmill_evals.report.blocks import Block, Section, Table
from gristmill_evals.statistics import paired_difference

_TURN = re.compile(r"turn_(\d+)$")


def turns(found: Evaluation) -> Iterator[Section]:
    """Only where a task has metrics by turn."""
    tasks = [task for task in found.tasks if len(_metrics(task)) > 1]
    if not tasks:
        return
    dots, rows = [], []
    for task in tasks:
        for metric in _metrics(task):
            figure = figures.score("", *scored(found.of(task), metric.name), metric, "conversations")
            dot = charts.Dot.of(metric.name.replace("_", " "), figure, task.name)
            dots += [dot] if dot is not None else []
            rows.append((task.name, metric.name.replace("_", " "), figures.compact(figure), figure.n or 0))
    blocks: list[Block] = []
    if dots:
        blocks.append(charts.block("Score by turn", dots, "score", (0.0, 1.0)))
    blocks.append(Table(("task", "turn", "score", "conversations"), tuple(rows), numeric=(2, 3)))
    drops = tuple(row for task in tasks for row in _drops(found, task))
    columns = ("task", "turn", "less turn 1", "p", "conversations")
    blocks.append(
        Table(columns, drops, "Difference from the first turn, paired by conversation", numeric=(2, 3, 4))
    )
    intro = (
        "Each turn is graded on the conversation so far. Later turns are other questions, so a drop is of the"
        " model and of the questions together: compare it between models, on the same questions."
    )
    yield Section("turns", "Turn by turn", tuple(blocks), intro)


def _metrics(task: TaskInfo) -> list[MetricInfo]:
    return [metric for metric in task.metrics if _TURN.fullmatch(metric.name)]


def _drops(found: Evaluation, task: TaskInfo) -> Iterator[tuple[object, ...]]:
    first, *later = _metrics(task)
    for metric in later:
        both = [
            (sample.metrics[metric.name], sample.metrics[first.name], sample.cluster or sample.item_id)
            for sample in found.of(task)
            if not sample.error
            and sample.metrics.get(metric.name) is not None
            and sample.metrics.get(first.name) is not None
        ]
        if both:
            later_values, first_values, clusters = (list(column) for column in zip(*both, strict=True))
            step = paired_difference(later_values, first_values, clusters)
            told = figures.compact(figures.difference("", step, of="conversations"))
            yield (task.name, metric.name.replace("_", " "), told, figures.p_value(step.p), len(both))
