"""Answers that a generator or scorer could read but not use: under ``--redo failed`` they are asked again.

The door sees broken JSON and refusals by itself. That a rating lies off its scale, only the component knows;
it keeps the text with its failure, and by that text the answer is found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from gristmill.errors import ModelAnswerError, ModelUnavailableError
from gristmill.models.redo import Redo
from gristmill.models.types import Answer, Ask
from gristmill.pipeline.plan import Job
from gristmill.records import Example, Item, Message
from gristmill.registry import Again, Failed, Generator, Rejected, Scored, Scorer, Unscored

Result = Example | Rejected | Failed
Made = TypeVar("Made")


class Heard:
    """An ``ask`` that remembers the stored answers it handed out, by their text."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._keys: dict[str, set[str]] = {}

    async def __call__(self, messages: Sequence[Message], **how: Any) -> list[Answer]:
        """Ask, and remember what came from the cache."""
        answers = await self._ask(messages, **how)
        for answer in answers:
            if answer.cached:
                self._keys.setdefault(answer.text, set()).add(answer.key)
        return answers

    def blamed(self, texts: set[str]) -> set[str]:
        """Calls whose stored answer is one of ``texts``."""
        return {key for text in texts if text for key in self._keys.get(text, ())}


async def rows_of(
    generator: Generator, job: Job, ask: Ask, redo: Redo | None, again: Again | None = None
) -> list[Result]:
    """What a generator makes of a chunk; a failed row's answer is asked again once if ``redo`` says so.

    With ``again``: what it makes in place of a rejected row.

    An answer that another row of the chunk rests on stays: rows in good order do not change.
    """

    async def make(ask: Ask) -> list[Result]:
        if again is not None:
            return list(await generator.regenerate(job.chunk, job.document, ask, again))
        return list(await generator.generate(job.chunk, job.document, ask))

    def blame(results: list[Result], heard: Heard) -> set[str]:
        kept = {key for row in results if isinstance(row, Example) for key in row.calls}
        return heard.blamed({row.raw for row in results if isinstance(row, Failed)}) - kept

    return await _twice(make, ask, redo, blame)


async def score_of(scorer: Scorer, item: Item, ask: Ask, redo: Redo | None) -> Scored | Unscored:
    """A scorer's result; the answer behind an :class:`Unscored` is asked again once if ``redo`` says so."""

    async def make(ask: Ask) -> Scored | Unscored:
        return await scorer.score(item, ask)

    def blame(result: Scored | Unscored, heard: Heard) -> set[str]:
        return heard.blamed(_texts(result)) if isinstance(result, Unscored) else set()

    return await _twice(make, ask, redo, blame)


def _texts(result: Unscored) -> set[str]:
    """What models said that was of no use: the scorer's own, or those of a jury's members."""
    return {result.raw, *(str(row["raw"]) for row in result.votes if "raw" in row)}


async def _twice(
    make: Callable[[Ask], Awaitable[Made]],
    ask: Ask,
    redo: Redo | None,
    blame: Callable[[Made, Heard], set[str]],
) -> Made:
    if redo is None or "failed" not in redo.kinds:
        return await make(ask)
    heard = Heard(ask)
    first = await make(heard)
    keys = blame(first, heard)
    if not keys:
        return first
    redo.mark(keys)
    try:
        return await make(ask)
    except (ModelAnswerError, ModelUnavailableError):
        return first  # the new call failed: what was made of the old answers stands
