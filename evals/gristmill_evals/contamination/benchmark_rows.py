"""What a row of a benchmark file means: which of its columns are the id, the question, answer and choices.

The first column of each list that the row has is taken. Benchmarks come from many hands, so the common
names of a column are all known here.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from gristmill.errors import UsageError

IDS = ("id", "task_id", "question_id", "qid")
QUESTIONS = ("question", "problem", "prompt", "query", "input", "instruction")
ANSWERS = ("answer", "target", "solution", "gold", "canonical_solution", "answerKey")
CHOICES = ("choices", "options", "endings")
CURE = "a benchmark row has id and question, and may have answer and choices"


class Parts(NamedTuple):
    """What a row says; a blank ``question`` makes the row unusable."""

    id: str
    question: str
    answer: str
    choices: tuple[str, ...]


def by_turn(row: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    """A row of a conversation (``turns``: a list of questions) as a row for each; later ones are ``ID#2``, …

    Raises:
        UsageError: ``turns`` is not a list of texts.
    """
    turns = row.get("turns")
    if turns is None or any(row.get(name) not in (None, "") for name in QUESTIONS):
        return [row]
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        raise UsageError("turns is not a list of texts", where=where, cure=CURE)
    identity = _id(row, where)
    ids = [identity, *(f"{identity}#{number}" for number in range(2, len(turns) + 1))]
    return [{"id": one, "question": turn} for one, turn in zip(ids, turns, strict=True)]


def parts_of(row: Mapping[str, Any], where: str) -> Parts:
    """Read one row.

    Raises:
        UsageError: no id, no column with a question, or a column of another type; ``where`` names the row.
    """
    labels, choices = _choices(row, where)
    return Parts(_id(row, where), _question(row, where), _answer(row, labels, choices, where), choices)


def chosen(answer: Any, choices: Sequence[str], labels: Sequence[str] = ()) -> str:
    """The answer as a text: an index (from 0) or a letter becomes the choice it stands for.

    A number is an index where there are choices; a text that is a choice itself, or no label, stays.
    """
    if answer is None or (isinstance(answer, float) and math.isnan(answer)):
        return ""
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    text = str(answer)
    if not choices or isinstance(answer, bool):
        return text
    if isinstance(answer, int):
        return choices[answer] if 0 <= answer < len(choices) else text
    if text in choices:
        return text
    mark = text.strip().strip("().")
    for names in (labels, string.ascii_uppercase[: len(choices)], [str(n) for n in range(len(choices))]):
        if mark in names:
            return choices[list(names).index(mark)]
    return text


def _first(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, Any]:
    """The first of ``names`` that holds something, else the first that is there at all."""
    there = ""
    for name in names:
        if name in row:
            if row[name] not in (None, ""):
                return name, row[name]
            there = there or name
    return there, row.get(there)


def _id(row: Mapping[str, Any], where: str) -> str:
    _, value = _first(row, IDS)
    if value is None or isinstance(value, (dict, list, bool)) or str(value) == "":
        raise UsageError("the row has no usable id", where=where, cure=CURE)
    return str(value)


def _question(row: Mapping[str, Any], where: str) -> str:
    name, value = _first(row, QUESTIONS)
    if not name:
        known = ", ".join(QUESTIONS)
        raise UsageError("the row has no question", where=where, cure=f"{CURE} (question: any of {known})")
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{name} is not a text", where=where, cure=CURE)
    return value or ""


def _answer(row: Mapping[str, Any], labels: Sequence[str], choices: Sequence[str], where: str) -> str:
    name, value = _first(row, ANSWERS)
    if isinstance(value, (dict, list)):
        raise UsageError(f"{name} is not a text or a number", where=where, cure=CURE)
    return chosen(value, choices, labels)


def _choices(row: Mapping[str, Any], where: str) -> tuple[Sequence[str], tuple[str, ...]]:
    """The row's own labels, and its choices: a list, ``{"label": [], "text": []}``, or columns A, B …"""
    name, value = _first(row, CHOICES)
    if isinstance(value, str) and value:
        try:
            value = orjson.loads(value)
        except ValueError as error:
            raise UsageError(f"{name} is not a JSON list", where=where, cure=CURE) from error
    if value in (None, ""):
        return (), _columns(row)
    labels: Sequence[str] = ()
    if isinstance(value, dict):
        labels, value = _labelled(value)
    if not isinstance(value, list) or any(isinstance(c, (dict, list)) or c is None for c in value):
        raise UsageError(f"{name} is not a list of texts", where=where, cure=CURE)
    return labels, tuple(str(choice) for choice in value)


def _labelled(value: Mapping[str, Any]) -> tuple[Sequence[str], Any]:
    texts, labels = value.get("text"), value.get("label")
    if isinstance(texts, list):
        return [str(label) for label in labels] if isinstance(labels, list) else (), texts
    return list(value), list(value.values())


def _columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Choices in columns of their own, called A, B, C …: at least two of them, without a gap."""
    found: list[str] = []
    for letter in string.ascii_uppercase:
        if row.get(letter) in (None, ""):
            break
        found.append(str(row[letter]))
    return tuple(found) if len(found) > 1 else ()
