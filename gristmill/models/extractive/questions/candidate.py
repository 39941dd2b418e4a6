"""What a rule proposes, and the helpers that all rules share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from gristmill.models.extractive.lexicon import LANGUAGES
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.selfcheck import starts_dangling
from gristmill.models.extractive.spans import Span, lead_length, usable

QuestionType = Literal["factual", "definition", "procedure", "comparison", "code", "list", "table", "reason"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question with its answer; ``confidence`` in [0, 1] is the rule's own trust in it."""

    question: str
    type: QuestionType
    answer: Span
    confidence: float
    rule: str


_PLACE = re.compile(r"^In ([A-Z][\w+#]*), ")


def body(sentence: Sentence) -> str:
    """The sentence without a leading connective or "In Rust,", quotes straightened."""
    text = sentence.plain[lead_length(sentence.text) :]
    found = _PLACE.match(text)
    if found and found[1] in LANGUAGES.values():
        text = text[found.end() :]
    return text[:1].upper() + text[1:]


def is_key(sentence: Sentence) -> bool:
    """Whether a sentence may be the heart of an answer: usable, and not leaning on the one before."""
    return usable(sentence) and not starts_dangling(body(sentence))


def in_context(passage: Passage, question: str) -> str:
    """The question with "in Rust" when it names nothing else that tells where it applies."""
    context = passage.context
    name = context.removeprefix("in ")
    if not context or re.search(rf"\b{re.escape(name)}\b", question):
        return question
    return f"{question.rstrip('?')} {context}?"


def in_context_first(passage: Passage, question: str) -> str:
    """The same with the context in front, where the end of the question is a clause of its own."""
    context = passage.context
    name = context.removeprefix("in ")
    if not context or re.search(rf"\b{re.escape(name)}\b", question):
        return question
    return f"{context[0].upper()}{context[1:]}, {question[0].lower()}{question[1:]}"


def topic_bonus(passage: Passage, sentence: Sentence, term: str) -> float:
    """A little trust for terms that the heading names, too."""
    heading = passage.headings[sentence.block].lower()
    return 0.08 if term.lower().rstrip("s") in heading else 0.0
