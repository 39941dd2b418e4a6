"""Contaminated less clean: intervals hold what they should, by simulation, and agree with the textbook."""

from __future__ import annotations

import random

import pytest

from gristmill_evals.evaluation.clean.contrasts import Group, gap, scaled

DRAWS = 2000


def group(rng: random.Random, n: int, share: float, binary: bool, size: int = 1) -> Group:
    """``n`` values in clusters of ``size``, which share a part of what decides them."""
    values: list[float] = []
    for _ in range(n // size):
        own = rng.betavariate(4 * share, 4 - 4 * share)
        chance = [own if binary and size > 1 else share] * size
        values += [float(rng.random() < one) if binary else own for one in chance]
    keys = [rng.random() for _ in range(n // size)]
    return Group(tuple(values), tuple(keys[place // size] for place in range(len(values))))


@pytest.mark.parametrize(
    ("sizes", "shares", "binary", "size"),
    [
        ((20, 180), (0.9, 0.6), True, 1),
        ((15, 300), (0.97, 0.9), True, 1),
        ((40, 60), (0.5, 0.5), True, 1),
        ((15, 100), (0.8, 0.5), False, 1),
        ((80, 200), (0.8, 0.5), True, 4),
    ],
)
def test_coverage(sizes: tuple[int, int], shares: tuple[float, float], binary: bool, size: int) -> None:
    rng, held, part = random.Random(1), 0, sizes[0] / sum(sizes)
    for _ in range(DRAWS):
        bad, good = (group(rng, n, share, binary, size) for n, share in zip(sizes, shares, strict=True))
        found = scaled(gap(bad, good), part)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= (shares[0] - shares[1]) * part <= found.high
    assert held / DRAWS == pytest.approx(0.95, abs=0.02)


def test_coverage_where_sources_have_items_of_both_kinds() -> None:
    """40 documents with a contaminated and four clean items each, that share how hard they are."""
    rng, held, n = random.Random(2), 0, 40
    for _ in range(DRAWS):
        hard = [rng.betavariate(3, 3) for _ in range(n)]
        bad = Group(tuple(float(rng.random() < one * 0.8 + 0.2) for one in hard), tuple(range(n)))
        good = Group(
            tuple(float(rng.random() < hard[k // 4]) for k in range(4 * n)),
            tuple(k // 4 for k in range(4 * n)),
        )
        found = gap(bad, good)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.1 <= found.high
    assert held / DRAWS == pytest.approx(0.95, abs=0.02)


def test_newcombe_1998() -> None:
    """Example (a) of the paper's table II, method 10: 56 of 70 against 48 of 80."""
    one = Group((1.0,) * 56 + (0.0,) * 14, tuple(range(70)))
    two = Group((1.0,) * 48 + (0.0,) * 32, tuple(range(100, 180)))
    found = gap(one, two)
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=0.002)


def test_items_with_the_same_scores_have_no_interval() -> None:
    same = Group((0.4,) * 12, tuple(range(12)))
    found = gap(same, Group((0.4,) * 12, tuple(range(20, 32))))
    assert found.low is None
    assert found.note == "all items have the same score: no interval"
