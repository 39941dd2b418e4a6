"""Question and answer, with the place in the source that proves the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from gristmill.comparing import LIKENESS
from gristmill.models.types import Ask
from gristmill.records import Chunk, Document, Example, Kind
from gristmill.registry import Again, Failed, Rejected
from gristmill.voting import Sampled
from gristmill_generators import consistency, pairs, schemas
from gristmill_generators.base import Writer, title, together
from gristmill_generators.consistency import Settled
from gristmill_generators.schemas import QuestionType


class Qa(Sampled, Writer):
    """Question-and-answer pairs grounded in a passage, each with its evidence.

    One call a chunk. A pair whose evidence is not in the chunk is rejected (``evidence-not-found``), as
    is a question asked twice (``duplicate-question``); both keep the example, so that people can look.
    With ``samples`` every question is asked that many times more and the answers vote.
    """

    tasks: ClassVar[tuple[str, ...]] = ("qa", "answer")
    kinds: ClassVar[tuple[Kind, ...]] = ("instruction",)
    types: list[QuestionType] = Field(
        default=[],
        description="Kinds of questions wanted; all kinds when empty, in rotation over the chunks.",
    )
    vote: Literal["majority"] = Field(
        default="majority",
        exclude_if=lambda rule: rule == "majority",
        description="samples: the answer that most samples agree with holds.",
    )
    likeness: float = Field(
        default=LIKENESS,
        gt=0,
        le=1,
        exclude_if=lambda share: share == LIKENESS,
        description="samples: share of words from which two longer answers count as the same.",
    )

    def calls_per_chunk(self) -> Mapping[str, float]:
        """One call, and the samples of every question when there is a vote."""
        return {self.model: 1.0 + (self.per_chunk * self.samples if self.samples > 1 else 0)}

    async def generate(
        self, chunk: Chunk, document: Document, ask: Ask
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask once for ``per_chunk`` pairs, check each, let samples vote on each."""
        return await self._pairs(chunk, document, ask, self.per_chunk)

    async def regenerate(
        self, chunk: Chunk, document: Document, ask: Ask, again: Again
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask for one pair, told what was wrong with the rejected one and what is asked already."""
        return await self._pairs(chunk, document, ask, 1, again)

    async def _pairs(
        self, chunk: Chunk, document: Document, ask: Ask, count: int, again: Again | None = None
    ) -> Sequence[Example | Rejected | Failed]:
        messages, task = pairs.request(chunk, document, count, self.types, again)
        answers = await ask(messages, task=task, schema=schemas.PAIRS, model=self.model, **self.sampling())
        found = pairs.read(answers[0], chunk, count, again)
        raw = answers[0].text
        return await together([self._result(pair, chunk, document, raw, ask) for pair in found])

    async def _result(
        self, pair: pairs.Pair, chunk: Chunk, document: Document, raw: str, ask: Ask
    ) -> Example | Rejected | Failed:
        if pair.problem == "empty-field":
            return Failed("empty-field", "a pair without question or answer", raw)
        if pair.problem:
            detail = pair.quote if pair.problem == "evidence-not-found" else pair.question
            return Rejected(pair.problem, detail, self._example(Settled(pair), chunk, document))
        if self.samples == 1:
            return self._example(Settled(pair), chunk, document)
        settled = await consistency.vote(self, pair, chunk, ask)
        if isinstance(settled, Failed):
            return settled
        example = self._example(settled, chunk, document)
        return Rejected(settled.problem, settled.detail, example) if settled.problem else example

    def _example(self, settled: Settled, chunk: Chunk, document: Document) -> Example:
        pair = settled.pair
        metadata: dict[str, Any] = {
            "evidence": list(pair.evidence),
            "type": pair.type,
            "title": title(document),
            **settled.metadata,
        }
        return Example.make(
            "instruction",
            [{"role": "user", "content": pair.question}, {"role": "assistant", "content": pair.answer}],
            generator=self.origin,
            chunk_ids=[chunk.id],
            calls=[pair.call, *settled.calls],
            metadata=metadata,
        )
