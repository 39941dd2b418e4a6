"""Asking a judge and reading what it says: one repair request when it does not fit the rubric."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gristmill.errors import DeferredError, ModelAnswerError, ModelUnavailableError
from gristmill.fence import defuse
from gristmill.models.structured import NotParsedError, parse, repair_turns
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Message
from gristmill.voting import Vote
from gristmill_scorers.checks.speech import declines
from gristmill_scorers.verdict import MalformedVerdictError
from gristmill_scorers.verdict_text import check_sole

T = TypeVar("T")
_ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """One request to a judge; ``read`` takes a verdict out of parsed data or raises MalformedVerdictError.

    ``repairs`` fills with the calls that answered a repair request, and what was wrong before. ``weigh``
    looks at a verdict together with the answer that holds it, for the log probabilities.
    """

    messages: Sequence[Message]
    task: Task
    schema: Mapping[str, Any]
    read: Callable[[object], T]
    given: Mapping[str, Any] = field(default_factory=dict)
    repairs: dict[str, str] = field(default_factory=dict)
    weigh: Callable[[T, Answer], T] | None = None


async def votes_of(ask: Ask, question: Question[T], samples: int) -> list[Vote[T]]:
    """``samples`` verdicts in drawing order; what stays unreadable after one repair is a spoilt vote.

    An answer that the door has repaired already is not sent back a second time.

    Raises:
        ModelError: nothing came for any sample (refusals and broken answers are spoilt votes instead).
    """
    try:
        answers = await _asked(ask, question, question.messages, samples)
    except ModelAnswerError as error:
        return [_spoilt(error, question)]
    return await together([_vote(ask, question, answer, samples > 1) for answer in answers])


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order. An error waits for the rest: no call that was sent is left behind.

    Raises:
        GristmillError: the first error; one that only waits for a batch comes after all others.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in sorted(errors, key=lambda error: isinstance(error, DeferredError)):
        raise error
    return [result for result in results if not isinstance(result, BaseException)]


async def _vote(ask: Ask, question: Question[T], answer: Answer, one_of_many: bool) -> Vote[T]:
    if answer.error:
        return Vote(None, answer.key, _reason(answer.error, answer.text, question), answer.text)
    if answer.repaired:
        question.repairs[answer.key] = "unreadable"
    try:
        return Vote(_read(answer, question), answer.key, "", answer.text)
    except MalformedVerdictError as fault:
        # no data: nothing that a schema was asked for, so nothing the door could not have mended
        if answer.repaired or answer.data is None:
            return Vote(None, answer.key, str(fault), answer.text)
        return await _mended(ask, question, answer, fault, one_of_many)


async def _mended(
    ask: Ask, question: Question[T], broken: Answer, fault: MalformedVerdictError, one_of_many: bool
) -> Vote[T]:
    turns = repair_turns(defuse(broken.text), fault.detail)
    try:
        [answer] = await _asked(ask, question, [*question.messages, *turns], 1, repair=True)
        question.repairs[answer.key] = str(fault)
        return Vote(_read(answer, question), answer.key, "", answer.text)
    except MalformedVerdictError as again:
        return Vote(None, answer.key, str(again), answer.text)
    except ModelAnswerError as error:
        question.repairs[error.key] = str(fault)
        return _spoilt(error, question)
    except ModelUnavailableError as error:
        # of several samples one may be missing; "stopped" ends the run and is nobody's vote
        if not one_of_many or error.kind == "stopped":
            raise
        return Vote(None, error.key, error.kind, error.raw)


async def _asked(
    ask: Ask, question: Question[T], messages: Sequence[Message], samples: int, *, repair: bool = False
) -> list[Answer]:
    return await ask(
        messages,
        task=question.task,
        schema=question.schema,
        n=samples,
        partial=True,
        repair=repair,
        **question.given,
    )


def _read(answer: Answer, question: Question[T]) -> T:
    if answer.data is not None:
        check_sole(answer.text, answer.data)
    found = question.read(answer.data)
    return question.weigh(found, answer) if question.weigh else found


def _spoilt(error: ModelAnswerError, question: Question[T]) -> Vote[T]:
    return Vote(None, error.key, _reason(error.kind, error.raw, question), error.raw)


def _reason(kind: str, raw: str, question: Question[T]) -> str:
    """Why an answer does not fit: what the rubric says of it is more exact than what the schema does."""
    if kind == "invalid-json" and declines(raw):
        return "refused"
    if kind != "schema-mismatch":
        return kind
    try:
        question.read(parse(raw, _ANY_OBJECT))
    except (MalformedVerdictError, NotParsedError) as fault:
        return str(fault) if isinstance(fault, MalformedVerdictError) else kind
    return kind
