"""When two answers to one question are the same: numbers by value, words by likeness, a denial never."""

from __future__ import annotations

import pytest

from gristmill.comparing import same_answer

MILL = "How many people did the mill employ in 1880?"
EITHER = "Is it driven by water or wind?"
LONG = (
    "The keeper oils the gear every spring, checks each paddle for rot and replaces the leather straps "
    "that hold the buckets to the rim"
)
SAME = [
    ("1,000", "1000.0", ""),
    ("1.000,5", "1,000.5", ""),
    ("2,5", "2.5", ""),
    ("forty-two", "42", ""),
    ("3 million", "3,000,000", ""),
    ("two hundred", "200", ""),
    ("−5", "-5", ""),
    ("40%", "40 percent", ""),
    ("5km", "5 km", ""),
    ("**Paris**", "paris.", ""),
    ("colour", "color", ""),
    ("ﬁnal", "final", ""),
    ("- red\n- blue", "red, blue", ""),
    ("Forty.", "The mill employed forty people in 1880.", MILL),
    ("Forty people", "The mill employed forty.", MILL),
    ("40 people", "Forty", MILL),
    ("Yes.", "The mill is at the ford.", "Is the mill at the ford?"),
    ("The wheel.", "A wooden wheel lifts it out of the well", "What lifts the bucket?"),
    ("Paris", "Paris, France", ""),
    ("東京です", "東京", ""),
    (LONG, LONG.replace("oils", "greases"), ""),
]
DIFFERENT = [
    ("1,000", "1,001", ""),
    ("1880", "40 people in 1880", MILL),
    ("in 1881", "1880", "Was it 1880 or 1881?"),
    ("-5", "5", ""),
    ("1.2.3", "1.2.4", ""),
    ("40 km", "40 miles", ""),
    ("yes", "no", ""),
    ("It sails.", "It does not sail.", ""),
    ("It sails in a storm", "It doesn't sail in a storm", ""),
    ("It is possible", "It is impossible", ""),
    ("hypertension", "hypotension", ""),
    ("water", "wind", EITHER),
    ("It is driven by water", "It is driven by wind", EITHER),
    ("London", "Paris", ""),
    ("B2", "B3", ""),
    ("a < b", "a > b", ""),
    ("a * b", "a + b", ""),
    ("C", "C++", ""),
    ("+", "-", ""),
    ("", "anything", ""),
    ("東京", "京都", ""),
    (LONG, LONG.replace("oils", "never oils"), ""),
    (LONG, "The keeper lives at the ford and sells bread, eggs and cheese on market days", ""),
]


@pytest.mark.parametrize(("one", "other", "question"), SAME)
def test_same(one: str, other: str, question: str) -> None:
    assert same_answer(one, other, question=question)
    assert same_answer(other, one, question=question)


@pytest.mark.parametrize(("one", "other", "question"), DIFFERENT)
def test_different(one: str, other: str, question: str) -> None:
    assert not same_answer(one, other, question=question)
    assert not same_answer(other, one, question=question)


def test_likeness_decides_on_long_answers_only() -> None:
    changed = LONG.replace("leather straps", "iron bolts")
    assert same_answer(LONG, changed)
    assert not same_answer(LONG, changed, likeness=0.95)
    assert not same_answer("a red door", "a blue door", likeness=0.1)
