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
from gristmill_scorers.pairwise.prompt import PairStyle, pair_messages, pair_schema
from gristmill_scorers.pairwise.verdict import Place, Reading, UnreadableVerdictError, off_scale, read

Order = Literal["forward", "swapped"]
Side = Literal["1", "2", "tie"]
_SIDES: Mapping[Order, Mapping[Place, Side]] = {
    "forward": {"first": "1", "second": "2", "tie": "tie"},
    "swapped": {"first": "2", "second": "1", "tie": "tie"},
}


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
    """Who is asked and how: a role, sampling parameters, samples drawn in each order."""

    style: PairStyle
    model: str | None = None
    samples: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)


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
    scale = judge.style.scale
    votes: list[Vote[Reading]] = []
    for answer, vote in zip(answers, cast(answers, lambda given: read(given, scale)), strict=True):
        if vote.failed and not answer.error:
            votes.append(await _repaired(judge, ask, messages, task, vote))
        else:
            votes.append(Vote(vote.value, vote.call, _reason(vote.failed, vote.text, judge), vote.text))
    sides: list[Vote[Side]] = [
        Vote(None if v.value is None else _SIDES[order][v.value.winner], v.call, v.failed, v.text)
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
        [answer] = await _asked(judge, ask, [*messages, *turns], task, 1)
        return Vote(read(answer, judge.style.scale), answer.key, "", answer.text)
    except ModelAnswerError as error:
        return Vote(None, error.key or vote.call, vote.failed, error.raw or vote.text)
    except UnreadableVerdictError as error:
        return Vote(None, vote.call, str(error), answer.text)


async def _asked(
    judge: Judge, ask: Ask, messages: Sequence[Message], task: Task, samples: int
) -> list[Answer]:
    return await ask(
        messages,
        task=task,
        schema=pair_schema(judge.style),
        model=judge.model,
        n=samples,
        partial=True,
        **judge.params,
    )


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
