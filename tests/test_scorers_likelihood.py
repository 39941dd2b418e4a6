"""Log probabilities of tokens to chances of values: places in the text, tokens out of step, bounds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gristmill.models.types import Answer, TokenLogprob
from gristmill.records import Usage
from gristmill_scorers.likelihood.chances import LEAST, Likelihood, NoChancesError, expected
from gristmill_scorers.likelihood.places import value_spans
from gristmill_scorers.likelihood.tokens import token_starts

Token = tuple[str, Mapping[str, float]]
TEN = [str(grade) for grade in range(11)]


def answer(text: str, *tokens: str | Token, data: Any = None) -> Answer:
    """Tokens without odds are certain; the first of those with odds is the one taken."""
    pairs = [(token, {token: 1.0}) if isinstance(token, str) else token for token in tokens]
    given = [
        TokenLogprob(token, _log(odds.get(token, 1e-9)), [(other, _log(p)) for other, p in odds.items()])
        for token, odds in pairs
    ]
    return Answer(text, data or json.loads(text), "m", "k", Usage(), logprobs=given)


def _log(chance: float) -> float:
    return math.log(chance) if chance else -math.inf


PLACES = [
    ('{"a": true, "b": [1, {"c": "x\\"y"}]}', {("a",): "true", ("b", 0): "1", ("b", 1, "c"): 'x\\"y'}),
    ('so {"a": "{\\"a\\": 1}"} it is', {("a",): '{\\"a\\": 1}'}),
    ('{"draft": {"a": 2}} then {"a": 2}', {("a",): "2"}),
    ('```json\n{\n  "a" : -3.50e1 ,\n "b":{}, "c":[] , "d": null}\n```', {("a",): "-3.50e1", ("d",): "null"}),
]


@pytest.mark.parametrize(("text", "values"), PLACES)
def test_values_are_found_where_they_stand(text: str, values: dict[tuple[Any, ...], str]) -> None:
    data = json.loads(text[text.rindex('{"a"') : text.rindex("}") + 1] if "```" not in text else text[8:-4])
    spans = value_spans(text, data)
    assert {key: text[slice(*span)] for key, span in spans.items()} == values


@pytest.mark.parametrize("text", ["{'a': 1}", '{"a": 1,}', "", "no JSON", '{"a": 2}', '{"a": ' * 5000])
def test_what_is_no_json_has_no_places(text: str) -> None:
    assert value_spans(text, {"a": 1}) == {}


NONE = [None] * 3
ALIGNED: list[tuple[str, list[str], list[int | None]]] = [
    ('{"a": 1}', ['{"', "a", '":', " 1", "}"], [0, 2, 3, 5, 7]),
    ('{"a": 1}', ["<think>", '{"a": 1}', "</think>", '{"a"', ": ", "1}", "<|end|>"], [*NONE, 0, 4, 6, None]),
    ('{"a": 1}', ['{"a"', ": ", "2 no", '{"', "a", '":', "1", "}"], [*NONE, 0, 2, 3, 6, 7]),
    ('{"a": 1}', ['{"', "a", '":', "1", "}"], [0, 2, 3, 6, 7]),  # the space before 1 is lost
    ('{"é": 1}', ['{"', "\ufffd", "\ufffd", '": ', "1", "}"], [0, None, None, 3, 6, 7]),
    ('{"🙂": 1}', ['{"', "bytes:\\xf0", "", '":', " 1", "}"], [0, None, None, 3, 5, 7]),
    ('{"a": 1}', ["{", "b", "1", "}"], [None, None, 6, 7]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tokens", "starts"), ALIGNED)
def test_tokens_are_placed_in_the_text(text: str, tokens: list[str], starts: list[int | None]) -> None:
    assert token_starts([TokenLogprob(token, 0.0) for token in tokens], text) == starts


SPREAD: list[tuple[str, list[str | Token], dict[str, float]]] = [
    ("7", [("7", {"7": 0.5, "8": 0.4, "x": 0.1})], {"7": 0.5, "8": 0.4}),
    ("7", [(" 7", {" 7": 0.5, "8": 0.4, " 7.5": 0.1})], {"7": 0.5, "8": 0.4}),
    ("10", [("1", {"1": 0.8, "7": 0.2}), ("0", {"0": 0.5, "}": 0.5})], {"10": 0.4, "1": 0.4, "7": 0.2}),
    ("1", [("1", {"1": 0.8, "7": 0.2}), ("}", {"}": 0.9, "0": 0.1})], {"10": 0.08, "1": 0.72, "7": 0.2}),
    ("10", [("10", {"10": 0.7, "1": 0.2, "9": 0.1})], {"10": 0.7, "1": 0.2, "9": 0.1}),
    ("7", [("7", {"7": 0.995, "1": 0.005})], {"7": 0.995}),
    ("7", [("7", {"8": 0.6})], {"7": 1e-9, "8": 0.6}),  # the token taken is not among the likeliest
    ("3", [("3", {"3": 0.9, "4": 0.0})], {"3": 0.9}),
]


@pytest.mark.parametrize(("value", "tokens", "chances"), SPREAD)
def test_chances_of_grades(value: str, tokens: list[str | Token], chances: dict[str, float]) -> None:
    last = tokens[-1] if isinstance(tokens[-1], str) else tokens[-1][0]
    closing = [] if last == "}" else ["}"]
    first = tokens[0][0]
    opening = '{"grade":' if first.startswith(" ") else '{"grade": '
    found = Likelihood(answer(f'{{"grade": {value}}}', opening, *tokens, *closing)).chances(("grade",), TEN)
    assert {word: p for word, p in found.items() if p} == pytest.approx(chances)


REFUSED: list[tuple[str, list[str | Token], str]] = [
    ('{"grade": 7}', [], "no-logprobs"),
    ('{"grade": 7}', ["something", "else"], "not-located"),
    ('{"grade": 7.0}', ['{"grade": 7.0}'], "other-form"),
    ('{"grade": 7}', ['{"grade":', (" 7", {" 7": 0.7, " 1": 0.3}), "}"], "split-value"),
]


@pytest.mark.parametrize(("text", "tokens", "reason"), REFUSED)
def test_chances_that_cannot_be_known(text: str, tokens: list[str | Token], reason: str) -> None:
    with pytest.raises(NoChancesError, match=reason):
        Likelihood(answer(text, *tokens)).chances(("grade",), TEN)
    mended = Likelihood(answer("{'grade': 7}", "{'grade': 7}", data={"grade": 7}))
    with pytest.raises(NoChancesError, match="not-located"):
        mended.chances(("grade",), TEN)


@pytest.mark.parametrize("quote", ['"', ' "', ""])
def test_words_in_quotes(quote: str) -> None:
    odds = {f"{quote}A": 0.7, f"{quote}B": 0.2, "A" if quote else " A": 0.05, f'{quote}tie"': 0.05}
    before = '{"winner":' + {'"': " ", ' "': "", "": ' "'}[quote]
    found = Likelihood(answer('{"winner": "A"}', before, (f"{quote}A", odds), '"}')).chances(
        ("winner",), ["A", "B", "tie"]
    )
    assert found == pytest.approx({"A": 0.7, "B": 0.2, "tie": 0.05})


CHANCE = st.floats(0, 1, allow_nan=False)


@given(true=CHANCE, false=CHANCE, more=CHANCE)
@settings(max_examples=150, deadline=None)
def test_a_share_lies_between_the_verdicts_and_rises_with_the_chance(
    true: float, false: float, more: float
) -> None:
    assume(true + false > 1e-6)
    shares = []
    for odds in ({" true": true, " false": false}, {" true": min(1, true + more), " false": false}):
        said = answer('{"met": true}', '{"met":', (" true", odds), "}")
        found = Likelihood(said).chances(("met",), ["true", "false"])
        share, mass = expected({1.0: found["true"], 0.0: found["false"]})
        assert 0 <= share <= 1
        assert 0 < mass <= 1
        shares.append(share)
    assert shares[1] >= shares[0] - 1e-12


@given(st.dictionaries(st.integers(0, 10), CHANCE, min_size=1), st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_a_mean_grade_is_a_mean(chances: dict[int, float], scale: int) -> None:
    values = {float(grade): chance / 11 for grade, chance in chances.items()}
    kept = [grade for grade, chance in values.items() if chance >= LEAST]
    if not kept:
        with pytest.raises(NoChancesError, match="no-mass"):
            expected(values, LEAST)
        return
    mean, _ = expected(values, LEAST)
    assert min(kept) <= mean <= max(kept)
    # no matter how large the probabilities are together: only their proportions count
    smaller = {grade: chance / scale for grade, chance in values.items() if chance >= LEAST}
    assert expected(smaller)[0] == pytest.approx(mean)


TEXTS = st.text(st.sampled_from('{}[]:, "\\truefalsn01\u00e9🙂'), max_size=20)


@given(TEXTS, st.lists(st.tuples(TEXTS, st.floats(allow_nan=True)), max_size=6), CHANCE)
@settings(max_examples=200, deadline=None)
def test_no_tokens_break_it(text: str, tokens: list[tuple[str, float]], chance: float) -> None:
    whole = '{"met": true}'
    given = [TokenLogprob(token, value, [(text, value), ("true", chance)]) for token, value in tokens]
    said = Answer(text + whole, {"met": True}, "m", "k", Usage(), logprobs=[*given, *_pieces(whole, chance)])
    try:
        found = Likelihood(said).chances(("met",), ["true", "false"])
    except NoChancesError:
        return
    assert all(p >= 0 for p in found.values())
    assert found["true"] > 0


def _pieces(text: str, chance: float) -> list[TokenLogprob]:
    return [TokenLogprob(piece, _log(max(chance, 1e-9))) for piece in ('{"', "met", '":', " true", "}")]
