"""JSON out of a model's text: what is forgiven, and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from gristmill.errors import UsageError
from gristmill.models.structured import NotParsedError, check_schema, parse, repair_turns

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "number", "minimum": 0, "maximum": 10}, "reason": {"type": "string"}},
    "required": ["score", "reason"],
    "additionalProperties": False,
}
GOOD = {"score": 7, "reason": "clear"}

FORGIVEN = [
    '{"score": 7, "reason": "clear"}',
    '  \ufeff{"score": 7, "reason": "clear"}\n',
    '```json\n{"score": 7, "reason": "clear"}\n```',
    '```\n{"score": 7, "reason": "clear"}\n```\nI hope that helps!',
    'Here is my rating:\n\n{"score": 7, "reason": "clear"}\n\nAsk me if {unclear}.',
    '<think>Perhaps {"score": 2, "reason": "bad"}? No.</think>{"score": 7, "reason": "clear"}',
    '{"score": 7, "reason": "clear",}',
    '{\n  "score": 7,\n  "reason": "clear",\n}',
    "{'score': 7, 'reason': 'clear'}",
    'The form was {"score": 0}. So: {"score": 7, "reason": "clear"}',
]

NEVER = [
    ("", "invalid-json"),
    ("I would give it a seven.", "invalid-json"),
    ('{"score": 7, "reason": "cle', "invalid-json"),
    ('{"score": 7, "reason": "clear"', "invalid-json"),
    ('{"answers": [{"score": 7, "reason": "clear"}, {"sco', "invalid-json"),
    ('{"score": NaN, "reason": "clear"}', "invalid-json"),
    ("{" * 5000, "invalid-json"),
    ('[{"score": 7, "reason": "clear"}]', "schema-mismatch"),
    ('{"score": 11, "reason": "clear"}', "schema-mismatch"),
    ('{"score": "7", "reason": "clear"}', "schema-mismatch"),
    ('{"score": 7}', "schema-mismatch"),
    ('{"score": 7, "reason": "clear", "more": 1}', "schema-mismatch"),
    ("7", "schema-mismatch"),
    ("null", "schema-mismatch"),
]


@pytest.mark.parametrize("text", FORGIVEN)
def test_forgives_the_wrapping(text: str) -> None:
    assert parse(text, SCORE) == GOOD


@pytest.mark.parametrize(("text", "kind"), NEVER)
def test_never_takes_a_broken_or_wrong_answer(text: str, kind: str) -> None:
    with pytest.raises(NotParsedError) as caught:
        parse(text, SCORE)
    assert caught.value.kind == kind


STRINGS = [
    ('{"reason": "a, }b ,] c", "score": 1,}', "a, }b ,] c"),
    ('{"reason": "two\nlines", "score": 1}', "two\nlines"),
    ('{"reason": "brace } and \\" quote", "score": 1} trailing', 'brace } and " quote'),
    ('{"reason": "```json not a fence```", "score": 1}', "```json not a fence```"),
    ('{"reason": "größer → 大", "score": 1}', "größer → 大"),
]


@pytest.mark.parametrize(("text", "reason"), STRINGS)
def test_strings_come_through_unchanged(text: str, reason: str) -> None:
    assert parse(text, SCORE)["reason"] == reason


def test_a_part_of_a_cut_answer_is_not_taken_even_if_the_schema_would_allow_it() -> None:
    with pytest.raises(NotParsedError):
        parse('{"pairs": [{"question": "a"}, {"question": "b', {"type": "object"})


def test_the_problem_names_the_place() -> None:
    with pytest.raises(NotParsedError, match=r"\$\.score: 11 is greater"):
        parse('{"score": 11, "reason": ""}', SCORE)


def test_a_problem_is_bounded_however_long_the_answer() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "array", "items": {"type": "integer"}}}}
    with pytest.raises(NotParsedError) as caught:
        parse('{"n": ["' + "x" * 10_000 + '", "y", "z"]}', schema)
    assert len(str(caught.value)) < 800


def test_repair_shows_the_answer_and_the_problem() -> None:
    broken, request = repair_turns('{"score": 1', "it ends too soon")
    assert broken == {"role": "assistant", "content": '{"score": 1'}
    assert request["role"] == "user"
    assert "it ends too soon" in request["content"]


@pytest.mark.parametrize(
    "schema", [{}, {"type": "array"}, {"type": "object", "properties": {"a": {"type": "nonsense"}}}]
)
def test_a_schema_that_is_none_is_a_usage_error(schema: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check_schema(schema)
