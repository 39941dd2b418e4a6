"""Grading a row by its rubric, one criterion after the other; of a pair each side, blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_ui.services.blind import Side
from gristmill_ui.services.rubrics import Criterion, Sheet

Ratings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to grade: a criterion, of a pair for one side. ``who`` is that side as displayed."""

    criterion: Criterion
    side: Side | None = None
    who: str = ""


def questions(sheets: Sequence[Sheet], order: tuple[Side, Side] | None) -> list[Question]:
    """What there is to grade, in the order asked. ``order`` is that of a pair's sides, else None."""
    criteria = [criterion for sheet in sheets for criterion in sheet.criteria]
    if order is None:
        return [Question(criterion) for criterion in criteria]
    sides = list(zip(order, ("Response A", "Response B"), strict=True))
    return [Question(criterion, side, who) for criterion in criteria for side, who in sides]


def grade_of(ratings: Ratings, question: Question) -> int | None:
    """The grade given, None without one."""
    part = ratings.get(question.side, {}) if question.side else ratings
    grade = part.get(question.criterion.key)
    return grade if isinstance(grade, int) else None


def with_grade(ratings: Ratings, question: Question, grade: int | None) -> dict[str, Any]:
    """The ratings with this grade, or without any of this question."""
    if question.side:
        rest = {side: dict(part) for side, part in ratings.items() if side != question.side}
        part = _with(ratings.get(question.side, {}), question.criterion.key, grade)
        return {**rest, question.side: part} if part else rest
    return _with(ratings, question.criterion.key, grade)


def _with(part: Ratings, key: str, grade: int | None) -> dict[str, Any]:
    rest = {name: value for name, value in part.items() if name != key}
    return rest if grade is None else {**part, key: grade}


def first_open(asked: Sequence[Question], ratings: Ratings) -> int:
    """The position of the first question without a grade; the last one when all have one."""
    places = (place for place, question in enumerate(asked) if grade_of(ratings, question) is None)
    return next(places, len(asked) - 1)
