"""The rubric panel: criteria in words, the reviewer's own grades, later what the judges found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill_ui.services.blind import Side
from gristmill_ui.services.grades import Question, grade_of
from gristmill_ui.services.markup import card, escape
from gristmill_ui.services.rubrics import Criterion, Opinion, Sheet


def panel(
    sheets: Sequence[Sheet],
    ratings: Mapping[str, Any],
    order: tuple[Side, Side] | None,
    judged: Mapping[str, Sequence[Opinion]] | None,
) -> str:
    """All rubrics of a row as HTML. ``judged`` holds the judges' findings once they may be seen."""
    return "".join(_sheet(sheet, ratings, order, judged) for sheet in sheets)


def _sheet(
    sheet: Sheet,
    ratings: Mapping[str, Any],
    order: tuple[Side, Side] | None,
    judged: Mapping[str, Sequence[Opinion]] | None,
) -> str:
    rows = "".join(
        f"<li>{_criterion(criterion)}{_own(criterion, ratings, order)}"
        f"{_judges((judged or {}).get(f'{sheet.name}/{criterion.key}', ()))}</li>"
        for criterion in sheet.criteria
    )
    about = f"<p>{escape(sheet.description)}</p>" if sheet.description else ""
    title = f"Rubric · {sheet.name.replace('_', ' ')}"
    return card(title, f'<div class="gm-rubric">{about}<ol>{rows}</ol></div>')


def _criterion(criterion: Criterion) -> str:
    fault = ' <span class="gm-tag bad">a fault</span>' if criterion.fault else ""
    return f"<b>{escape(criterion.name)}</b>{fault} {escape(criterion.text)}"


def _own(criterion: Criterion, ratings: Mapping[str, Any], order: tuple[Side, Side] | None) -> str:
    if order is None:
        asked = [Question(criterion)]
    else:
        asked = [Question(criterion, side, letter) for side, letter in zip(order, "AB", strict=True)]
    given = [(question.who, grade_of(ratings, question)) for question in asked]
    tags = [f"{who}: {criterion.shown(grade)}" if who else f"you: {criterion.shown(grade)}"
            for who, grade in given if grade is not None and grade in criterion.grades]  # fmt: skip
    return "".join(f' <span class="gm-tag good">{escape(tag)}</span>' for tag in tags)


def _judges(opinions: Sequence[Opinion]) -> str:
    lines = []
    for opinion in opinions:
        judge = f"{opinion.judge}: " if opinion.judge else "judge: "
        quote = f" “{opinion.quote}”" if opinion.quote else ""
        lines.append(
            f"<div>{escape(judge)}<b>{escape(opinion.found)}</b> {escape(opinion.reason + quote)}</div>"
        )
    return f'<div class="gm-judged">{"".join(lines)}</div>' if lines else ""


def asking(question: Question, place: int, of: int) -> str:
    """The criterion asked about now, as HTML for the verdict bar."""
    criterion = question.criterion
    who = f"<b>{escape(question.who)}</b> · " if question.who else ""
    words = f"<b>{escape(criterion.name)}</b>{': ' if criterion.text else ''}{escape(criterion.text)}"
    steps = "".join(f"<li><b>{grade}</b> {escape(text)}</li>" for grade, text in criterion.grades.items())
    scale = f"<ul>{steps}</ul>" if criterion.scaled else ""
    return f'<div class="gm-asking" role="status">{place + 1} of {of} · {who}{words}{scale}</div>'


def button(criterion: Criterion, grade: int) -> str:
    """What the button of a grade says."""
    return criterion.shown(grade) if criterion.scaled else f"{grade} · {criterion.grades[grade]}"
