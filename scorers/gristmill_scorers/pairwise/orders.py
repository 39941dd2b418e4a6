"""One pair before a judge in one or both orders, and what the verdicts say together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gristmill.errors import ModelAnswerError
from gristmill.models import structured
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Message
from gristmill.voting import Poll, Vote, cast, majority
from gristmill_scorers.likelihood.chances import PARAMS
from gristmill_scorers.pairwise.prompt import PairStyle, pair_messages, pair_schema
from gristmill_scorers.pairwise.sureness import SIDES, weighed
from gristmill_scorers.pairwise.verdict import Reading, UnreadableVerdictError, off_scale, read

Order = Literal["forward", "swapped"]
Side = Literal["1", "2", "tie"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one question; ``passage`` and ``reference`` are empty when there is none."""

    question: str
    one: str
    two: str
    passage: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who is asked and how: a role, sampling parameters, samples drawn in each order.

    With ``logprobs`` readings say how likely each winner was.
    """

    style: PairStyle
    model: str | None = None
    samples: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What a judge said in one order, one vote for each sample. ``poll`` is about sides, not places."""

    order: Order
    model: str
    votes: Sequence[Vote[Reading]]
    poll: Poll[Side]

    @property
    def speaker(self) -> Vote[Reading]:
        """The first vote for the outcome."""
        return self.votes[self.poll.stands or 0]


async def hear(pair: Pair, judge: Judge, ask: Ask, orders: Sequence[Order]) -> list[Heard]:
    """The judge on the pair in each order, all of them asked at the same time.

    A verdict that cannot be read is a spoilt vote; other errors of ``ask`` are raised once all orders
    were asked.
    """
    heard = await asyncio.gather(*(_one(pair, judge, ask, order) for order in orders), return_exceptions=True)
    # a call that has to wait for a batch raises: the other order must have been asked by then
    for result in heard:
        if isinstance(result, BaseException):
            raise result
    return [result for result in heard if not isinstance(result, BaseException)]


async def _one(pair: Pair, judge: Judge, ask: Ask, order: Order) -> Heard:
    material, inputs = _shown(pair, order)
    messages = pair_messages(judge.style, material)
    fields = list(pair_schema(judge.style)["properties"])
    task = Task("pair", {**inputs, "scale": judge.style.scale, "fields": fields})
    try:
        answers = await _asked(judge, ask, messages, task, judge.samples)
    except ModelAnswerError as error:
        spoilt: Vote[Reading] = Vote(None, error.key, _reason(error.kind, error.raw, judge), error.raw)
        nobody: Vote[Side] = Vote(None, error.key, spoilt.failed, error.raw)
        return Heard(order, "", [spoilt], majority([nobody]))
    votes: list[Vote[Reading]] = []
    for answer, vote in zip(answers, cast(answers, lambda given: _read(given, judge)), strict=True):
        # one repair for each verdict: not of an answer that the door has had mended
        if vote.failed and not answer.error and not answer.repaired:
            votes.append(await _repaired(judge, ask, messages, task, vote))
        else:
            votes.append(Vote(vote.value, vote.call, _reason(vote.failed, vote.text, judge), vote.text))
    sides: list[Vote[Side]] = [
        Vote(None if v.value is None else SIDES[order].get(v.value.winner), v.call, v.failed, v.text)
        for v in votes
    ]
    model = next((answer.model for answer in answers if answer.model), "")
    return Heard(order, model, votes, majority(sides, prefer="tie"))


async def _repaired(
    judge: Judge, ask: Ask, messages: Sequence[Message], task: Task, vote: Vote[Reading]
) -> Vote[Reading]:
    """One request to say it again, for an answer that fits the schema and still holds no verdict.

    When that fails as well the first reason stands, with the text that came last.
    """
    turns = structured.repair_turns(vote.text, f"{vote.failed.replace('-', ' ')}.")
    try:
        [answer] = await _asked(judge, ask, [*messages, *turns], task, 1, repair=True)
        return Vote(_read(answer, judge), answer.key, "", answer.text)
    except ModelAnswerError as error:
        return Vote(None, error.key or vote.call, vote.failed, error.raw or vote.text)
    except UnreadableVerdictError as error:
        return Vote(None, vote.call, str(error), answer.text)


async def _asked(
    judge: Judge, ask: Ask, messages: Sequence[Message], task: Task, samples: int, *, repair: bool = False
) -> list[Answer]:
    return await ask(
        messages,
        task=task,
        schema=pair_schema(judge.style),
        model=judge.model,
        n=samples,
        partial=True,
        repair=repair,
        **(PARAMS if judge.logprobs else {}),
        **judge.params,
    )


def _read(answer: Answer, judge: Judge) -> Reading:
    reading = read(answer, judge.style.scale)
    return weighed(reading, answer) if judge.logprobs else reading


def _reason(failed: str, raw: str, judge: Judge) -> str:
    # the door only knows that the answer does not fit the schema
    off = failed == "schema-mismatch" and off_scale(raw, judge.style.scale)
    return "rating-out-of-range" if off else failed


def _shown(pair: Pair, order: Order) -> tuple[dict[str, str], dict[str, str]]:
    first, second = (pair.one, pair.two) if order == "forward" else (pair.two, pair.one)
    inputs = {
        "question": pair.question,
        "passage": pair.passage,
        "first": first,
        "second": second,
        "reference": pair.reference,
    }
    names = {
        "QUESTION": "question",
        "PASSAGE": "passage",
        "REFERENCE": "reference",
        "RESPONSE_A": "first",
        "RESPONSE_B": "second",
    }
    needed = ("QUESTION", "RESPONSE_A", "RESPONSE_B")
    return {name: inputs[key] for name, key in names.items() if inputs[key] or name in needed}, inputs
