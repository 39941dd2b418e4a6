"""How long the answers are, and whether long ones score higher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median, quantiles

from gristmill_evals.evaluation.records import EvalSample, TaskInfo
from gristmill_evals.evaluation.report.data import Evaluation, cluster_of, value_of
from gristmill_evals.evaluation.report.figures import compact
from gristmill_evals.report.blocks import Figure, Section, Table
from gristmill_evals.statistics import clustered_mean

FEWEST = 10


def lengths(found: Evaluation) -> Iterator[Section]:
    """By task, in characters; choices answered by likelihood have no text."""
    rows = []
    for task in found.tasks:
        answered = [sample for sample in found.of(task) if not sample.error]
        if any(sample.response for sample in answered):
            rows.append(_row(task, answered))
    if rows:
        columns = (
            "task",
            "answers",
            "mean",
            "median",
            "shortest tenth to",
            "longest tenth from",
            "empty",
            "with score",
        )
        intro = (
            "In characters. “With score” is the rank correlation of length and main metric: where it is high,"
            " the judge or the metric may reward length as such."
        )
        table = Table(columns, tuple(rows), numeric=tuple(range(1, 8)))
        yield Section("lengths", "Length of the answers", (table,), intro)


def _row(task: TaskInfo, samples: Sequence[EvalSample]) -> tuple[object, ...]:
    chars = [len(sample.response) for sample in samples]
    ends = quantiles(chars, n=10) if len(chars) > 1 else [chars[0]] * 9
    empty = sum(not sample.response.strip() for sample in samples)
    counts = (f"{median(chars):,.0f}", f"{max(0.0, ends[0]):,.0f}", f"{ends[-1]:,.0f}", empty)
    return (task.name, len(chars), _mean(chars, samples), *counts, _correlation(task, samples))


def _mean(chars: Sequence[int], samples: Sequence[EvalSample]) -> Figure:
    found = clustered_mean([float(n) for n in chars], [cluster_of(sample) for sample in samples])
    note = found.note or f"in {found.clusters:,} clusters"
    return compact(Figure("", found.mean, "chars", found.n, "answers", found.low, found.high, note))


def _correlation(task: TaskInfo, samples: Sequence[EvalSample]) -> str:
    if not task.metrics or not task.metrics[0].mean:
        return "–"
    pairs = [(len(s.response), value_of(s, task.metrics[0].name)) for s in samples]
    known = [(length, value) for length, value in pairs if value is not None]
    if len(known) < FEWEST or any(len(set(column)) < 2 for column in zip(*known, strict=True)):
        return "–"
    from scipy import stats  # type: ignore[import-untyped]

    return f"{float(stats.spearmanr(*zip(*known, strict=True)).statistic):+.2f}"
