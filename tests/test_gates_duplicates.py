"""Copies are blocked with the id of the first, whatever happened to the first in the meantime."""

from __future__ import annotations

import random

import pytest
from rapidfuzz import fuzz
from support.scripted_ask import item

from gristmill.records import Item
from gristmill.registry import Blocked, Gate, Passed
from gristmill_scorers.duplicates import ExactDuplicates, NearDuplicates

QUESTION = "How long does the miller let the stones cool down?"
ANSWER = "He lets them cool for 2 hours, because hot stones scorch the flour and spoil its taste."
FIRST = item(ANSWER, instruction=QUESTION)
NEAR = item(ANSWER.replace("spoil its taste", "spoil the taste"), instruction=QUESTION)


@pytest.mark.parametrize("gate", [ExactDuplicates(), NearDuplicates()])
def test_copy_is_blocked_with_the_first_ones_id(gate: Gate) -> None:
    copy = item(f"**{ANSWER.upper()}**", instruction=f"  {QUESTION.lower()}\n")
    assert gate.check(FIRST) == Passed()
    result = gate.check(copy)
    assert isinstance(result, Blocked)
    assert FIRST.example.id in result.detail
    assert gate.check(FIRST) == Passed(), "an example is no duplicate of itself"


@pytest.mark.parametrize("gate", [ExactDuplicates(), NearDuplicates()])
def test_forgotten_example_makes_room(gate: Gate) -> None:
    copy = item(ANSWER + " ", instruction=QUESTION + "?")
    assert gate.check(FIRST) == Passed()
    gate.forget(copy.example)
    assert isinstance(gate.check(copy), Blocked), "forgetting another row does not make room"
    gate.forget(FIRST.example)
    assert gate.check(copy) == Passed()
    assert isinstance(gate.check(FIRST), Blocked)


@pytest.mark.parametrize("gate", [ExactDuplicates(), NearDuplicates()])
def test_rows_of_earlier_runs_count(gate: Gate) -> None:
    gate.preload([FIRST.example, FIRST.example])
    assert isinstance(gate.check(item(ANSWER + "!", instruction=QUESTION)), Blocked)
    assert gate.check(FIRST) == Passed()


@pytest.mark.parametrize("gate", [ExactDuplicates(), NearDuplicates()])
def test_kinds_do_not_mix(gate: Gate) -> None:
    assert gate.check(FIRST) == Passed()
    assert gate.check(item(ANSWER, instruction=QUESTION, rejected="He goes home.")) == Passed()


def test_signs_of_code_matter() -> None:
    gate = ExactDuplicates()
    assert gate.check(item("Write `a == b`.")) == Passed()
    assert gate.check(item("Write `a != b`.")) == Passed()


def test_instructions_alone() -> None:
    gate = ExactDuplicates(compare="instruction")
    assert gate.check(FIRST) == Passed()
    assert isinstance(gate.check(item("Two hours.", instruction=QUESTION)), Blocked)


NEAR_CASES = [
    (NEAR, {}, True),
    (item(ANSWER.replace("2 hours", "3 hours"), instruction=QUESTION), {}, False),
    (item(ANSWER.replace("2 hours", "3 hours"), instruction=QUESTION), {"ignore_numbers": True}, True),
    (item(ANSWER, instruction="Why do hot stones scorch?"), {}, False),
    (item("He never lets them cool at all.", instruction=QUESTION), {}, False),
    (NEAR, {"threshold": 0.999}, False),
]


@pytest.mark.parametrize(("other", "args", "blocked"), NEAR_CASES)
def test_near(other: Item, args: dict[str, float], blocked: bool) -> None:
    gate = NearDuplicates(**args)
    assert gate.check(FIRST) == Passed()
    assert isinstance(gate.check(other), Blocked) is blocked


def test_same_passage_with_other_tasks_is_no_duplicate() -> None:
    passage = "The miller dresses the stones in winter, when the river is low. " * 8
    gate = NearDuplicates()
    assert gate.check(item("He does it in winter.", instruction=f"Summarise: {passage}")) == Passed()
    assert gate.check(item("- winter\n- low river", instruction=f"As bullets: {passage}")) == Passed()


def test_index_finds_what_comparing_all_pairs_finds() -> None:
    chance = random.Random(7)
    words = "mill stone grain river wheel flour sack miller wind sail gear dust winter bread oats"
    texts = [" ".join(chance.choices(words.split(), k=30)) for _ in range(60)]
    texts += [" ".join([*text.split()[:-1], chance.choice(words.split())]) for text in texts]
    gate, kept = NearDuplicates(threshold=0.9), []
    for text in dict.fromkeys(texts):
        duplicate = any(fuzz.ratio(text, other) >= 90 for other in kept)
        assert isinstance(gate.check(item(text)), Blocked) is duplicate
        kept += [] if duplicate else [text]
    assert 60 <= len(kept) < 80
