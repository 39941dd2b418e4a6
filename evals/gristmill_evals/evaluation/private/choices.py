"""Wrong answers by rule, for rows whose answer is of a kind that has sound ones.

A wrong answer is the right one of another row of the benchmark, of the same kind: a year, an amount with the
same unit, a name. It must not occur in the question nor in the passage
that the row was made from: what is not said there can hardly be right as well (the second author of a
book, say, stands beside the first). Rows of the same document come first. Other answers (phrases,
sentences) have no wrong ones that a rule could vouch for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gristmill.records import content_id
from gristmill_evals.evaluation.private.lm_task import tokens

WRONG = 3
NO_WRONG = "no wrong answers that a rule can vouch for"
FEW_WRONG = f"fewer than {WRONG} wrong answers of its kind in the benchmark"

_YEAR = re.compile(r"(?:1\d|20)\d\d")
_AMOUNT = re.compile(r"([$€£¥]?)\s?(\d[\d,]*(?:\.\d+)?)\s?(%|[^\W\d_]+(?: [^\W\d_]+)?)?\.?")
_NAME = re.compile(r"[A-Z][\w'’-]*(?: (?:of|the|de|da|van|von|[A-Z][\w'’.-]*)){0,3}\.?")


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a private benchmark.

    ``cluster`` is the family of its source documents: items of one family are not independent. ``choices``
    are empty for free answers; ``rule`` says that they were made by rule, not by who wrote the row.
    """

    id: str
    question: str
    answer: str
    source: str
    cluster: str
    sources: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    status: str = "reviewed"
    choices: tuple[str, ...] = ()
    rule: bool = False
    passages: tuple[str, ...] = ()


def answer_type(answer: str) -> tuple[str, ...]:
    """What kind of answer it is: (``year``,), (``amount``, currency, unit), (``name``,), or nothing."""
    text = answer.strip()
    if _YEAR.fullmatch(text.rstrip(".")):
        return ("year",)
    amount = _AMOUNT.fullmatch(text)
    if amount:
        return ("amount", amount[1], (amount[3] or "").casefold())
    return ("name",) if _NAME.fullmatch(text) else ()


def with_choices(questions: Sequence[Question], seed: int) -> Iterator[Question | str]:
    """Each question with choices in an order of its own, or why it has none; its own choices are kept."""
    pool: dict[tuple[str, ...], list[Question]] = {}
    for question in questions:
        pool.setdefault(answer_type(question.answer), []).append(question)
    for question in questions:
        kind = answer_type(question.answer)
        if question.choices:
            yield question
        elif not kind:
            yield NO_WRONG
        else:
            yield _offered(question, pool[kind], seed)


def _offered(question: Question, alike: Sequence[Question], seed: int) -> Question | str:
    wrong: dict[tuple[str, ...], str] = {}
    for other in sorted(alike, key=lambda one: _nearness(question, one, seed)):
        key = tuple(tokens(other.answer))
        if key not in wrong and _is_wrong(question, key):
            wrong[key] = other.answer.rstrip(".")
        if len(wrong) == WRONG:
            break
    else:
        return FEW_WRONG
    right = question.answer.rstrip(".")
    choices = sorted((right, *wrong.values()), key=lambda one: content_id("choice", seed, question.id, one))
    return replace(question, answer=right, choices=tuple(choices), rule=True)


def _nearness(question: Question, other: Question, seed: int) -> tuple[bool, str]:
    return other.cluster != question.cluster, content_id("wrong", seed, question.id, other.id)


def _is_wrong(question: Question, key: tuple[str, ...]) -> bool:
    """Whether an answer is another one, and not said where the right one is asked for or comes from."""
    right = tuple(tokens(question.answer))
    if _within(key, right) or _within(right, key):
        return False
    return not any(_within(key, tuple(tokens(text))) for text in (question.question, *question.passages))


def _within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    size = len(part)
    return any(whole[at : at + size] == part for at in range(len(whole) - size + 1))
