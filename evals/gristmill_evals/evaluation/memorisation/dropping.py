"""How much a model loses when items are perturbed, paired by item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gristmill_evals.evaluation.memorisation.paired import Pair, drop_of
from gristmill_evals.evaluation.memorisation.variants import KINDS, ORIGINAL
from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.statistics import Difference

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Drop:
    """One kind of perturbation in one set of items.

    ``drop`` is the score of the originals less the mean score of their variants, over ``items`` that have an
    answer to both (``variants`` answers in all); its ``mean_a`` and ``mean_b`` are the two scores.
    ``unpaired`` items have variants, but no answer at all on one of the two sides (a refusal, a failure).
    ``unread`` counts the answers to variants that name no option or number: they are wrong.
    """

    set: str
    kind: str
    items: int
    variants: int
    drop: Difference
    unpaired: int = 0
    unread: int = 0


def drops(samples: Iterable[EvalSample], metric: str = "correct") -> list[Drop]:
    """For each set and kind of perturbation among ``samples``; samples of other tasks are passed over.

    Each item counts once, with the mean of its variants, however many it has; items that share a cluster are
    not taken to be independent.
    """
    originals: dict[Key, EvalSample] = {}
    variants: dict[tuple[str, str], dict[str, list[EvalSample]]] = {}
    for sample in samples:
        place = _place(sample)
        if place is None:
            continue
        name, kind, item = place
        if kind == ORIGINAL:
            originals[name, item] = sample
        else:
            variants.setdefault((name, kind), {}).setdefault(item, []).append(sample)
    order: dict[str, int] = {kind: number for number, kind in enumerate(KINDS)}
    found = (
        _drop(name, kind, {item: originals.get((name, item)) for item in made}, made, metric)
        for (name, kind), made in sorted(
            variants.items(), key=lambda one: (one[0][0], order.get(one[0][1], 9))
        )
    )
    return [one for one in found if one is not None]


def _place(sample: EvalSample) -> tuple[str, str, str] | None:
    details = sample.details
    if not {"set", "kind", "of", "variant"} <= details.keys():
        return None
    return str(details["set"]), str(details["kind"]), str(details["of"])


def _drop(
    name: str,
    kind: str,
    originals: Mapping[str, EvalSample | None],
    made: Mapping[str, Sequence[EvalSample]],
    metric: str,
) -> Drop | None:
    pairs, unread = list[Pair](), 0
    for item, variants in made.items():
        original = originals[item]
        first = None if original is None else original.metrics.get(metric)
        values = tuple(value for one in variants if (value := one.metrics.get(metric)) is not None)
        unread += sum("unread" in one.details for one in variants)
        if original is not None and first is not None and values:
            pairs.append(Pair(first, values, original.cluster))
    if not pairs:
        return None
    count = sum(len(pair.after) for pair in pairs)
    return Drop(name, kind, len(pairs), count, drop_of(pairs), len(made) - len(pairs), unread)
