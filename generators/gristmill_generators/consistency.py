"""Self-consistency of an answer: its question is asked again, and the samples vote.

After Wang et al. 2022 (see :mod:`gristmill.voting`), over answers in plain words instead of final numbers:
two of them count as one when :func:`gristmill.comparing.same_answer` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from gristmill.comparing import same_answer
from gristmill.errors import ModelAnswerError, ModelUnavailableError
from gristmill.fence import restore
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Chunk
from gristmill.registry import Failed
from gristmill.voting import DIVIDED, cast, majority
from gristmill_generators.base import whole
from gristmill_generators.pairs import Pair
from gristmill_generators.prompts import DECLINE, NO_ANSWER, answering

if TYPE_CHECKING:
    from gristmill_generators.qa import Qa


@dataclass(frozen=True, slots=True)
class Settled:
    """A pair after the vote. ``problem`` is a reason slug, empty when the samples agree enough."""

    pair: Pair
    calls: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    detail: str = ""


async def vote(step: Qa, pair: Pair, chunk: Chunk, ask: Ask) -> Settled | Failed:
    """Ask the pair's question ``step.samples`` times more and let the answers vote.

    The written answer has no vote of its own. It stays when it agrees with the outcome, and it decides a
    tie; else the outcome takes its place, with the whole chunk as evidence: the quote proved another answer.
    """
    try:
        answers = await _draw(step, pair, chunk, ask)
    except (ModelAnswerError, ModelUnavailableError) as error:
        if error.kind == "stopped":
            raise
        # the pair fails, not the other pairs of the chunk
        return Failed(error.kind, str(error), error.raw)
    same = partial(same_answer, question=pair.question, likeness=step.likeness)
    poll = majority(cast(answers, _read), same, prefer=pair.answer)
    problem, detail = poll.problem(step.min_agreement), poll.detail(step.min_agreement)
    rows = poll.rows(lambda answer: {"answer": answer})
    if problem and problem not in DIVIDED:
        return Failed(problem, detail, orjson.dumps(rows).decode())
    metadata: dict[str, Any] = {"votes": rows, "agreement": round(poll.agreement, 4)}
    calls = tuple(vote.call for vote in poll.votes if not vote.failed)
    if poll.outcome is None or same(pair.answer, poll.outcome):
        return Settled(pair, calls, metadata, problem, detail)
    won = replace(pair, answer=poll.outcome, evidence=tuple(whole(chunk)))
    return Settled(won, calls, {**metadata, "outvoted": pair.answer}, problem, detail)


async def _draw(step: Qa, pair: Pair, chunk: Chunk, ask: Ask) -> list[Answer]:
    inputs = {"question": pair.question, "passage": chunk.text, "heading_path": list(chunk.heading_path)}
    messages = answering(pair.question, chunk, more=DECLINE)
    return await ask(
        messages,
        task=Task("answer", inputs),
        model=step.model,
        n=step.samples,
        partial=True,
        **step.sampling(),
    )


def _read(answer: Answer) -> str | None:
    text = restore(answer.text)
    return None if text.strip(" .*\n").casefold() == NO_ANSWER.casefold() else text
