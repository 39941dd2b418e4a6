"""Instruction: summarise this passage. Response: its summary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gristmill.models.types import Ask, Task
from gristmill.records import Chunk, Document, Example, Kind
from gristmill.registry import Again, Failed, Rejected
from gristmill_generators import schemas
from gristmill_generators.again import told
from gristmill_generators.base import title
from gristmill_generators.passage import OnPassage
from gristmill_generators.prompts import SUMMARY, writing

PHRASINGS = (
    "Summarise the following passage.\n\n{passage}",
    "{passage}\n\nWhat are the main points of this passage? Answer in one short paragraph.",
    "Give me the gist of this in a few sentences:\n\n{passage}",
    "I have no time to read all of this. What does it say?\n\n{passage}",
    "Read the passage below and condense it to what matters most.\n\n{passage}",
    "{passage}\n\nWrite a brief summary of the above.",
    "Shorten this passage to its essentials and keep all important names and numbers.\n\n{passage}",
)


class Summary(OnPassage):
    """A summary of a passage, asked for in varying words.

    ``per_chunk`` above 1 draws several summaries; one drawn twice is rejected (``duplicate-response``).
    """

    tasks: ClassVar[tuple[str, ...]] = ("summary",)
    kinds: ClassVar[tuple[Kind, ...]] = ("instruction",)

    async def generate(
        self, chunk: Chunk, document: Document, ask: Ask
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask for ``per_chunk`` samples of a summary."""
        return await self._summaries(chunk, document, ask, self.per_chunk)

    async def regenerate(
        self, chunk: Chunk, document: Document, ask: Ask, again: Again
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask for one summary, told what was wrong with the rejected one."""
        return await self._summaries(chunk, document, ask, 1, again)

    async def _summaries(
        self, chunk: Chunk, document: Document, ask: Ask, count: int, again: Again | None = None
    ) -> Sequence[Example | Rejected | Failed]:
        inputs = {
            "passage": chunk.text,
            "heading_path": list(chunk.heading_path),
            "document_title": title(document),
        }
        more, blocks = told(again)
        messages = writing(SUMMARY + more, chunk, document, **blocks)
        answers = await self._write(ask, messages, Task("summary", inputs), schemas.SUMMARY, count)
        return self._rows(answers, "summary", PHRASINGS, (chunk, document), type="summary")
