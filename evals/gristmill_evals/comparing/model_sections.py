"""The chapters of a comparison of models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from gristmill_evals.comparing.browsing import answers
from gristmill_evals.comparing.model_accounts import flips, items, settings, wins
from gristmill_evals.comparing.models import Compared, ModelComparison, Side
from gristmill_evals.comparing.words import METHODS, decided, reading
from gristmill_evals.evaluation.report import charts, figures
from gristmill_evals.evaluation.report.data import scored
from gristmill_evals.report.blocks import Block, Figure, Note, Section, Table


def sections(found: ModelComparison) -> Iterator[Section]:
    """All chapters that have something to say."""
    yield _overview(found)
    yield from _scores(found)
    yield items(found)
    yield from flips(found)
    yield from wins(found)
    yield from settings(found)
    yield from answers(found)
    yield reading("paired by item", found.method)


def _overview(found: ModelComparison) -> Section:
    rows = tuple(_about(side, "baseline" if place == 0 else "") for place, side in enumerate(found.sides))
    columns = ("run", "model", "started", "finished", "tasks", "items", "without an answer")
    blocks: list[Block] = [Table(columns, rows, "What is compared", numeric=(4, 5, 6))]
    blocks += [Note(text, "warning") for text in found.warnings]
    blocks += [Note(text) for text in outcome(found)]
    intro = f"Everything is compared with the first: {found.sides[0].label}."
    return Section("overview", "Overview", tuple(blocks), intro)


def _about(side: Side, role: str) -> tuple[object, ...]:
    label = f"{side.label} ({role})" if role else side.label
    unanswered = sum(bool(sample.error) for sample in side.samples)
    return (
        label,
        str(side.run.model.get("model") or "not recorded"),
        side.run.started[:16].replace("T", " "),
        side.run.finished[:16].replace("T", " ") or "not finished",
        len(side.tasks),
        len(side.samples),
        unanswered,
    )


def outcome(found: ModelComparison) -> Iterator[str]:
    """One sentence for every run that is compared, on the main metric of every task."""
    for side in found.sides[1:]:
        mine = [one for one in found.compared if one.other == side.label and one.main]
        counts = Counter(one.verdict for one in mine)
        told = [f"{verdict} in {counts[verdict]}" for verdict in ("better", "worse") if counts[verdict]]
        told += [f"{counts['noise']} could be noise"] if counts["noise"] else []
        told += [f"{counts['same']} the same on every item"] if counts["same"] else []
        told += [f"{counts['not known']} cannot be decided"] if counts["not known"] else []
        yield f"{side.label}, by the main metric of {len(mine)} common tasks: {', '.join(told) or 'nothing'}."


def _scores(found: ModelComparison) -> Iterator[Section]:
    blocks: list[Block] = [*_charts(found)]
    for side in found.sides[1:]:
        blocks += _tables(found, side.label)
    intro = (
        "Means over the same items on both sides, with 95 % intervals. p values are corrected for all"
        f" {sum(one.difference is not None for one in found.compared)} comparisons of this page"
        f" ({METHODS[found.method]}). A true difference below “visible from” is missed more often than one"
        " time in five with this many items."
    )
    yield Section("scores", "Scores side by side", tuple(blocks), intro)


def _tables(found: ModelComparison, label: str) -> Iterator[Block]:
    first = found.sides[0].label
    mine = [one for one in found.compared if one.other == label and one.metric.mean]
    columns = ("task and metric", "verdict", first, label, "difference", "p")
    caption = f"{label} less {first}, over the items that both have a value for"
    yield Table(columns, tuple(map(_row, mine)), caption, numeric=(2, 3, 4, 5))
    heads = ("task and metric", "items", "clusters", "p, alone", "visible from", "correlation")
    yield Table(heads, tuple(map(_power, mine)), f"How much {label} and {first} can show", (1, 2, 3, 4, 5))
    fixed = [one for one in found.compared if one.other == label and not one.metric.mean]
    if fixed:
        names = ("task", "metric", first, label, "difference", "why the difference has no interval")
        caption = f"Figures over all items together: {label} less {first}"
        yield Table(names, tuple(map(_fixed, fixed)), caption, numeric=(2, 3, 4))


def _row(one: Compared) -> tuple[object, ...]:
    step = figures.compact(figures.difference("", one.difference, one.note))
    name = f"{one.task} · {_metric(one)}"
    return (name, decided(one.verdict, one.difference), *both_means(one), step, figures.p_value(one.adjusted))


def _fixed(one: Compared) -> tuple[object, ...]:
    """A figure over all items together: its two values, and what their tasks say of intervals."""
    a, b = one.values
    step = None if a is None or b is None else b - a
    values = (Figure("", a, "score"), Figure("", b, "score"), Figure("", step, "difference"))
    return (one.task, _metric(one), *values, one.note)


def _power(one: Compared) -> tuple[object, ...]:
    found = one.difference
    return (
        f"{one.task} · {_metric(one)}",
        len(one.scored.a),
        len(set(one.scored.clusters)),
        figures.p_value(None if found is None else found.p),
        figures.visible(one.detectable, one.metric),
        "–" if found is None or found.correlation is None else f"{found.correlation:.2f}",
    )


def _metric(one: Compared) -> str:
    return one.metric.name if one.metric.higher_is_better else f"{one.metric.name} (less is better)"


def both_means(one: Compared) -> tuple[Figure, Figure]:
    """The means of either side over the paired items."""
    both = one.scored
    sides = (both.a, both.b)
    a, b = (figures.compact(figures.score("", values, both.clusters, one.metric)) for values in sides)
    return a, b


def _charts(found: ModelComparison) -> Iterator[Block]:
    """Only metrics from 0 to 1 where there are any: others need an axis of their own."""
    mains = [one for one in found.compared if one.main and one.difference is not None]
    charted = [one for one in mains if (one.metric.low, one.metric.high) == (0, 1)]
    limits = (0.0, 1.0) if charted else None
    shown = charted or mains
    levels = [dot for side in found.sides for dot in _levels(side, shown)]
    if levels:
        yield charts.block("Main metric, each run over all its items", levels, "score", limits)
    made = [
        charts.Dot.of(one.task, figures.difference("", one.difference), one.other, signed=True)
        for one in shown
    ]
    steps = [dot for dot in made if dot is not None]
    if steps:
        title = f"difference from {found.sides[0].label}"
        yield charts.block("Differences, paired by item", steps, title, zero=True)


def _levels(side: Side, shown: Sequence[Compared]) -> Iterator[charts.Dot]:
    metrics = {one.task: one.metric for one in shown if side.label in (one.baseline, one.other)}
    for task, metric in metrics.items():
        figure = figures.score("", *scored(side.by_task.get(task, []), metric.name), metric)
        dot = charts.Dot.of(task, figure, side.label)
        if dot is not None:
            yield dot
