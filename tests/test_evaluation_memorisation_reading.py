"""Answers as models write them: which option, number or text was meant."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gristmill_evals.contamination import BenchmarkItem
from gristmill_evals.evaluation.memorisation.reading import form_of, number_in, number_of, option_in, read

METALS = ("iron", "copper", "a copper alloy", "tin and lead")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B", 1),
        ("(b)", 1),
        ("**B. copper**", 1),
        ("B) copper", 1),
        ("B: copper", 1),
        ("The answer is B.", 1),
        ("The correct answer is (D), because tin melts early.", 3),
        ("A is wrong, so is C.\n\nAnswer: D", 3),
        ("Answer: copper", 1),
        ("It is copper.", 1),
        ("It must be a copper alloy.", 2),
        ("Copper alloy", 2),
        ("Option C", 2),
        ("<think>A or B? A.</think>C", 2),
        ("I would say D", 3),
        ("A metal such as tin and lead", 3),
        ("Answer: **D**", 3),
        ("final answer: \\boxed{B}", 1),
        ("Either A or B.", None),
        ("iron or tin and lead", None),
        ("I do not know.", None),
        ("E", None),
        ("", None),
    ],
)
def test_options(text: str, place: int | None) -> None:
    item = BenchmarkItem("i", "Which?", METALS[1], METALS)
    found = read(text, item)
    assert found.chosen == place
    assert found.correct is (place == 1)
    assert found.unread == ("no-option" if place is None else "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", "18"),
        ("She makes 9 * 2 = $18 a day.\n#### 18", "18"),
        ("Answer: 1,250.50 dollars", "1250.5"),
        ("Answer: 3 * 6 = 18 eggs", "18"),
        ("Answer: 18 (out of 20)", "18"),
        ("12 + 6 = 18.", "18"),
        ("It falls to -4", "-4"),
        ("16-3 = 13", "13"),
        ("5 - 3", "3"),
        ("Answer: 3/4", "3/4"),
        ("Answer: 1 1/2 cups", "3/2"),
        ("about 2.5 million", "2500000"),
        ("**Answer:** 75%", "75"),
        ("\\boxed{42}", "42"),
        ("Answer: .5", "1/2"),
        ("Answer:\n\n18", "18"),
        ("no idea", None),
    ],
)
def test_numbers(text: str, value: str | None) -> None:
    assert number_in(text.replace("**", "")) == (None if value is None else Fraction(value))


@pytest.mark.parametrize(
    ("answer", "value"),
    [("18", 18), ("$1,800", 1800), ("12 km", 12), ("5 = 5\n#### 5", 5), ("75%", 75), ("Paris", None),
     ("in 1945 and 1946", None), ("B2", None), ("about 5 of the 7", None)],
)  # fmt: skip
def test_what_is_a_number(answer: str, value: int | None) -> None:
    assert number_of(answer) == value
    assert form_of(BenchmarkItem("i", "?", answer)) == ("text" if value is None else "number")


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Answer: The stilling well", True),
        ("a stilling-well.", True),
        ("It is long.\nAnswer: tide pole", False),
    ],
)
def test_texts(said: str, right: bool) -> None:
    assert read(said, BenchmarkItem("i", "?", "stilling well")).correct is right


def test_the_same_options_in_another_order() -> None:
    assert [option_in("copper", tuple(reversed(METALS))), option_in("A", METALS)] == [2, 0]
