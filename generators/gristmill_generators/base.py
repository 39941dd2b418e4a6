"""What the generators share: arguments, evidence, waiting for several answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from pydantic import Field

from gristmill.records import Chunk, Document, Evidence, Span
from gristmill.registry import Generator

T = TypeVar("T")


class Writer(Generator):
    """Arguments of a generator that lets a model write; sampling left out is the recipe's."""

    model: str = Field(description="Role of the recipe's models that writes.")
    per_chunk: int = Field(default=1, ge=1, le=50, description="Rows asked for from each chunk.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus sampling mass.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest answer, in tokens.")
    seed: int | None = Field(default=None, description="Sampling seed, where the server has one.")

    def sampling(self) -> dict[str, Any]:
        """The sampling parameters that were given."""
        given = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return {name: value for name, value in given.items() if value is not None}


def evidence(chunk: Chunk, spans: Iterable[Span]) -> list[Evidence]:
    """Spans of ``chunk.text`` as evidence in offsets of the document."""
    return [
        {
            "chunk_id": chunk.id,
            "start": chunk.start + start,
            "end": chunk.start + end,
            "quote": chunk.text[start:end],
        }
        for start, end in spans
    ]


def whole(chunk: Chunk) -> list[Evidence]:
    """The chunk, without the white space around it, as evidence."""
    start = len(chunk.text) - len(chunk.text.lstrip())
    return evidence(chunk, [(start, len(chunk.text.rstrip()))])


def title(document: Document) -> str:
    """The document's title, or nothing."""
    return str(document.metadata.get("title") or "")


async def together(waiting: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order; the first error is raised only when every one of them has ended."""
    if len(waiting) == 1:
        return [await waiting[0]]
    # an answer that was paid for is worth waiting for, even when its sibling failed
    results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
