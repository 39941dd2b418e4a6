"""How the votes of several judges are combined: what must hold whatever they say."""

from __future__ import annotations

import itertools
import json
import math
import random
import statistics
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.juries import (
    SIDES,
    PairOutcome,
    ScoreOutcome,
    combine_pairs,
    combine_scores,
    votes_in_orders,
    weights,
)

# in steps, so that nothing is level by less than rounding can tell
WEIGHT = st.integers(1, 400).map(lambda n: n / 100)
SIDE = st.sampled_from(SIDES)
SCORE = st.integers(0, 64).map(lambda n: n / 64)
PairVotes = list[tuple[str | None, float]]
ScoreVotes = list[tuple[float | None, float]]
PAIRS = st.lists(st.tuples(st.none() | SIDE, st.just(0.0) | WEIGHT), max_size=7)
SCORES = st.lists(st.tuples(st.none() | SCORE, st.just(0.0) | WEIGHT), max_size=7)
LEAST = st.sampled_from([0.0, 0.5, 0.67, 1.0])


def same(one: PairOutcome | ScoreOutcome, other: PairOutcome | ScoreOutcome) -> bool:
    """Equal but for rounding."""
    numbers = [
        [outcome.agreement, outcome.spoken, getattr(outcome, "value", None) or 0.0]
        for outcome in (one, other)
    ]
    words = [(outcome.problem, getattr(outcome, "winner", "")) for outcome in (one, other)]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], abs=1e-9)


@settings(deadline=None)
@given(PAIRS, SCORES, LEAST, st.integers(0, 10))
def test_the_order_of_votes_never_matters(
    pairs: PairVotes, scores: ScoreVotes, least: float, seed: int
) -> None:
    mixed = random.Random(seed).sample
    assert combine_pairs(mixed(pairs, len(pairs)), min_agreement=least) == combine_pairs(
        pairs, min_agreement=least
    )
    assert combine_scores(mixed(scores, len(scores)), min_agreement=least) == combine_scores(
        scores, min_agreement=least
    )


@settings(deadline=None)
@given(PAIRS, SCORES, LEAST, st.sampled_from([0.001, 3.0, 1e6]))
def test_the_unit_of_weights_never_matters(
    pairs: PairVotes, scores: ScoreVotes, least: float, by: float
) -> None:
    more_pairs = [(side, weight * by) for side, weight in pairs]
    more_scores = [(score, weight * by) for score, weight in scores]
    assert same(combine_pairs(more_pairs, min_agreement=least), combine_pairs(pairs, min_agreement=least))
    assert same(combine_scores(more_scores, min_agreement=least), combine_scores(scores, min_agreement=least))


@settings(deadline=None)
@given(PAIRS, SCORES, LEAST, st.none() | SIDE, st.none() | SCORE)
def test_a_vote_of_no_weight_is_as_if_absent(
    pairs: PairVotes, scores: ScoreVotes, least: float, side: str | None, score: float | None
) -> None:
    assert combine_pairs([*pairs, (side, 0.0)], min_agreement=least) == combine_pairs(
        pairs, min_agreement=least
    )
    assert combine_scores([*scores, (score, 0.0)], min_agreement=least) == combine_scores(
        scores, min_agreement=least
    )


@settings(deadline=None)
@given(PAIRS, SCORES, WEIGHT)
def test_a_missing_vote_changes_no_outcome_but_may_cost_the_quorum(
    pairs: PairVotes, scores: ScoreVotes, weight: float
) -> None:
    fewer, pair = combine_pairs(pairs), combine_pairs([*pairs, (None, weight)])
    assert (pair.winner, pair.shares) == (fewer.winner, fewer.shares) or pair.problem == "no-quorum"
    less, score = combine_scores(scores), combine_scores([*scores, (None, weight)])
    assert score.value == less.value or score.problem == "no-quorum"
    assert pair.agreement == fewer.agreement
    assert score.agreement == less.agreement


@settings(deadline=None)
@given(PAIRS, SCORES, LEAST)
def test_outcomes_are_numbers_within_bounds_or_have_a_reason(
    pairs: PairVotes, scores: ScoreVotes, least: float
) -> None:
    pair, score = combine_pairs(pairs, min_agreement=least), combine_scores(scores, min_agreement=least)
    for outcome in (pair, score):
        assert 0 <= outcome.agreement <= 1 + 1e-9
        assert 0 <= outcome.spoken <= 1 + 1e-9
        assert outcome.problem in {"", "no-quorum", "abstained"}
    assert (pair.winner is None) == bool(pair.problem)
    assert (score.value is None) == bool(score.problem)
    if score.value is not None:
        said = [value for value, weight in scores if value is not None and weight]
        assert min(said) <= score.value <= max(said)
        assert score.agreement >= least - 0.005
    if pair.winner is not None:
        assert pair.agreement >= least - 0.005


@settings(deadline=None)
@given(st.lists(SIDE, min_size=1, max_size=9), st.lists(SCORE, min_size=1, max_size=9), WEIGHT)
def test_equal_weights_are_a_plain_majority_and_mean(
    sides: list[str], scores: list[float], weight: float
) -> None:
    (first, most), *rest = Counter(sides).most_common()
    plain = "tie" if rest and rest[0][1] == most else first
    assert combine_pairs([(side, weight) for side in sides]).winner == plain
    mean = statistics.fmean(scores)
    assert combine_scores([(score, weight) for score in scores]).value == pytest.approx(mean, abs=1e-12)


@settings(deadline=None)
@given(SIDE, SCORE, WEIGHT)
def test_a_jury_of_one_is_that_judge(side: str, score: float, weight: float) -> None:
    pair = combine_pairs([(side, weight)], min_agreement=1)
    assert (pair.winner, pair.agreement, pair.spoken) == (side, 1, 1)
    assert combine_scores([(score, weight)], min_agreement=1) == ScoreOutcome(score, 1, 1)


@settings(deadline=None)
@given(PAIRS)
def test_no_side_is_preferred(pairs: PairVotes) -> None:
    turned = {"1": "2", "2": "1", "tie": "tie", None: None}
    mirrored = combine_pairs([(turned[side], weight) for side, weight in pairs])
    assert mirrored.winner == turned[combine_pairs(pairs).winner]


@settings(deadline=None)
@given(PAIRS, WEIGHT)
def test_another_vote_for_the_winner_keeps_it(pairs: PairVotes, weight: float) -> None:
    before = combine_pairs(pairs)
    after = combine_pairs([*pairs, (before.winner, weight)])
    assert before.winner is None or after.winner == before.winner


ORDERS = st.lists(st.tuples(st.tuples(st.none() | SIDE, st.none() | SIDE), WEIGHT), max_size=6)


@settings(deadline=None)
@given(ORDERS, WEIGHT, st.sampled_from([("1", "2"), ("2", "1")]))
def test_a_judge_that_goes_by_the_place_makes_no_side_win(
    heard: list[tuple[tuple[str | None, str | None], float]], weight: float, place: tuple[str, str]
) -> None:
    before = combine_pairs(votes_in_orders(heard))
    after = combine_pairs(votes_in_orders([*heard, (place, weight)]))
    shares, fewer = dict(after.shares), dict(before.shares)
    if before.winner in {"1", "2"} and after.winner not in {None, "tie"}:
        assert after.winner == before.winner
    if fewer and shares:
        lead = fewer["1"] - fewer["2"]
        assert shares["1"] - shares["2"] == pytest.approx(
            lead * (1 - weight / sum(w for sides, w in [*heard, (place, weight)] if None not in sides))
        )


@settings(deadline=None)
@given(SIDE, SIDE, WEIGHT)
def test_a_judge_in_both_orders_is_itself(forward: str, swapped: str, weight: float) -> None:
    both = combine_pairs(votes_in_orders([((forward, swapped), weight)]))
    assert both.winner == (forward if forward == swapped else "tie")
    assert combine_pairs(votes_in_orders([((forward,), weight)])).winner == forward
    none = combine_pairs(votes_in_orders([((forward, None), weight)]))
    assert (none.winner, none.spoken, none.problem) == (None, 0, "no-quorum")


@pytest.mark.shared
def test_on_published_votes_orders_together_are_right_more_often(shared: Path) -> None:
    said: dict[str, list[tuple[str | None, str | None]]] = {}
    labels: dict[str, str] = {}
    for line in (shared / "judgments" / "mtbench_votes.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["prompt"] == "Vanilla_NoRules":
            said.setdefault(row["id"], []).append((row["winner_forward"], row["winner_swapped"]))
            labels[row["id"]] = str(row["label"])
    together = [combine_pairs(votes_in_orders([(v, 1.0) for v in said[id_]])).winner for id_ in said]
    apart = [{combine_pairs([(v[order], 1.0) for v in said[id_]]).winner for order in (0, 1)} for id_ in said]
    right = [winner == labels[id_] for winner, id_ in zip(together, said, strict=True)]
    by_order = [winners == {labels[id_]} for winners, id_ in zip(apart, said, strict=True)]
    assert (len(right), sum(right) / len(right), sum(by_order) / len(by_order)) == (200, 0.745, 0.545)


@pytest.mark.parametrize(
    ("votes", "winner", "agreement"),
    [
        ([("1", 1), ("2", 1)], "tie", 0),
        ([("1", 1), ("tie", 1)], "tie", 0.5),
        ([("1", 1), ("2", 1), ("tie", 1)], "tie", 1 / 3),
        ([("1", 0.1), ("1", 0.2), ("2", 0.3)], "tie", 0),
        ([("1", 3), ("2", 1), ("2", 1)], "1", 0.6),
        ([("1", 1), ("2", 1), ("2", 1)], "2", 2 / 3),
    ],
)
def test_level_sides_are_a_tie(votes: PairVotes, winner: str, agreement: float) -> None:
    outcome = combine_pairs(votes)
    assert (outcome.winner, outcome.agreement) == (winner, pytest.approx(agreement))


@pytest.mark.parametrize(
    ("votes", "problem"),
    [
        ([], "no-quorum"),
        ([(None, 1), (None, 2)], "no-quorum"),
        ([("1", 0)], "no-quorum"),
        ([("1", 1), (None, 1)], "no-quorum"),
        ([("1", 1.1), (None, 1)], ""),
        ([("1", 1), ("1", 1), ("2", 1), (None, 1)], "abstained"),
        ([("1", 1), ("1", 1), ("1", 1), (None, 1)], ""),
    ],
)
def test_more_than_half_of_the_weight_must_have_spoken(votes: PairVotes, problem: str) -> None:
    assert combine_pairs(votes, min_agreement=0.7).problem == problem


def test_agreement_is_read_in_hundredths_but_all_means_all() -> None:
    two_of_three = [("1", 1.0), ("1", 1.0), ("2", 1.0)]
    assert combine_pairs(two_of_three, min_agreement=0.67).problem == ""
    assert combine_pairs(two_of_three, min_agreement=0.68).problem == "abstained"
    assert combine_pairs([("1", 1.0), ("2", 0.001)], min_agreement=1).problem == "abstained"


def test_scores_agree_that_are_near_each_other() -> None:
    assert combine_scores([(1, 1), (1, 1), (0, 1)]).agreement == pytest.approx(2 / 3)
    assert combine_scores([(0.5, 1), (0.75, 1)]).agreement == 1
    assert combine_scores([(0.5, 1), (0.75, 1)], near=0.2).agreement == 0.5
    assert combine_scores([(0, 1), (0.25, 1), (0.5, 2)]).agreement == 0.75


@pytest.mark.parametrize("votes", [[("3", 1)], [("1", -1)], [("1", math.inf)], [("1", math.nan)]])
def test_what_is_no_vote_is_an_error(votes: PairVotes) -> None:
    with pytest.raises(ValueError, match=r"side|weight"):
        combine_pairs(votes)
    with pytest.raises(ValueError, match="outside"):
        combine_scores([(math.nan, 1.0)])


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10_000))
def test_the_weight_rises_with_accuracy_and_with_rows(one: float, other: float, n: int) -> None:
    low, high = sorted((one, other))
    assert 0 <= weights(low, n) <= weights(high, n) < math.inf
    assert weights(high, n) <= weights(high, n + 1) + 1e-12
    assert (weights(high, n) > 0) == (high > 0.5 and n > 0) or math.isclose(high, 0.5, abs_tol=1e-9)


def test_weights_by_hand() -> None:
    assert weights(1.0, 5) == pytest.approx(math.log(6))
    assert weights(0.9, 10**9) == pytest.approx(math.log(9))
    assert weights(0.5, 100) == weights(0.2, 100) == weights(1.0, 0) == 0
    for accuracy, n in ((1.1, 5), (-0.1, 5), (0.8, -1), (math.nan, 5)):
        with pytest.raises(ValueError, match="accuracy"):
            weights(accuracy, n)


@settings(deadline=None)
@given(st.lists(st.integers(55, 97).map(lambda n: n / 100), min_size=1, max_size=6))
def test_no_weights_are_better_for_judges_that_err_independently(accuracies: list[float]) -> None:
    measured = [weights(accuracy, 10**9) for accuracy in accuracies]
    right = _right(accuracies, measured)
    assert right >= _right(accuracies, [1.0] * len(accuracies)) - 1e-9
    for alone in range(len(accuracies)):
        assert right >= accuracies[alone] - 1e-9


def _right(accuracies: list[float], given_weights: list[float]) -> float:
    """How often the jury is right, counted over everything its judges can say; a tie is half right."""
    total = 0.0
    for rights in itertools.product((True, False), repeat=len(accuracies)):
        votes = [("1" if right else "2", weight) for right, weight in zip(rights, given_weights, strict=True)]
        chance = math.prod(a if right else 1 - a for a, right in zip(accuracies, rights, strict=True))
        total += chance * {"1": 1.0, "2": 0.0, "tie": 0.5}[combine_pairs(votes).winner or "tie"]
    return total
