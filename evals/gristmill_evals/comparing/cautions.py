"""What a reader must know before the scores of two runs are held against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gristmill_evals.comparing.settings import Changed, changed

if TYPE_CHECKING:
    from gristmill_evals.comparing.models import Compared, Side

MOST_NAMED = 6
FEW_LACKING, MOST_LACKING = 2, 0.05
"""Common items without a value on a side, and their share, above both of which a reader is warned."""


def cautions(
    sides: Sequence[Side], tasks: Sequence[str], settings: Mapping[str, Sequence[Changed]]
) -> Iterator[str]:
    """Warnings, the gravest first."""
    for side in sides:
        if not side.run.finished:
            yield f"{side.label} is not finished ({side.run.status}): what is there is compared."
        for task, reason in side.run.failures.items():
            yield f"{side.label}: the task {task} could not be run: {reason}"
    for name in tasks:
        rows = settings.get(name, ())
        if rows:
            yield f"{name}: not run alike, so its scores are not comparable as they stand: {_told(rows)}."
    yield from _judges(sides)
    yield from _left_out(sides, tasks)
    yield from _same_plan(sides)
    yield from _versions(sides)


def _told(rows: Sequence[Changed]) -> str:
    parts = [f"{row.name} ({' / '.join(row.values)})" for row in rows[:MOST_NAMED]]
    more = len(rows) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more else "")


def _left_out(sides: Sequence[Side], tasks: Sequence[str]) -> Iterator[str]:
    for side in sides:
        others = [name for name in side.tasks if name not in tasks]
        if others:
            names = ", ".join(others[:MOST_NAMED]) + (" …" if len(others) > MOST_NAMED else "")
            yield f"Only {side.label} has, so not compared: {names}."
    for name in tasks:
        yield from _metrics(name, [side for side in sides if name in side.tasks])
        lacking = [side.label for side in sides if name not in side.tasks]
        if lacking:
            yield f"{name} was not run by {', '.join(lacking)}."


def _metrics(name: str, sides: Sequence[Side]) -> Iterator[str]:
    first, *others = ({metric.name for metric in side.tasks[name].metrics} for side in sides)
    for side, metrics in zip(sides[1:], others, strict=True):
        odd = sorted(first ^ metrics)
        if odd:
            told = ", ".join(odd[:MOST_NAMED])
            yield f"{name}: only one of {sides[0].label} and {side.label} has, so not compared: {told}."


def _judges(sides: Sequence[Side]) -> Iterator[str]:
    rows = changed([side.run.judges for side in sides])
    if rows:
        yield f"Not judged alike, so judges' scores are not comparable as they stand: {_told(rows)}."


def of_items(compared: Sequence[Compared]) -> Iterator[str]:
    """What the pairing leaves out, where it is more than a little."""
    for one in compared:
        n = len(one.pairing.items)
        if one.main and one.pairing.changed:
            yield (
                f"{one.task}: {one.pairing.changed:,} items have the same id in {one.baseline} and"
                f" {one.other} but another text; they are not compared."
            )
        lacking = one.scored.unscored_a, one.scored.unscored_b
        if one.main and one.metric.mean and max(lacking) > max(FEW_LACKING, MOST_LACKING * n):
            yield (
                f"{one.task}: of {n:,} common items {lacking[0]:,} have no value in {one.baseline} and"
                f" {lacking[1]:,} in {one.other}: the comparison is of the others only."
            )


def _same_plan(sides: Sequence[Side]) -> Iterator[str]:
    ids = [side.run.id for side in sides]
    if len(set(ids)) < len(ids):
        yield (
            "Runs with the same id are of the same plan, model and files: their difference is that between"
            " repetitions."
        )


def _versions(sides: Sequence[Side]) -> Iterator[str]:
    names = dict.fromkeys(name for side in sides for name in side.run.versions)
    for name in names:
        values = [side.run.versions.get(name, "not recorded") for side in sides]
        if len(set(values)) > 1:
            yield f"Made with different versions of {name}: {' / '.join(values)}."
