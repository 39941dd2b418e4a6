"""The rules by which answers are read and requests made, each by itself."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic import ValidationError

from gristmill.errors import MissingExtraError
from gristmill_evals.evaluation.lm import JsonlTask
from gristmill_evals.evaluation.lm.answers import is_right, last_number, letter
from gristmill_evals.evaluation.lm.params import cut, generation
from gristmill_evals.evaluation.lm.run import check_installed

FOUR = ("rye", "oats", "barley", "spelt")


@pytest.mark.parametrize(
    ("told", "own", "asked", "params"),
    [
        ({}, {}, {}, {"temperature": 0, "max_tokens": 256}),
        (
            {"do_sample": False, "temperature": 0.7, "top_p": 0.9},
            {},
            {},
            {"temperature": 0, "max_tokens": 256},
        ),
        (
            {"do_sample": True, "temperature": 0.7, "top_p": 0.9},
            {},
            {},
            {"temperature": 0.7, "top_p": 0.9, "max_tokens": 256},
        ),
        ({"max_gen_toks": 9}, {"max_tokens": 70}, {}, {"temperature": 0, "max_tokens": 9}),
        ({}, {"max_tokens": 70, "temperature": 1}, {}, {}),
        (
            {"do_sample": False, "temperature": None},
            {},
            {"temperature": None},
            {"temperature": None, "max_tokens": 256},
        ),
        ({"until": "\n", "num_beams": 3}, {"max_tokens": 5}, {}, {"temperature": 0, "stop": ["\n"]}),
        (
            {"reasoning_effort": "low"},
            {"max_tokens": 5},
            {"reasoning_effort": "low"},
            {"temperature": 0, "reasoning_effort": "low"},
        ),
    ],
)
def test_parameters(
    told: dict[str, Any], own: dict[str, Any], asked: dict[str, Any], params: dict[str, Any]
) -> None:
    made = generation(told, own, asked, all_stops=False)
    assert made.params == params
    assert made.ignored == (("num_beams",) if "num_beams" in told else ())


def test_an_answer_ends_at_the_first_stop_string() -> None:
    assert cut("one two three", ["three", "two", "four"]) == ("one ", True)
    assert cut("one", []) == ("one", False)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("B", 1),
        ("(B)", 1),
        ("**B.** oats", 1),
        ("B. oats", 1),
        ("The answer is C.", 2),
        ("Answer: **D**", 3),
        ("A mill needs grain. I would say the correct answer is B", 1),
        ("The answer is A at first sight.\nBut no.\nFinal answer: C", 2),
        ("A. rye grows here, B. oats too.\n\n\\boxed{D}", 3),
        ("I think it is barley.", 2),
        ("rye or oats", None),
        ("A. rye\nB. oats\nC. barley\nD. spelt", None),
        ("A. rye\nB. oats\n\nAnswer: B", 1),
        ("E", None),
        ("A grain of truth.", None),
        ("I do not know.", None),
    ],
)
def test_letters(said: str, place: int | None) -> None:
    assert letter(said, FOUR) == place


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("It costs $1,234.50.", 1234.5),
        ("-3", -3.0),
        ("from 3 to 4%", 4.0),
        ("12 metres", 12.0),
        ("\\boxed{30km}", 30.0),
        ("#### 18", 18.0),
        ("x2 and B12", None),
        ("1e3", 1000.0),
        ("none", None),
    ],
)
def test_numbers(text: str, number: float | None) -> None:
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("said", "answers", "match", "right"),
    [
        ("  The Wind! ", ["the wind"], "exact", True),
        ("the wind blows", ["the wind"], "exact", False),
        ("It was the wind.", ["the wind"], "contains", True),
        ("A windmill", ["wind"], "contains", False),
        ("so 18.0", ["9*2=18\n#### 18"], "numeric", True),
        ("so 18.1", ["18"], "numeric", False),
        ("nothing", ["18"], "numeric", False),
        ("北京", ["北京"], "contains", True),
    ],
)
def test_written_answers(said: str, answers: list[str], match: Any, right: bool) -> None:
    assert is_right(said, answers, match) is right


@pytest.mark.parametrize("told", [{"match": "regex"}, {"pattern": "x"}, {"match": "regex", "pattern": "("}])
def test_patterns_are_checked(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        JsonlTask(path="x.jsonl", **told)


def test_without_lm_eval_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MissingExtraError, match=r"gristmill\[eval\]"):
        check_installed("use: lm-eval")
