"""Instruction: put this passage into another form. Response: the passage in that form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast

from pydantic import Field

from gristmill.models.types import Ask, Task
from gristmill.records import Chunk, Document, Example, Kind
from gristmill.registry import Again, Failed, Rejected
from gristmill_generators import schemas
from gristmill_generators.again import told
from gristmill_generators.passage import OnPassage
from gristmill_generators.prompts import REWRITE, STYLES, pick, writing
from gristmill_generators.schemas import Style

PHRASINGS: Mapping[Style, tuple[str, ...]] = {
    "bullets": (
        "Turn this passage into bullet points.\n\n{passage}",
        "{passage}\n\nList the facts of this passage as bullet points, in order.",
        "Rewrite the following as a bulleted list, one fact in each point:\n\n{passage}",
    ),
    "plain": (
        "Rewrite this in plain language for someone new to the subject.\n\n{passage}",
        "{passage}\n\nSay the same in simpler words, without leaving anything out.",
        "Explain the following passage in everyday language:\n\n{passage}",
    ),
    "steps": (
        "Turn this passage into numbered steps.\n\n{passage}",
        "{passage}\n\nWrite this down as step-by-step instructions.",
        "Rewrite the following as a numbered list of steps to follow:\n\n{passage}",
    ),
}
_NOUNS: Mapping[Style, str] = {"bullets": "facts", "plain": "prose", "steps": "procedure"}
_NUMBERED = re.compile(r"^\s*\d{1,2}[.)]\s+\S", re.MULTILINE)
_SEQUENCE = re.compile(r"\b(?:first|then|next|after that|afterwards|finally|now)\b", re.IGNORECASE)


def style_of(chunk: Chunk) -> Style:
    """The style for ``auto``: steps where the passage tells a sequence, else bullets or plain by its text."""
    # two numbered lines or three words of sequence; prose has one "then" now and then
    if len(_NUMBERED.findall(chunk.text)) >= 2 or len(_SEQUENCE.findall(chunk.text)) >= 3:
        return "steps"
    return cast("Style", pick(("bullets", "plain"), "style", chunk.text))


class Rewrite(OnPassage):
    """A passage rewritten as bullet points, in plain words or as steps.

    ``style: auto`` chooses for each chunk, always the same for the same chunk.
    """

    tasks: ClassVar[tuple[str, ...]] = ("rewrite",)
    kinds: ClassVar[tuple[Kind, ...]] = ("instruction",)
    style: Literal["auto", "bullets", "plain", "steps"] = Field(
        default="auto", description="The form wanted; auto takes what suits the passage."
    )

    async def generate(
        self, chunk: Chunk, document: Document, ask: Ask
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask for ``per_chunk`` samples of the rewritten passage."""
        return await self._rewritten(chunk, document, ask, self.per_chunk)

    async def regenerate(
        self, chunk: Chunk, document: Document, ask: Ask, again: Again
    ) -> Sequence[Example | Rejected | Failed]:
        """Ask for one, told what was wrong with the rejected one."""
        return await self._rewritten(chunk, document, ask, 1, again)

    async def _rewritten(
        self, chunk: Chunk, document: Document, ask: Ask, count: int, again: Again | None = None
    ) -> Sequence[Example | Rejected | Failed]:
        style = style_of(chunk) if self.style == "auto" else self.style
        inputs = {"passage": chunk.text, "heading_path": list(chunk.heading_path), "style": style}
        more, blocks = told(again)
        prompt = REWRITE.format(style=STYLES[style], noun=_NOUNS[style]) + more
        messages = writing(prompt, chunk, document, **blocks)
        answers = await self._write(ask, messages, Task("rewrite", inputs), schemas.REWRITE, count)
        return self._rows(answers, "rewrite", PHRASINGS[style], (chunk, document), type=f"rewrite-{style}")
