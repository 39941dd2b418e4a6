"""Does a model choose the same option in every order, and does it prefer a place?

Zheng et al. (2024), "Large language models are not robust multiple choice selectors", and Pezeshkpour and
Hruschka (2024), "Large language models sensitivity to the order of options in multiple-choice questions", are
about what is measured here. The test is Hotelling's T² of the counts of chosen places, item by item.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gristmill_evals.evaluation.memorisation.variants import ORIGINAL
from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.statistics import Estimate, clustered_share

MIN_ITEMS = 10
"""Items below which preferences are not tested."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """Items with ``options`` options of one set, each answered in several orders.

    ``same`` is the share of items for which the same option was chosen in all orders, ``always_right`` that
    of items right in all of them (both over ``items``, of which every answer could be read; ``unread``
    others). ``chosen`` has for each place the share of answers that name it, ``right`` the score where the
    right option stands there; both over ``balanced`` items, whose options stood at every place equally often,
    so that without any preference ``chosen`` is 1 / ``options`` everywhere. ``p`` is of the test that it is.
    """

    set: str
    options: int
    items: int
    unread: int
    same: Estimate | None
    always_right: Estimate | None
    balanced: int
    chosen: tuple[Estimate, ...] = ()
    right: tuple[Estimate | None, ...] = ()
    p: float | None = None
    note: str = ""


def consistency(samples: Iterable[EvalSample], metric: str = "correct") -> list[Consistency]:
    """For each set and number of options, the most frequent number first."""
    groups: dict[tuple[str, int], dict[str, list[EvalSample]]] = {}
    for sample in samples:
        details = sample.details
        if details.get("kind") in {"options", ORIGINAL} and len(sample.choices) > 1 and "of" in details:
            key = (str(details.get("set")), len(sample.choices))
            groups.setdefault(key, {}).setdefault(str(details["of"]), []).append(sample)
    found: list[Consistency] = []
    for (name, size), items in groups.items():
        several = [orders for orders in items.values() if _several(orders)]
        if several:
            found.append(_consistency(name, size, several, metric))
    return sorted(found, key=lambda one: (one.set, -one.items - one.unread))


def _several(orders: Sequence[EvalSample]) -> bool:
    kinds = [sample.details["kind"] for sample in orders]
    return kinds.count("options") > 0


def _consistency(name: str, size: int, several: Sequence[Sequence[EvalSample]], metric: str) -> Consistency:
    whole = [orders for orders in several if all("chosen" in one.details for one in orders)]
    clusters = [orders[0].cluster for orders in whole]
    same = [len({_option(one) for one in orders}) == 1 for orders in whole]
    right = [all(one.metrics.get(metric) == 1 for one in orders) for orders in whole]
    balanced = [orders for orders in whole if _balanced(orders, size)]
    p, note = _test(balanced, size)
    return Consistency(
        name,
        size,
        len(whole),
        len(several) - len(whole),
        clustered_share(same, clusters) if whole else None,
        clustered_share(right, clusters) if whole else None,
        len(balanced),
        tuple(_chosen(balanced, place) for place in range(size)) if balanced else (),
        tuple(_right(balanced, place, metric) for place in range(size)) if balanced else (),
        p,
        note,
    )


def _option(sample: EvalSample) -> int:
    """The option that was chosen, by its place in the original."""
    return int(sample.details["order"][sample.details["chosen"]])


def _balanced(orders: Sequence[EvalSample], size: int) -> bool:
    columns = zip(*(one.details["order"] for one in orders), strict=True)
    return all(len(set(column)) == len(column) == size for column in columns)


def _chosen(balanced: Sequence[Sequence[EvalSample]], place: int) -> Estimate:
    every = [one for orders in balanced for one in orders]
    return clustered_share([one.details["chosen"] == place for one in every], [one.cluster for one in every])


def _right(balanced: Sequence[Sequence[EvalSample]], place: int, metric: str) -> Estimate | None:
    every = [one for orders in balanced for one in orders if one.choices.index(one.target) == place]
    flags = [one.metrics.get(metric) == 1 for one in every]
    return clustered_share(flags, [one.cluster for one in every]) if every else None


def _test(balanced: Sequence[Sequence[EvalSample]], size: int) -> tuple[float | None, str]:
    """p of all places being chosen equally often, from how much items differ in it."""
    import numpy as np
    from scipy import stats  # type: ignore[import-untyped]

    n, free = len(balanced), size - 1
    if n < max(MIN_ITEMS, size + 1):
        return None, f"{n} items in all orders, {max(MIN_ITEMS, size + 1)} are needed: no test"
    counts = np.zeros((n, size))
    for row, orders in enumerate(balanced):
        for one in orders:
            counts[row, one.details["chosen"]] += 1
    off = counts[:, :free] / size - 1 / size
    if not off.any():
        return 1.0, ""
    spread = np.atleast_2d(np.cov(off, rowvar=False))
    if np.linalg.matrix_rank(spread) < free:
        return None, "the items do not differ enough for a test: see the shares"
    mean = off.mean(axis=0)
    squared = n * float(mean @ np.linalg.solve(spread, mean))
    return float(stats.f.sf(squared * (n - free) / (free * (n - 1)), free, n - free)), ""
