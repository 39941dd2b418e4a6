"""Asking a model for question-and-answer pairs, and checking them against the chunk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rapidfuzz import fuzz

from gristmill.fence import restore
from gristmill.models.types import Answer, Task
from gristmill.records import Chunk, Document, Evidence, Message, content_id
from gristmill.registry import Again
from gristmill_generators.again import taken, told
from gristmill_generators.base import evidence, title
from gristmill_generators.prompts import QA, writing
from gristmill_generators.quotes import locate
from gristmill_generators.schemas import QUESTION_TYPES

SAME_QUESTION = 92.0
"""Similarity (0 to 100, words sorted) from which two questions of one chunk count as one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as the model gave it. ``problem`` is a reason slug, empty when the pair can be used."""

    question: str
    answer: str
    type: str
    quote: str
    evidence: tuple[Evidence, ...]
    call: str
    problem: str = ""


def request(
    chunk: Chunk, document: Document, count: int, types: Sequence[str], again: Again | None = None
) -> tuple[list[Message], Task]:
    """The prompt for ``count`` pairs and the same request in structured form.

    With ``again`` they are to take the place of a rejected row.
    """
    order = ", ".join(rotated(types or QUESTION_TYPES, chunk))
    inputs: dict[str, Any] = {
        "passage": chunk.text,
        "heading_path": list(chunk.heading_path),
        "document_title": title(document),
        "count": count,
        "types": list(types),
    }
    more, blocks = told(again, asks=True)
    messages = writing(QA.format(count=count, types=order) + more, chunk, document, **blocks)
    return messages, Task("qa", inputs)


def rotated(types: Sequence[str], chunk: Chunk) -> list[str]:
    """``types`` from another starting point in every passage: models mostly write the first kind named."""
    # by the text, not the chunk's id: a passage that an edit only moved keeps its cached answer
    start = int(content_id("types", chunk.text)[:8], 16) % len(types)
    return [*types[start:], *types[:start]]


def read(answer: Answer, chunk: Chunk, count: int, again: Again | None = None) -> list[Pair]:
    """At most ``count`` checked pairs of an answer, the usable ones first.

    With ``again`` the rejected row and questions of the other rows cannot be used.
    """
    pairs: list[Pair] = []
    for row in answer.data["pairs"]:
        pair = _check(row, answer.key, chunk, [*taken(again), *(pair.question for pair in pairs)])
        pairs.append(replace(pair, problem="same-as-before") if _is_the_rejected(pair, again) else pair)
    # a model that gives more than it was asked for must not crowd out good pairs with bad ones
    return sorted(pairs, key=lambda pair: bool(pair.problem))[:count]


def _is_the_rejected(pair: Pair, again: Again | None) -> bool:
    # of a preference pair the other response may come out better this time
    if again is None or again.example.rejected is not None:
        return False
    return (pair.question, pair.answer) == (again.example.instruction, again.example.response)


def _check(row: dict[str, Any], call: str, chunk: Chunk, before: Sequence[str]) -> Pair:
    question, answer = restore(row["question"]), restore(row["answer"])
    spans = locate(row["evidence"], chunk.text)
    problem = ""
    if not question or not answer:
        problem = "empty-field"
    elif any(same_question(question, other) for other in before):
        problem = "duplicate-question"
    elif not spans:
        problem = "evidence-not-found"
    found = tuple(evidence(chunk, spans))
    return Pair(question, answer, str(row["type"]), row["evidence"], found, call, problem)


def same_question(one: str, other: str) -> bool:
    """Whether two questions ask the same; other numbers or other code make another question."""
    # "in step 2" and "in step 3" are 95 % alike and two questions
    if _telling(one) != _telling(other):
        return False
    return fuzz.token_sort_ratio(_words(one), _words(other)) >= SAME_QUESTION


def _telling(text: str) -> list[str]:
    return sorted(re.findall(r"`[^`]+`|\d+(?:[.,]\d+)*", text))


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
