"""Scores by task and category, with what such a number of items can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill_evals.evaluation.records import EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.report import charts, figures
from gristmill_evals.evaluation.report.data import CATEGORY, Evaluation, has, scored, value_of
from gristmill_evals.report.blocks import Block, Figure, Section, Table
from gristmill_evals.statistics import MIN_CLUSTERS, clustered_error, minimum_detectable_effect


def scores(found: Evaluation) -> Iterator[Section]:
    """The main metric of every task, all other metrics, what could be seen."""
    tasks = [task for task in found.tasks if task.metrics]
    if not tasks:
        return
    blocks: list[Block] = [*_chart(found, tasks), _main_table(found, tasks), _power(found, tasks)]
    others = [(task, metric) for task in tasks for metric in task.metrics[1:]]
    if others:
        blocks += _further(found, others)
    intro = (
        "The first metric of each task. “Unscored” items have an answer without a value (a judge that did not"
        " answer, an answer that could not be read), “failed” ones no answer; neither is counted as wrong."
        " The last column says where the score would be if all of them had been wrong, or right."
    )
    yield Section("scores", "Scores by task", tuple(blocks), intro)
    yield from categories(found, tasks)


def _chart(found: Evaluation, tasks: Sequence[TaskInfo]) -> Iterator[Block]:
    """Tasks whose main metric has the range 0 to 1, which can stand on one axis."""
    unit = [
        task
        for task in tasks
        if task.metrics[0].mean and (task.metrics[0].low, task.metrics[0].high) == (0, 1)
    ]
    made = [
        charts.Dot.of(
            task.name, figures.score("", *scored(found.of(task), task.metrics[0].name), task.metrics[0])
        )
        for task in unit
    ]
    rows = [dot for dot in made if dot is not None]
    if rows:
        yield charts.block("Main metric of each task", rows, "main metric, 95 % interval", (0.0, 1.0))


def _main_table(found: Evaluation, tasks: Sequence[TaskInfo]) -> Table:
    rows = tuple(_main_row(found.of(task), task) for task in tasks)
    columns = (
        *(
            "task",
            "kind",
            "metric",
            "score",
            "items",
            "scored",
            "unscored",
            "failed",
            "missing",
            "if those counted",
        ),
    )
    return Table(columns, rows, numeric=(3, 4, 5, 6, 7, 8, 9))


def _main_row(samples: Sequence[EvalSample], task: TaskInfo) -> tuple[object, ...]:
    metric = task.metrics[0]
    values, _ = scored(samples, metric.name)
    failed = sum(bool(sample.error) for sample in samples)
    n = len(values) if metric.mean else len(samples) - failed
    unscored = len(samples) - failed - n
    missing = max(0, task.items - len(samples))
    figure = figures.compact(_figure(samples, metric))
    bounds = _bounds(values, metric, task.items if missing else len(samples))
    return (task.name, task.kind, _named(metric), figure, task.items, n, unscored, failed, missing, bounds)


def _further(found: Evaluation, others: Sequence[tuple[TaskInfo, MetricInfo]]) -> Iterator[Block]:
    means = [(task, metric) for task, metric in others if metric.mean]
    if means:
        rows = tuple((task.name, _named(metric), *_cells(found.of(task), metric)) for task, metric in means)
        columns = ("task", "metric", "score", "items scored", "not scored")
        yield Table(columns, rows, "Further metrics", numeric=(2, 3, 4))
    fixed = [(task, metric) for task, metric in others if not metric.mean]
    if fixed:
        lines = tuple(
            (task.name, _named(metric), Figure("", metric.value, "score"), metric.note or "none recorded")
            for task, metric in fixed
        )
        heads = ("task", "metric", "value", "interval, or why there is none")
        yield Table(
            heads, lines, "Figures over all items together, as their task worked them out", numeric=(2,)
        )


def _bounds(values: Sequence[float], metric: MetricInfo, items: int) -> str:
    """The score if all items without a value had the worst, and the best, that there is."""
    lacking = items - len(values)
    if not metric.mean or metric.low is None or metric.high is None or not items:
        return "–"
    if lacking <= 0:
        return "all scored"
    total = sum(values)
    return f"{(total + lacking * metric.low) / items:.3f} to {(total + lacking * metric.high) / items:.3f}"


def _figure(samples: Sequence[EvalSample], metric: MetricInfo) -> Figure:
    if not metric.mean:
        return figures.fixed("", metric, len(samples))
    return figures.score("", *scored(samples, metric.name), metric)


def _cells(samples: Sequence[EvalSample], metric: MetricInfo) -> tuple[object, ...]:
    figure = _figure(samples, metric)
    having = [sample for sample in samples if has(sample, metric.name)]
    lacking = sum(value_of(sample, metric.name) is None for sample in having)
    return (figures.compact(figure), figure.n or 0, lacking)


def _named(metric: MetricInfo) -> str:
    return metric.name if metric.higher_is_better else f"{metric.name} (less is better)"


def _power(found: Evaluation, tasks: Sequence[TaskInfo]) -> Table:
    rows = [
        (task.name, *_visible(task.metrics[0], *scored(found.of(task), task.metrics[0].name)))
        for task in tasks
        if task.metrics[0].mean
    ]
    columns = (
        "task",
        "items",
        "clusters",
        "standard error",
        "visible from, other items",
        "visible from, same items",
    )
    caption = (
        "What differences these items can show: a true difference between two models below this is missed"
        " more often than one time in five. “Same items”: paired, for scores that correlate by 0.5"
    )
    return Table(columns, tuple(rows), caption, numeric=(1, 2, 3, 4, 5))


def _visible(metric: MetricInfo, values: Sequence[float], clusters: Sequence[str]) -> tuple[object, ...]:
    groups = len(set(clusters))
    if groups < MIN_CLUSTERS:
        return (len(values), groups, "–", "too few clusters", "–")
    error = clustered_error(values, clusters)
    if error == 0:
        return (len(values), groups, "0", "all items alike", "–")
    paired = minimum_detectable_effect(error, df=groups - 1)
    return (
        len(values),
        groups,
        f"{error:.3f}",
        *(figures.visible(size, metric) for size in (2**0.5 * paired, paired)),
    )


def categories(found: Evaluation, tasks: Sequence[TaskInfo]) -> Iterator[Section]:
    """The main metric by category, where items have one."""
    rows: list[tuple[object, ...]] = []
    dots: list[charts.Dot] = []
    for task in tasks:
        metric, groups = task.metrics[0], _by_category(found.of(task))
        if not metric.mean or len(groups) < 2:
            continue
        for name, samples in groups.items():
            values, clusters = scored(samples, metric.name)
            figure = figures.score("", values, clusters, metric)
            lacking = len(samples) - len(values)
            rows.append((task.name, name, figures.compact(figure), len(values), lacking, len(set(clusters))))
            dot = charts.Dot.of(f"{task.name}: {name}", figure)
            dots += [dot] if dot is not None and (metric.low, metric.high) == (0, 1) else []
    if not rows:
        return
    blocks: list[Block] = []
    if dots:
        blocks.append(charts.block("Main metric by category", dots, "main metric", (0.0, 1.0)))
    columns = ("task", "category", "score", "items scored", "not scored", "clusters")
    blocks.append(Table(columns, tuple(rows), numeric=(2, 3, 4, 5)))
    intro = (
        "Categories with few items have wide intervals, and among many categories the highest and the lowest"
        " are so by chance in part: compare intervals, not ranks."
    )
    yield Section("categories", "By category", tuple(blocks), intro)


def _by_category(samples: Sequence[EvalSample]) -> dict[str, list[EvalSample]]:
    found: dict[str, list[EvalSample]] = {}
    for sample in samples:
        if name := str(sample.details.get(CATEGORY) or ""):
            found.setdefault(name, []).append(sample)
    return dict(sorted(found.items()))
