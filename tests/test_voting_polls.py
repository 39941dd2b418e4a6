"""Majority with ties, median, agreement, abstentions, spoilt votes and quorum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gristmill.models.types import Answer
from gristmill.records import Usage
from gristmill.voting import Poll, Sampled, SpoiltVoteError, Vote, cast, decide, majority, mean, median

SPOILT = "spoilt"


def votes(*values: Any) -> list[Vote[Any]]:
    """``None`` abstains, SPOILT is spoilt."""
    return [
        Vote(None, f"call-{i}", "truncated") if value is SPOILT else Vote(value, f"call-{i}")
        for i, value in enumerate(values)
    ]


MAJORITIES = [
    (["a", "b", "a"], "a", 2 / 3),
    (["b", "a", "a", "b"], "b", 0.5),  # a tie: drawn first
    (["a", "b", "c"], "a", 1 / 3),
    (["a"], "a", 1.0),
    (["a", SPOILT, "a"], "a", 1.0),  # a spoilt vote says nothing
    (["a", None, "a"], "a", 2 / 3),  # an abstention does
    (["a", None, None], None, 0.0),
    (["a", None], "a", 0.5),
    ([None, None], None, 0.0),
    ([SPOILT, SPOILT], None, 0.0),
    ([], None, 0.0),
]


@pytest.mark.parametrize(("values", "outcome", "agreement"), MAJORITIES)
def test_majority(values: list[Any], outcome: str | None, agreement: float) -> None:
    poll = majority(votes(*values))
    assert poll.outcome == outcome
    assert poll.agreement == pytest.approx(agreement)
    assert poll.stands == (values.index(outcome) if outcome else None)


def test_a_tie_goes_to_what_is_preferred() -> None:
    assert majority(votes(True, False), prefer=False).outcome is False
    assert majority(votes("A", "b", "B", "a"), lambda x, y: x.lower() == y.lower(), prefer="b").outcome == "b"
    assert majority(votes("a", "b"), prefer="c").outcome == "a"
    assert majority(votes("a", "a", "b"), prefer="b").outcome == "a"  # no tie


def test_likeness_need_not_be_transitive() -> None:
    poll = majority(votes(1, 2, 3, 9), lambda x, y: abs(x - y) <= 1)
    assert (poll.outcome, poll.agreement) == (2, 0.75)
    assert poll.agrees == (True, True, True, False)


NUMBERS = [
    ("median", [1, 5, 4], 4.0, 1 / 3),
    ("median", [4, 3, 5, 4], 4.0, 0.5),
    ("median", [3, 4], 3.5, 1.0),  # an even count: between the two in the middle
    ("median", [1, 5], 3.0, 0.0),
    ("median", [4, SPOILT, 4], 4.0, 1.0),
    ("median", [4, None, None], None, 0.0),
    ("mean", [1, 2, 6], 3.0, 0.0),
    ("mean", [4, 4, 4, 5], 4.25, 0.75),
    ("majority", [5, 4, 4], 4.0, 2 / 3),
    ("majority", [5, 4], 5.0, 0.5),
]


@pytest.mark.parametrize(("rule", "values", "outcome", "agreement"), NUMBERS)
def test_numbers(rule: Any, values: list[Any], outcome: float | None, agreement: float) -> None:
    poll = decide(rule, votes(*values))
    assert poll.outcome == outcome
    assert poll.agreement == pytest.approx(agreement)


def test_tolerance_counts_who_agrees() -> None:
    assert median(votes(0.1, 0.3, 0.2), tolerance=0.1).agreement == 1.0
    assert mean(votes(2, 4), tolerance=0.9).agreement == 0.0


PROBLEMS = [
    (["a", "a", "b"], 0.6, ""),
    (["a", "a", "b"], 0.7, "no-agreement"),
    (["a", "a", "b", "b", "a"], 0.6, ""),
    (["a", SPOILT], 0.0, ""),
    (["a", SPOILT, SPOILT], 0.0, "no-quorum"),
    (["a", SPOILT, SPOILT, "a"], 0.0, ""),  # half is enough
    ([SPOILT, SPOILT], 0.0, "truncated"),
    (["a", None, None], 0.0, "abstained"),
    ([], 0.0, "no-quorum"),
]


@pytest.mark.parametrize(("values", "least", "problem"), PROBLEMS)
def test_problem(values: Sequence[Any], least: float, problem: str) -> None:
    assert majority(votes(*values)).problem(least) == problem


def test_every_vote_is_on_record() -> None:
    poll: Poll[Any] = majority(votes("a", SPOILT, None, "b", "a"))
    assert poll.rows() == [
        {"sample": 0, "call": "call-0", "vote": "a", "agrees": True},
        {"sample": 1, "call": "call-1", "failed": "truncated"},
        {"sample": 2, "call": "call-2", "abstained": True},
        {"sample": 3, "call": "call-3", "vote": "b", "agrees": False},
        {"sample": 4, "call": "call-4", "vote": "a", "agrees": True},
    ]
    assert poll.detail(0.9) == "4 of 5 samples usable, agreement 0.50 < 0.9"


def test_votes_are_read_out_of_answers() -> None:
    def read(answer: Answer) -> int | None:
        if answer.text == "much":
            raise SpoiltVoteError("unreadable")
        return int(answer.text) if answer.text else None

    answers = [Answer(text, None, "m", f"k{i}", Usage()) for i, text in enumerate(["3", "much", ""])]
    answers.append(Answer("4", None, "m", "k3", Usage(), error="truncated"))
    found = [(vote.value, vote.call, vote.failed) for vote in cast(answers, read)]
    assert found == [(3, "k0", ""), (None, "k1", "unreadable"), (None, "k2", ""), (None, "k3", "truncated")]


def test_options_left_alone_are_no_part_of_the_arguments() -> None:
    assert Sampled().model_dump() == {}
    assert Sampled(samples=3, min_agreement=1).model_dump() == {"samples": 3, "min_agreement": 1.0}
    with pytest.raises(ValueError, match="min_agreement is about several samples"):
        Sampled(min_agreement=0.5)
