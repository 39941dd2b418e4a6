"""Drops and preferences: intervals hold what they should, by simulation, and tests keep their level."""

from __future__ import annotations

import random

import pytest

from gristmill_evals.evaluation.memorisation.consistent import consistency
from gristmill_evals.evaluation.memorisation.paired import Pair, drop_of, interval
from gristmill_evals.evaluation.records import EvalSample
from gristmill_evals.statistics import paired_difference

DRAWS = 2000


def drawn(rng: random.Random, n: int, variants: int, known: float, share: float) -> list[Pair]:
    """Items as hard as a beta distribution says; a share of the originals is known by heart."""
    pairs = []
    for number in range(n):
        chance = rng.betavariate(2 * share, 2 - 2 * share)
        before = 1.0 if rng.random() < known else float(rng.random() < chance)
        after = tuple(float(rng.random() < chance) for _ in range(variants))
        pairs.append(Pair(before, after, number))
    return pairs


@pytest.mark.parametrize(
    ("n", "variants", "known", "share"),
    [(50, 3, 0.0, 0.7), (24, 3, 0.99, 0.05), (60, 1, 0.8, 0.5), (60, 3, 0.3, 0.9)],
)
def test_coverage_of_drops(n: int, variants: int, known: float, share: float) -> None:
    rng, held = random.Random(1), 0
    for _ in range(DRAWS):
        pairs = drawn(rng, n, variants, known, share)
        means = [pair.mean for pair in pairs]
        found = paired_difference([pair.before for pair in pairs], means, [pair.cluster for pair in pairs])
        low, high = interval(pairs, found, 0.95)
        held += low <= known * (1 - share) <= high
    assert held / DRAWS == pytest.approx(0.95, abs=0.02)


def test_p_agrees_with_the_interval() -> None:
    rng = random.Random(5)
    for _ in range(40):
        found = drop_of(drawn(rng, 30, 2, 0.25, 0.5))
        assert found.low is not None
        assert found.high is not None
        assert found.p is not None
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_newcombe_1998_paired() -> None:
    """All of 24 against none of 24, without correlation: 1 less the root of the squared Wilson distances."""
    found = drop_of([Pair(1.0, (0.0,), number) for number in range(24)])
    assert found.mean == 1.0
    assert found.low == pytest.approx(1 - 2**0.5 * 0.1380, abs=0.001)
    assert found.high == 1.0
    assert found.p is not None
    assert found.p < 1e-6


def test_few_items_have_no_interval() -> None:
    found = drop_of([Pair(1.0, (0.0,), number) for number in range(5)])
    assert (found.mean, found.low, found.p) == (1.0, None, None)
    assert found.note == "5 items, 6 are needed: no interval"


def test_nothing_lost_has_an_interval_too() -> None:
    found = drop_of([Pair(1.0, (1.0, 1.0), number) for number in range(50)])
    assert found.low is not None
    assert found.high is not None
    assert -0.1 < found.low < 0 < found.high < 0.1
    assert found.p == 1.0


def answered(rng: random.Random, items: int, favour: float) -> list[EvalSample]:
    """Items with four options in four orders, by one who knows half of them and else says what is drawn."""
    samples = []
    for number in range(items):
        knows = rng.random() < 0.5
        for shift in range(4):
            order = [(place + shift) % 4 for place in range(4)]
            guess = 1 if rng.random() < favour else rng.randrange(4)
            chosen = order.index(0) if knows else guess
            details = {
                "set": "s",
                "kind": "options" if shift else "original",
                "of": f"{number}",
                "order": order,
            }
            choices = tuple("wxyz"[place] for place in order)
            values = {"correct": float(order[chosen] == 0)}
            details |= {"chosen": chosen, "variant": f"options-{shift}"}
            samples.append(
                EvalSample(
                    "s",
                    f"{number}#{shift}",
                    f"{number}",
                    values,
                    choices=choices,
                    target="w",
                    details=details,
                )
            )
    return samples


def test_the_test_of_preferences_keeps_its_level_and_has_power() -> None:
    rng = random.Random(7)
    fair = [consistency(answered(rng, 40, 0.0))[0].p for _ in range(400)]
    assert sum(p < 0.05 for p in fair if p is not None) / 400 == pytest.approx(0.05, abs=0.025)
    [biased] = consistency(answered(rng, 100, 0.4))
    assert biased.p is not None
    assert biased.p < 0.01
    assert biased.chosen[1].mean == max(one.mean for one in biased.chosen)


def test_few_items_are_not_tested() -> None:
    [one] = consistency(answered(random.Random(1), 6, 0.0))
    assert one.p is None
    assert one.note == "6 items in all orders, 10 are needed: no test"
