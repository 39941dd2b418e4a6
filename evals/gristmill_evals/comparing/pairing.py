"""The items of two runs of one task, laid beside each other; none is dropped without being counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.evaluation.report.data import cluster_of, has, value_of

Both = tuple[EvalSample, EvalSample]


@dataclass(frozen=True, slots=True)
class Pairing:
    """``items`` are in both runs with the same content; ``changed`` have one id and another content."""

    items: tuple[Both, ...]
    only_a: int
    only_b: int
    changed: int


@dataclass(frozen=True, slots=True)
class Scored:
    """Items with a value in both runs, in order, and how many should have one and have none in the first, the
    second.

    ``lengths`` are the characters of the second answer and of the first.
    """

    pairs: tuple[Both, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]
    clusters: tuple[str, ...]
    lengths: tuple[tuple[float, float], ...]
    unscored_a: int
    unscored_b: int


def pair(a: Sequence[EvalSample], b: Sequence[EvalSample]) -> Pairing:
    """Pair by item id; of an item that was asked several times the first answers go together, and so on."""
    ours, theirs = _keyed(a), _keyed(b)
    common = [key for key in ours if key in theirs]
    same = [(ours[key], theirs[key]) for key in common if is_same_item(ours[key], theirs[key])]
    return Pairing(
        tuple(same),
        only_a=len(ours) - len(common),
        only_b=len(theirs) - len(common),
        changed=len(common) - len(same),
    )


def is_same_item(a: EvalSample, b: EvalSample) -> bool:
    """Whether question, target and choices agree, where both runs recorded them."""
    mine, other = (a.question, a.target, a.choices), (b.question, b.target, b.choices)
    return all(one == two or not one or not two for one, two in zip(mine, other, strict=True))


def scored(items: Iterable[Both], metric: str) -> Scored:
    """The pairs that have a value of ``metric`` on both sides."""
    both = list(items)
    values = [(value_of(a, metric), value_of(b, metric)) for a, b in both]
    whole = [
        (pair, one, two)
        for pair, (one, two) in zip(both, values, strict=True)
        if one is not None and two is not None
    ]
    return Scored(
        pairs=tuple(pair for pair, _, _ in whole),
        a=tuple(one for _, one, _ in whole),
        b=tuple(two for _, _, two in whole),
        clusters=tuple(cluster_of(a) for (a, _), _, _ in whole),
        lengths=tuple((float(len(b.response)), float(len(a.response))) for (a, b), _, _ in whole),
        unscored_a=sum(value_of(a, metric) is None and has(a, metric) for a, _ in both),
        unscored_b=sum(value_of(b, metric) is None and has(b, metric) for _, b in both),
    )


def _keyed(samples: Sequence[EvalSample]) -> dict[tuple[str, int], EvalSample]:
    """Samples by item and by how often the item came before."""
    seen: Counter[str] = Counter()
    keyed = {}
    for sample in samples:
        keyed[sample.item_id, seen[sample.item_id]] = sample
        seen[sample.item_id] += 1
    return keyed
