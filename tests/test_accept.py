"""The accept rule decides as written, and nothing else can be written in it."""

from __future__ import annotations

import pytest

from gristmill.accept import AcceptRule, UnknownScoreError
from gristmill.errors import RecipeError


@pytest.mark.parametrize(
    ("rule", "scores", "verdict"),
    [
        ("answer >= 0.7", {"answer": 0.7}, True),
        ("answer >= 0.7", {"answer": 0.69}, False),
        ("a > .5 and b > .5", {"a": 0.6, "b": 0.4}, False),
        ("a > .5 or b > .5", {"a": 0.6, "b": None}, True),
        ("not a < .5", {"a": 0.6}, True),
        ("0.2 < a <= 0.6", {"a": 0.6}, True),
        ("(a + 2 * b) / 3 >= .5", {"a": 0.9, "b": 0.4}, True),
        ("a - -0.1 > 0.6", {"a": 0.5}, False),
    ],
)
def test_rule_decides(rule: str, scores: dict[str, float | None], verdict: bool) -> None:
    assert AcceptRule.parse(rule)(scores) is verdict


@pytest.mark.parametrize(
    "rule",
    ["", "answer >=", "__import__('os')", "a.b > 1", "a[0]", "lambda: 1", "f(a)", "'x' > a", "a if b else c"],
)
def test_anything_else_is_refused(rule: str) -> None:
    with pytest.raises(RecipeError) as caught:
        AcceptRule.parse(rule)
    assert "accept" in str(caught.value)
    assert "→" in str(caught.value)


def test_unscored_is_not_zero() -> None:
    with pytest.raises(UnknownScoreError) as caught:
        AcceptRule.parse("answer < 0.5")({"answer": None})
    assert caught.value.args == ("answer",)


def test_names_are_collected() -> None:
    assert AcceptRule.parse("a > 1 and not (b + c < 2)").names == {"a", "b", "c"}


LEFT = [
    ("pair >= .5", None),
    ("pair >= .5 and answer >= .7", "answer >= 0.7"),
    ("pair >= .5 or answer >= .7", "answer >= 0.7"),
    ("answer >= .7 and (pair >= .5 or pair < .1)", "answer >= 0.7"),
    ("not pair < .5", None),
    ("not (pair < .5 or answer < .7)", "not answer < 0.7"),
    ("(pair + answer) / 2 >= .5 and safe > 0", "safe > 0"),
    ("0.2 < pair <= answer or safe > 0 or answer == 1", "safe > 0 or answer == 1"),
    ("answer >= .7", "answer >= .7"),
]


@pytest.mark.parametrize(("rule", "left"), LEFT)
def test_what_a_row_cannot_have_is_left_out_of_the_rule(rule: str, left: str | None) -> None:
    found = AcceptRule.parse(rule).without({"pair"})
    assert (found.source if found else None) == left
    if found is not None:
        again = AcceptRule.parse(found.source)
        assert (again.names, "pair" in found.names) == (found.names, False)


def test_a_score_left_out_is_not_missed_and_an_unscored_one_is() -> None:
    rule = AcceptRule.parse("pair >= .5 and answer >= .7")
    left = rule.without({"pair"})
    assert left is not None
    assert [left({"answer": value}) for value in (0.8, 0.6)] == [True, False]
    with pytest.raises(UnknownScoreError):
        left({"answer": None})
    with pytest.raises(UnknownScoreError):
        rule({"answer": 0.9, "pair": None})
