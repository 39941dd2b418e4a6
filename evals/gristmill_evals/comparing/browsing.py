"""Items to read side by side: a bounded number, drawn evenly over tasks and directions, always the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Literal

from gristmill_evals.comparing.models import Compared, ModelComparison
from gristmill_evals.comparing.pairing import Both
from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.evaluation.report.data import value_of
from gristmill_evals.evaluation.report.drawing import drawn, within
from gristmill_evals.report.blocks import Section
from gristmill_evals.report.browse import Browse, BrowseItem

MOST = 240
UP, DOWN, EQUAL, LACKING = "got better", "got worse", "no change", "no value on one side"
TONES: dict[str, Literal["good", "bad", "plain"]] = {UP: "good", DOWN: "bad"}


def answers(found: ModelComparison) -> Iterator[Section]:
    """The items that changed most first; unchanged ones are there to see what agreement looks like."""
    every = [
        (one, pair) for one in found.compared if one.main and one.metric.mean for pair in one.pairing.items
    ]
    if not every:
        return
    chosen = drawn(every, _stratum, lambda entry: f"{entry[0].task} {entry[1][0].item_id}", MOST)
    items = within([_item(one, pair) for one, pair in chosen])
    several = len(found.sides) > 2
    filters = ("task", "direction", "compared with") if several else ("task", "direction")
    told = [item if several else _without_last(item) for item in items]
    intro = (
        f"{len(items):,} of {len(every):,} common items, drawn evenly over tasks and directions (not in their"
        " proportions), always the same ones. Directions go by the main metric of the task."
    )
    yield Section("browse", "Answers side by side", (Browse(filters, tuple(told)),), intro)


def direction(one: Compared, pair: Both) -> str:
    """Where the second run's score went."""
    a, b = (value_of(sample, one.metric.name) for sample in pair)
    if a is None or b is None:
        return LACKING
    if a == b:
        return EQUAL
    return UP if (b > a) == one.metric.higher_is_better else DOWN


def _stratum(entry: tuple[Compared, Both]) -> Hashable:
    one, pair = entry
    return (one.task, one.other, direction(one, pair))


def _item(one: Compared, pair: Both) -> BrowseItem:
    a, b = pair
    where = direction(one, pair)
    parts = [("Question", a.question or b.question or a.prompt), ("Right answer", a.target or b.target)]
    parts += [("Choices", "\n".join(a.choices))] if a.choices else []
    return BrowseItem(
        id=a.item_id,
        badge=where,
        lead=a.question or a.prompt or a.item_id,
        facets=(one.task, where, one.other),
        parts=tuple((title, text) for title, text in parts if text),
        sides=((_title(one, a, one.baseline), _answer(a)), (_title(one, b, one.other), _answer(b))),
        facts=(("Metric", one.metric.name), ("Cluster", a.cluster or "none")),
        tone=TONES.get(where, "plain"),
    )


def _title(one: Compared, sample: EvalSample, label: str) -> str:
    value = value_of(sample, one.metric.name)
    return f"{label}: {'no value' if value is None else f'{value:g}'}"


def _answer(sample: EvalSample) -> str:
    if sample.error:
        return f"(unscored) {sample.error}"
    return sample.response or "(no text recorded)"


def _without_last(item: BrowseItem) -> BrowseItem:
    return replace(item, facets=item.facets[:-1])
