"""What a model loses on perturbed items, and whether it chooses the same option in every order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill_evals.evaluation.memorisation import Consistency, Drop, consistency, drops
from gristmill_evals.evaluation.report import charts, figures
from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.report.blocks import Block, Figure, Note, Section, Table
from gristmill_evals.statistics import Estimate, adjusted

KIND = "memorisation"


def memorisation(found: Evaluation) -> Iterator[Section]:
    """Only where the plan has such a task."""
    names = {task.name for task in found.tasks if task.kind == KIND}
    samples = [sample for sample in found.samples if sample.task in names]
    lost, same = drops(samples), consistency(samples)
    if lost:
        yield _drops(lost)
    if same:
        yield _consistency(same)


def _drops(lost: Sequence[Drop]) -> Section:
    known = iter(adjusted([one.drop.p for one in lost if one.drop.p is not None]))
    corrected = [None if one.drop.p is None else next(known) for one in lost]
    made = [
        charts.Dot.of(f"{one.set}: {one.kind}", figures.difference("", one.drop), signed=True) for one in lost
    ]
    dots = [dot for dot in made if dot is not None]
    names = ("items", "perturbation", "originals", "perturbed", "drop", "p, corrected")
    rows = tuple(_drop(one, p) for one, p in zip(lost, corrected, strict=True))
    counts = tuple((one.set, one.kind, one.items, one.variants, one.unpaired, one.unread) for one in lost)
    columns = (
        "items",
        "perturbation",
        "paired items",
        "their variants",
        "items not paired",
        "variants not read",
    )
    blocks: list[Block] = [
        charts.block("Drop by perturbation", dots, "lost by perturbation", zero=True),
        Table(names, rows, numeric=(2, 3, 4, 5)),
        Table(columns, counts, "Items and variants", numeric=(2, 3, 4, 5)),
    ]
    intro = (
        "The score of the original items less that of the same items with other numbers, names, order of"
        " options or words. Whoever can solve an item can solve its variants; a drop above zero points to"
        " items that are known by heart, or to answers that hang on the wording. p values are corrected by"
        " Holm's method."
    )
    return Section("memorisation", "Perturbed items", tuple(blocks), intro)


def _drop(one: Drop, p: float | None) -> tuple[object, ...]:
    means = (f"{one.drop.mean_a:.3f}", f"{one.drop.mean_b:.3f}")
    step = figures.compact(figures.difference("", one.drop))
    return (one.set, one.kind, *means, step, figures.p_value(p))


def _consistency(same: Sequence[Consistency]) -> Section:
    rows = tuple(
        (
            one.set,
            one.options,
            one.items,
            one.unread,
            share(one.same),
            share(one.always_right),
            figures.p_value(one.p),
        )
        for one in same
    )
    columns = (
        "items",
        "options",
        "read in all orders",
        "others",
        "same option",
        "right in all",
        "p, no favourite",
    )
    blocks: list[Block] = [Table(columns, rows, numeric=(1, 2, 3, 4, 5, 6))]
    blocks += [Note(f"{one.set}, {one.options} options: {one.note}.") for one in same if one.note]
    blocks += [_places(one) for one in same if one.chosen]
    intro = (
        "Each item was asked with its options in several orders. A model that knows the answer chooses the"
        " same option in all of them; one that guesses, or prefers a place, does not."
    )
    return Section("consistency", "Order of the options", tuple(blocks), intro)


def _places(one: Consistency) -> Table:
    rows = tuple(
        (chr(ord("A") + place), share(chosen), share(right))
        for place, (chosen, right) in enumerate(zip(one.chosen, one.right, strict=True))
    )
    caption = (
        f"{one.set}, {one.options} options: over {one.balanced} items whose options stood at every place"
        f" equally often; without a favourite place each is chosen in {100 / one.options:.0f} %"
    )
    return Table(("place", "chosen", "right when the answer stands there"), rows, caption, numeric=(1, 2))


def share(found: Estimate | None) -> Figure:
    """An estimated share as a table cell."""
    if found is None:
        return Figure("", None, "share", note="none")
    note = found.note or f"in {found.clusters:,} clusters"
    return figures.compact(Figure("", found.mean, "share", found.n, "items", found.low, found.high, note))
