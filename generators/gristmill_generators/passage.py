"""What the generators have in common whose user turn holds an instruction and the whole passage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.fence import restore
from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Chunk, Document, Example, Message
from gristmill.registry import Failed, Rejected
from gristmill_generators.base import Writer, title, whole
from gristmill_generators.prompts import pick


class OnPassage(Writer):
    """Base of generators that instruct on the passage as it stands."""

    def calls_per_chunk(self) -> Mapping[str, float]:
        """One call for each row: samples of the same request."""
        return {self.model: float(self.per_chunk)}

    async def _write(
        self, ask: Ask, messages: Sequence[Message], task: Task, schema: Mapping[str, Any], count: int
    ) -> list[Answer]:
        return await ask(
            messages,
            task=task,
            schema=schema,
            model=self.model,
            n=count,
            partial=True,
            **self.sampling(),
        )

    def _rows(
        self,
        answers: Sequence[Answer],
        field: str,
        phrasings: Sequence[str],
        source: tuple[Chunk, Document],
        **metadata: Any,
    ) -> list[Example | Rejected | Failed]:
        """One row for each answer that is not empty; the same text twice is rejected, a failed one failed."""
        rows: list[Example | Rejected | Failed] = []
        seen: set[str] = set()
        for index, answer in enumerate(answers):
            if answer.error:
                rows.append(Failed(answer.error, f"sample {index + 1} of {len(answers)}", answer.text))
                continue
            text = restore(answer.data[field])
            # an empty text means that there is nothing to do here: counted as nothing-to-ask
            if not text:
                continue
            instruction = pick(phrasings, source[0].text, field, index)
            example = self._example(instruction, text, answer, source, metadata)
            plain = " ".join(text.casefold().split())
            rows.append(Rejected("duplicate-response", "", example) if plain in seen else example)
            seen.add(plain)
        return rows

    def _example(
        self,
        instruction: str,
        response: str,
        answer: Answer,
        source: tuple[Chunk, Document],
        metadata: Mapping[str, Any],
    ) -> Example:
        chunk, document = source
        turn = instruction.format(passage=chunk.text.strip())
        return Example.make(
            "instruction",
            [{"role": "user", "content": turn}, {"role": "assistant", "content": response}],
            generator=self.origin,
            chunk_ids=[chunk.id],
            calls=[answer.key],
            metadata={"evidence": whole(chunk), "title": title(document), **metadata},
        )
