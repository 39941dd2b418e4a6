"""From candidates to judgements: how likely each is the row in other words, and what to call it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import fuzz

from gristmill.records import MatchLabel, Span
from gristmill_evals.contamination.decision.features import Likeness, Weight, compare, likest
from gristmill_evals.contamination.decision.model import Calibration, shipped
from gristmill_evals.contamination.decision.views import View

SAME_FORM = 80.0
"""rapidfuzz token_sort_ratio, numbers and names left out, from which two questions have the same form."""
FORM = 85.0
"""From here on a template is reported at the default threshold."""
OTHER_NUMBERS = 0.6
"""Below this share of common numbers (both ways), the same form is a template and not a rewording."""
NEAR = 0.9
"""The same words but for a few (sorted stems): ``near`` instead of ``paraphrase``."""
TWIN = 1.6
"""Two items this much alike are the same item of two benchmarks, no rivals (:attr:`Likeness.key`)."""


@dataclass(frozen=True, eq=False)
class Text:
    """A text to compare, with its place in the row or in the item's text."""

    view: View
    span: Span


@dataclass(frozen=True, eq=False)
class Subject:
    """An item as the decision sees it: its texts (question, with choices, with answer)."""

    key: tuple[str, str]
    texts: tuple[Text, ...]

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The texts' views."""
        return tuple(text.view for text in self.texts)


@dataclass(frozen=True, eq=False)
class Judgement:
    """One item, decided: ``score`` is the calibrated probability, ``values`` the features it rests on."""

    subject: Subject
    text: Text
    values: dict[str, float]
    probability: float
    label: MatchLabel
    score: float


@dataclass(frozen=True, eq=False)
class _Compared:
    subject: Subject
    text: Text
    likeness: Likeness


def judge(
    pairs: Iterable[tuple[Text, Subject]], weight: Weight, calibration: Calibration | None = None
) -> list[Judgement]:
    """Decide on (text of the row, item) pairs; the best text of each item counts, best item first."""
    known = calibration or shipped()
    compared = _best_texts(pairs, weight)
    judged = [_judged(one, compared, weight, known) for one in compared]
    return sorted(judged, key=lambda one: -one.score)


def template_score(form: float) -> float:
    """The score of a template by how much of the form agrees (percent): .5 at :data:`FORM`, .6 at 100.

    It teaches how to solve the item and not its answer, so it stays below what reveals more.
    """
    if form < FORM:
        return 0.5 * form / FORM
    return 0.5 + 0.1 * (form - FORM) / (100 - FORM)


def measured(
    pairs: Iterable[tuple[Text, Subject]], weight: Weight
) -> Iterator[tuple[Subject, dict[str, float]]]:
    """The features that :func:`judge` decides on, for fitting."""
    compared = _best_texts(pairs, weight)
    for one in compared:
        yield one.subject, _values(one, compared, weight)


def _best_texts(pairs: Iterable[tuple[Text, Subject]], weight: Weight) -> list[_Compared]:
    best: dict[tuple[str, str], _Compared] = {}
    for text, subject in pairs:
        likeness = likest(text.view, subject.views, weight)
        if likeness is None:
            continue
        one = _Compared(subject, text, likeness)
        before = best.get(subject.key)
        if before is None or one.likeness.key > before.likeness.key:
            best[subject.key] = one
    return sorted(best.values(), key=lambda one: -one.likeness.key)


def _values(one: _Compared, compared: Sequence[_Compared], weight: Weight) -> dict[str, float]:
    values = one.likeness.values
    rival = next((other.likeness.key for other in compared if _rivals(one, other, weight)), 0.0)
    return {
        **values,
        "margin": one.likeness.key - rival,
        "alike_otherwise": values["numbers_missing"] * values["both"],
    }


def _rivals(one: _Compared, other: _Compared, weight: Weight) -> bool:
    """Whether the same words of the row might rather be the other item; copies of one item do not compete."""
    if other is one or other.text.span[0] >= one.text.span[1] or one.text.span[0] >= other.text.span[1]:
        return False
    if one.subject.key[0] == other.subject.key[0] or other.likeness.key < 0.8 * one.likeness.key:
        return True
    return compare(one.subject.views[0], other.subject.views[0], weight).key < TWIN


def _judged(
    one: _Compared, compared: Sequence[_Compared], weight: Weight, calibration: Calibration
) -> Judgement:
    values = _values(one, compared, weight)
    probability = calibration.probability(values)
    form = _same_form(one.text.view, one.subject.views[0], values)
    if form is not None:
        return Judgement(one.subject, one.text, values, probability, "template", template_score(form))
    label: MatchLabel = "near" if values["sorted"] >= NEAR and _agree(values) else "paraphrase"
    return Judgement(one.subject, one.text, values, probability, label, probability)


def _agree(values: dict[str, float]) -> bool:
    """Whether no number is missing or added."""
    return values["numbers_missing"] == 0 == values["numbers_foreign"]


def _same_form(row: View, item: View, values: dict[str, float]) -> float | None:
    """How much a template's words agree (percent), or None when it is none."""
    if not item.numbers or row.is_code or values["numbers_both"] >= OTHER_NUMBERS:
        return None
    form: float = fuzz.token_sort_ratio(row.form, item.form)
    return form if form >= SAME_FORM else None
