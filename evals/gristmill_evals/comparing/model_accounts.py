"""Which items of two runs are compared, which changed sides, who wins, and how the settings differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill_evals.comparing.flips import Flips
from gristmill_evals.comparing.models import Compared, ModelComparison
from gristmill_evals.comparing.words import differ
from gristmill_evals.evaluation.report import figures
from gristmill_evals.report.blocks import Block, Figure, Section, Table
from gristmill_evals.statistics import Estimate


def items(found: ModelComparison) -> Section:
    """How many items are paired, and why the others are not."""
    rows = [_account(one) for one in found.compared if one.main]
    columns = (
        *("task", "compared with", "in both", "only first", "only other", "changed"),
        *("no value, first", "no value, other", "paired"),
    )
    intro = (
        "No item is left out without being counted here. “Changed” items have the same id and another text;"
        " items without a value (failed, refused, not to be read) count as neither right nor wrong. When they"
        " are many on one side, the comparison speaks of the easier items only."
    )
    return Section(
        "items", "Items that are compared", (Table(columns, tuple(rows), numeric=tuple(range(2, 9))),), intro
    )


def _account(one: Compared) -> tuple[object, ...]:
    pairing, both = one.pairing, one.scored
    counts = (len(pairing.items), pairing.only_a, pairing.only_b, pairing.changed)
    return (one.task, one.other, *counts, both.unscored_a, both.unscored_b, len(both.a))


def flips(found: ModelComparison) -> Iterator[Section]:
    """What changed item by item, if anything can."""
    rows = [(one, one.flips) for one in found.compared if one.flips is not None and one.scored.a]
    binary = [(one, flips) for one, flips in rows if flips.binary]
    graded = [(one, flips) for one, flips in rows if not flips.binary and one.main]
    blocks: list[Block] = []
    if binary:
        columns = (
            *("task", "metric", "compared with", "right → wrong", "wrong → right", "right in both"),
            *("wrong in both", "p, exact"),
        )
        lines = tuple(_flip(one, flips, True) for one, flips in binary)
        blocks.append(Table(columns, lines, "Right and wrong", numeric=(3, 4, 5, 6, 7)))
    if graded:
        heads = ("task", "metric", "compared with", "got worse", "got better", "no change", "p, exact")
        lines = tuple(_flip(one, flips, False) for one, flips in graded)
        blocks.append(Table(heads, lines, "Graded scores", numeric=(3, 4, 5, 6)))
    if blocks:
        intro = (
            "Equal scores can hide many changed answers. p is that of so uneven a split of the changed items"
            " by chance (McNemar's test, exact); it takes items as independent and is not corrected for"
            " several comparisons: the verdict stands in the table of scores."
        )
        yield Section("flips", "Items that changed sides", tuple(blocks), intro)


def _flip(one: Compared, flips: Flips, binary: bool) -> tuple[object, ...]:
    same = (flips.same_right, flips.same_wrong) if binary else (flips.unchanged,)
    name = (one.task, one.metric.name, one.other)
    return (*name, flips.worse, flips.better, *same, figures.p_value(flips.p))


def wins(found: ModelComparison) -> Iterator[Section]:
    """Win rates of tasks that are judged."""
    rows = [
        (
            one.task,
            one.other,
            share(one.wins.raw),
            share(one.wins.controlled) if one.wins.controlled else "no lengths",
            f"{100 * one.wins.ties:.1f} %",
            len(one.scored.a),
        )
        for one in found.compared
        if one.wins is not None
    ]
    if rows:
        columns = ("task", "compared with", "win rate", "with lengths made equal", "ties", "items")
        intro = (
            f"How often the run's answer has the better score than that of {found.sides[0].label}; ties count"
            " half. Judges like long answers: the second figure is what the rate would be if both were as"
            " long as each other."
        )
        table = Table(columns, tuple(rows), numeric=(2, 3, 4, 5))
        yield Section("wins", "Win rates of judged answers", (table,), intro)


def share(found: Estimate) -> Figure:
    """An estimated share."""
    note = found.note or f"in {found.clusters:,} clusters"
    return Figure("", found.mean, "share", found.n, "items", found.low, found.high, note)


def settings(found: ModelComparison) -> Iterator[Section]:
    """Settings of tasks and models that differ."""
    labels: Sequence[str] = [side.label for side in found.sides]
    blocks = [
        differ(rows, labels, f"Task {name}" if name else "Models") for name, rows in found.settings.items()
    ]
    if blocks:
        yield Section(
            "settings", "Settings that differ", tuple(blocks), "Everything else is the same on all sides."
        )
