"""Question and answer, with the place in the source that proves the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from gristmill.models.types import Ask
from gristmill.records import Chunk, Document, Example
from gristmill.registry import Failed, Rejected
from gristmill_generators import pairs, schemas
from gristmill_generators.base import Writer, title
from gristmill_generators.schemas import QuestionType


class Qa(Writer):
    """Question-and-answer pairs grounded in a passage, each with its evidence.

    One call a chunk. A pair whose evidence is not in the chunk is rejected (``evidence-not-found``), as
    is a question asked twice (``duplicate-question``); both keep the example, so that people can look.
    """

    tasks: ClassVar[tuple[str, ...]] = ("qa",)
    types: list[QuestionType] = Field(
        default=[],
        description="Kinds of questions wanted; all kinds when empty, in rotation over the chunks.",
    )

    async def generate(
        self, chunk: Chunk, document: Document, ask: Ask
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask once for ``per_chunk`` pairs and check each."""
        messages, task = pairs.request(chunk, document, self.per_chunk, self.types)
        answers = await ask(messages, task=task, schema=schemas.PAIRS, model=self.model, **self.sampling())
        found = pairs.read(answers[0], chunk, self.per_chunk)
        return [self._result(pair, chunk, document, answers[0].text) for pair in found]

    def _result(
        self, pair: pairs.Pair, chunk: Chunk, document: Document, raw: str
    ) -> Example | Rejected | Failed:
        if pair.problem == "empty-field":
            return Failed("empty-field", "a pair without question or answer", raw)
        example = self._example(pair, chunk, document)
        if pair.problem:
            detail = pair.quote if pair.problem == "evidence-not-found" else pair.question
            return Rejected(pair.problem, detail, example)
        return example

    def _example(self, pair: pairs.Pair, chunk: Chunk, document: Document) -> Example:
        metadata: dict[str, Any] = {
            "evidence": list(pair.evidence),
            "type": pair.type,
            "title": title(document),
        }
        return Example.make(
            "instruction",
            [{"role": "user", "content": pair.question}, {"role": "assistant", "content": pair.answer}],
            generator=self.origin,
            chunk_ids=[chunk.id],
            calls=[pair.call],
            metadata=metadata,
        )
