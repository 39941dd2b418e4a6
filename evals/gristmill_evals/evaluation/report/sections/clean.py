"""Scores on all items, and on those that a dataset does not give away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill_evals.evaluation.clean import CleanScore, Mark, Marks, clean_scores
from gristmill_evals.evaluation.report import charts
from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.report.blocks import Block, Figure, Note, Pair, Section, Table, Unit
from gristmill_evals.statistics import Estimate

MOST_PAIRS = 6


def clean(found: Evaluation) -> Iterator[Section]:
    """Only where the plan says what the items are to be clean against."""
    marks = found.marks
    if marks is None:
        return
    scores = clean_scores(found.samples, marks, found.tasks)
    mains = {(task.name, task.metrics[0].name) for task in found.tasks if task.metrics}
    main = [one for one in scores if (one.task, one.metric) in mains]
    at = [one for one in main if one.min_score == marks.min_score]
    blocks: list[Block] = [*_notes(marks), *_chart(at)]
    columns = ("task", "metric", "all compared", "clean", "contaminated")
    blocks.append(Table(columns, tuple(map(_row, at)), "Scores", numeric=(2, 3, 4)))
    names = ("task", "all less clean", "contaminated less clean")
    hit = {one.task for one in main if one.contaminated is not None}
    if hit:
        blocks.append(Table(names, tuple(_steps(one) for one in at if one.task in hit), "Differences"))
    blocks += _untouched([one.task for one in at if one.task not in hit])
    heads = ("task", "clean items", "contaminated items", "no value", "nothing to compare")
    blocks.append(Table(heads, tuple(map(_counts, at)), "Items", numeric=(1, 2, 3, 4)))
    blocks += _thresholds([one for one in main if one.task in hit])
    blocks += [_pair(mark) for mark in _worst(marks)]
    intro = (
        f"Compared with {marks.rows:,} rows of {marks.dataset}. An item is contaminated when a row says the"
        f" same, with a probability of {marks.min_score:g} or more. “All less clean” is what the score owes"
        " to such items, if they are otherwise as hard as the clean ones; a row in the dataset does not prove"
        " that the model was trained on it."
    )
    yield Section("clean", "Contaminated and clean items", tuple(blocks), intro)


def _notes(marks: Marks) -> list[Block]:
    if not marks.rejected:
        return []
    told = ", ".join(f"{reason}: {n:,}" for reason, n in marks.rejected.items())
    return [Note(f"Rows of the dataset that could not be compared: {told}.", "warning")]


def _chart(scores: Sequence[CleanScore]) -> Iterator[Block]:
    made = [
        charts.Dot.of(one.task, figure(part), name)
        for one in scores
        for name, part in (("all", one.everything), ("clean", one.clean), ("contaminated", one.contaminated))
        if part is not None
    ]
    rows = [dot for dot in made if dot is not None]
    if rows:
        unit = all(dot.low >= 0 and dot.high <= 1 for dot in rows)
        limits = (0.0, 1.0) if unit else None
        yield charts.block("All, clean and contaminated items", rows, "score", limits)


def figure(found: Estimate | None, unit: Unit = "score", note: str = "") -> Figure:
    """An estimate as a table cell."""
    if found is None:
        return Figure("", None, unit, note=note or "no such item")
    told = found.note.rpartition(":")[0] or found.note
    told = told or f"in {found.clusters:,} clusters"
    return Figure("", found.mean, unit, found.n, "items", found.low, found.high, told)


def _row(one: CleanScore) -> tuple[object, ...]:
    parts = (figure(part) for part in (one.everything, one.clean, one.contaminated))
    return (one.task, one.metric, *parts)


def _steps(one: CleanScore) -> tuple[object, ...]:
    parts = (figure(part, "difference", one.note) for part in (one.inflation, one.gap))
    return (one.task, *parts)


def _untouched(tasks: Sequence[str]) -> list[Block]:
    if not tasks:
        return []
    return [Note(f"No item is contaminated, so that the clean score is the score: {', '.join(tasks)}.")]


def _counts(one: CleanScore) -> tuple[object, ...]:
    sizes = (0 if part is None else part.n for part in (one.clean, one.contaminated))
    return (one.task, *sizes, one.unscored, one.unknown)


def _thresholds(scores: Sequence[CleanScore]) -> Iterator[Block]:
    rows = tuple(
        (
            one.task,
            f"{one.min_score:g}",
            0 if one.contaminated is None else one.contaminated.n,
            figure(one.clean),
            figure(one.inflation, "difference", one.note),
        )
        for one in scores
    )
    columns = ("task", "contaminated from", "contaminated items", "clean", "all less clean")
    if rows:
        yield Table(columns, rows, "Other limits for the same items", numeric=(1, 2, 3))


def _worst(marks: Marks) -> list[Mark]:
    found = [mark for mark in marks.marks if mark.contaminated(marks.min_score)]
    return sorted(found, key=lambda mark: (-(mark.score or 0), mark.task, mark.item_id))[:MOST_PAIRS]


def _pair(mark: Mark) -> Pair:
    start, end = mark.row_span
    first, last = mark.item_span
    return Pair(
        f"{mark.task} {mark.item_id}: {mark.label}, {mark.score:.2f}",
        f"Row {mark.example_id or mark.line} of the dataset, {mark.field}",
        mark.row_text,
        (start, end),
        "Item",
        mark.item_text,
        (first, last),
    )
