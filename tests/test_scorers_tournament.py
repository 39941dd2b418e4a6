"""Best of n: few comparisons, the true best of a judge with an order, the measured rate of one with noise."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_ask import ScriptedAsk

from gristmill.errors import UsageError
from gristmill.tournament import Compare, Place, best_of
from gristmill_scorers.pairwise.orders import Judge
from gristmill_scorers.pairwise.prompt import PairStyle
from gristmill_scorers.pairwise.tournament import judged

LEVELS = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def exact(level: dict[str, int]) -> Compare[str]:
    async def compare(first: str, second: str) -> Place:
        apart = level[first] - level[second]
        return "tie" if apart == 0 else "first" if apart > 0 else "second"

    return compare


def named(levels: list[int]) -> dict[str, int]:
    return {f"candidate {index}": level for index, level in enumerate(levels)}


@given(LEVELS)
@settings(max_examples=150, deadline=None)
async def test_a_transitive_judge_gets_a_true_best_in_n_minus_1(levels: list[int]) -> None:
    level = named(levels)
    ranking = await best_of(list(level), exact(level))
    assert levels[ranking.best] == max(levels)
    assert len(ranking.duels) == len(levels) - 1
    assert all(len(duel.verdicts) == 2 for duel in ranking.duels)
    assert sorted([*ranking.order, *ranking.rest]) == list(range(len(levels)))
    assert len(ranking.path) <= math.ceil(math.log2(len(levels)))


@given(LEVELS, st.integers(1, 5))
@settings(max_examples=150, deadline=None)
async def test_the_k_best_come_in_order(levels: list[int], top: int) -> None:
    level = named(levels)
    ranking = await best_of(list(level), exact(level), top=top)
    assert [levels[index] for index in ranking.order] == sorted(levels, reverse=True)[:top]
    depth = math.ceil(math.log2(len(levels))) if len(levels) > 1 else 0
    if top == 2 and len(levels) > 1:
        assert len(ranking.duels) <= len(levels) - 1 + depth - 1
    met = [frozenset((duel.left, duel.right)) for duel in ranking.duels]
    assert len(met) == len(set(met)), "nobody is compared with the same one twice"


@given(LEVELS, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=100, deadline=None)
async def test_the_order_of_candidates_does_not_matter(
    levels: list[int], chance: random.Random, seeded: bool
) -> None:
    level = named(levels)
    seed = {name: float(len(name) + index % 3) for index, name in enumerate(level)}

    async def rock_paper_scissors(first: str, second: str) -> Place:
        apart = (level[first] - level[second]) % 3
        return "tie" if apart == 0 else "first" if apart == 1 else "second"

    found = set()
    for _ in range(4):
        names = chance.sample(list(level), len(level))
        seeds = [seed[name] for name in names] if seeded else None
        ranking = await best_of(names, rock_paper_scissors, seeds=seeds)
        found.add((names[ranking.best], tuple(names[duel.winner] for duel in ranking.duels)))
    assert len(found) == 1


async def test_a_judge_with_noise_finds_the_best_at_the_rate_of_its_rounds() -> None:
    # right with probability p in each order; contradictions are broken without regard to who is better,
    # so that a comparison is right with probability p, and 8 candidates have 3 rounds
    chance, p, rounds, found = random.Random(6), 0.85, 600, 0

    async def compare(first: str, second: str) -> Place:
        right = chance.random() < p
        return "first" if (int(first.split()[1]) > int(second.split()[1])) == right else "second"

    for number in range(rounds):
        names = [f"{number} {quality}" for quality in range(8)]
        found += (await best_of(names, compare)).best == 7
    error = math.sqrt(p**3 * (1 - p**3) / rounds)
    assert abs(found / rounds - p**3) < 4 * error


async def test_a_judge_that_only_sees_the_place_decides_nothing() -> None:
    async def compare(first: str, second: str) -> Place:
        return "first"

    names = [f"n{index}" for index in range(9)]
    ranking = await best_of(names, compare, seeds=[float(index == 4) for index in range(9)])
    assert ranking.undecided == len(ranking.duels) == 8
    assert ranking.best == 4, "the seeds decide"
    biased = await best_of(names, compare, both_orders=False)
    assert biased.undecided == 0


async def test_seeds_keep_the_favourites_apart_until_the_end() -> None:
    level = named([7, 1, 6, 3, 2, 5, 4, 0])
    ranking = await best_of(list(level), exact(level), seeds=[float(v) for v in level.values()])
    last = ranking.duels[-1]
    assert {last.left, last.right} == {0, 2}
    first_round = {frozenset((duel.left, duel.right)) for duel in ranking.duels[:4]}
    assert frozenset((0, 7)) in first_round


async def test_equal_candidates_are_not_compared() -> None:
    ranking = await best_of(["a", "b", "a", "b", "b"], exact({"a": 1, "b": 2}))
    assert (ranking.best, len(ranking.duels)) == (1, 1)
    assert ranking.same == {2: 0, 3: 1, 4: 1}


async def test_verdicts_that_cannot_be_read_are_counted_and_decide_nothing() -> None:
    async def compare(first: str, second: str) -> Place | None:
        return None if "2" in (first, second) else "tie"

    ranking = await best_of(["1", "2", "3"], compare, seeds=[1, 3, 2])
    assert ranking.best == 1
    assert 2 <= ranking.unread <= 4
    assert ranking.unread == sum(d.verdicts.count(None) for d in ranking.duels)


async def test_errors_of_the_judge_end_the_tournament() -> None:
    async def compare(first: str, second: str) -> Place:
        raise UsageError("no judge")

    with pytest.raises(UsageError, match="no judge"):
        await best_of(["1", "2"], compare)
    for arguments in (
        {"candidates": []},
        {"candidates": ["1"], "top": 0},
        {"candidates": ["1"], "seeds": []},
    ):
        with pytest.raises(UsageError, match="a tournament of"):
            await best_of(compare=compare, **arguments)  # type: ignore[arg-type]


async def test_a_model_judges_responses() -> None:
    def longer(inputs: object, sample: int) -> dict[str, str]:
        assert isinstance(inputs, dict)
        return {"explanation": "", "winner": "A" if len(inputs["first"]) > len(inputs["second"]) else "B"}

    ask = ScriptedAsk({"pair": longer})
    texts = ["one", "twotwo", "threethree", "4"]
    for order in itertools.permutations(texts):
        ranking = await best_of(order, judged(ask, Judge(PairStyle()), "Which?"))
        assert order[ranking.best] == "threethree"
    assert len(ask.asked) == 24 * 3 * 2
