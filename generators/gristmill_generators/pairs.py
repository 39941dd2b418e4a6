"""Asking a model for question-and-answer pairs, and checking them against the chunk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from gristmill.fence import restore
from gristmill.models.types import Answer, Task
from gristmill.records import Chunk, Document, Evidence, Message, content_id
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


def request(chunk: Chunk, document: Document, count: int, types: Sequence[str]) -> tuple[list[Message], Task]:
    """The prompt for ``count`` pairs and the same request in structured form."""
    order = ", ".join(rotated(types or QUESTION_TYPES, chunk))
    inputs: dict[str, Any] = {
        "passage": chunk.text,
        "heading_path": list(chunk.heading_path),
        "document_title": title(document),
        "count": count,
        "types": list(types),
    }
    return writing(QA.format(count=count, types=order), chunk, document), Task("qa", inputs)


def rotated(types: Sequence[str], chunk: Chunk) -> list[str]:
    """``types`` from another starting point in every passage: models mostly write the first kind named."""
    # by the text, not the chunk's id: a passage that an edit only moved keeps its cached answer
    start = int(content_id("types", chunk.text)[:8], 16) % len(types)
    return [*types[start:], *types[:start]]


def read(answer: Answer, chunk: Chunk, count: int) -> list[Pair]:
    """At most ``count`` checked pairs of an answer, the usable ones first."""
    pairs: list[Pair] = []
    for row in answer.data["pairs"]:
        pairs.append(_check(row, answer.key, chunk, pairs))
    # a model that gives more than it was asked for must not crowd out good pairs with bad ones
    return sorted(pairs, key=lambda pair: bool(pair.problem))[:count]


def _check(row: dict[str, Any], call: str, chunk: Chunk, before: Sequence[Pair]) -> Pair:
    question, answer = restore(row["question"]), restore(row["answer"])
    spans = locate(row["evidence"], chunk.text)
    problem = ""
    if not question or not answer:
        problem = "empty-field"
    elif any(same_question(question, pair.question) for pair in before):
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
