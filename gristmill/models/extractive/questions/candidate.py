"""What a rule proposes, and the helpers that all rules share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from gristmill.models.extractive.lexicon import LANGUAGES, words
from gristmill.models.extractive.overlap import content_words
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.selfcheck import starts_dangling
from gristmill.models.extractive.spans import Span, last_continuing, lead_length, sentence_span, usable

QuestionType = Literal["factual", "definition", "procedure", "comparison", "code", "list", "table", "reason"]


EVALUATION = re.compile(
    r"(?:an? |the )?(?:very |quite |pretty |bit |particularly |especially )?(?:good|great|"
    r"bad|nice|bit|lot|little|common|"
    r"similar|natural|default|complex|tricky|unique|new|big|huge|simple|useful|handy|problem|mistake|"
    r"matter|must|case|key|same|reason|"
    r"result|best|better|more|less|easy|hard|difficult|important|possible|different|popular|subject|question|"
    r"excellent|perfect|part|example|major|main|number|few|challenge|pain|topic|favorite|way to go|point|"
    r"responsib\w+|first|last|next|only|one of|ideal|error|long|short|right|wrong|concern|"
    r"risk|(?:[\w-]+ ){0,2}(?:member|beneficiary|recipient|winner|owner|opponent|supporter|"
    r"critic|proponent|advocate|sponsor|"
    r"partner|contributor|competitor|leader|fan))\b"
)
"""How a predicate starts that judges or compares instead of telling what something is."""
VAGUE_TERMS = words("""
answer name turn choice response point type types value values thing things part parts note not can must
into out is same all one
""")
"""Words that are no terms to define."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question with its answer; ``confidence`` in [0, 1] is the rule's own trust in it."""

    question: str
    type: QuestionType
    answer: Span
    confidence: float
    rule: str


# "In Rust," is put back by the context phrase.
_PLACE = re.compile(r"^In ([A-Z][\w+#]*), ")


def body(sentence: Sentence) -> str:
    """The sentence without a leading connective or "In Rust,", quotes straightened."""
    text = sentence.plain[lead_length(sentence.text) :]
    found = _PLACE.match(text)
    if found and found[1] in LANGUAGES.values():
        text = text[found.end() :]
    return text[:1].upper() + text[1:]


_PREFIX = re.compile(
    r"^((?:In|Within|On|Under|Inside|At|With|Without|For|By default)(?: [^,;:]{2,45})?, )(?=[A-Za-z`])"
)


def split_prefix(text: str) -> tuple[str, str]:
    """A place or condition in front ("Within an `impl` block, ") and the statement after it, capitalised."""
    found = _PREFIX.match(text)
    if not found:
        return "", text
    rest = text[found.end() :]
    return found[1], rest[:1].upper() + rest[1:]


def is_key(sentence: Sentence) -> bool:
    """Whether a sentence may be the heart of an answer: usable, and not leaning on the one before."""
    return usable(sentence) and not starts_dangling(body(sentence))


def _mentions(question: str, name: str) -> bool:
    words = content_words(name)
    return bool(re.search(rf"\b{re.escape(name)}\b", question)) or (
        len(words) > 1 and len(words & content_words(question)) >= len(words) - 1
    )


def in_context(passage: Passage, question: str) -> str:
    """The question with "in Rust" when it names nothing else that tells where it applies."""
    context = passage.context
    name = context.removeprefix("in ")
    if not context or _mentions(question, name):
        return question
    return f"{question.rstrip('?')} {context}?"


def in_context_first(passage: Passage, question: str) -> str:
    """The same with the context in front, where the end of the question is a clause of its own."""
    context = passage.context
    name = context.removeprefix("in ")
    if not context or _mentions(question, name):
        return question
    return f"{context[0].upper()}{context[1:]}, {question[0].lower()}{question[1:]}"


def topic_bonus(passage: Passage, sentence: Sentence, term: str) -> float:
    """A little trust for terms that the heading names, too."""
    heading = passage.headings[sentence.block].lower()
    return 0.08 if term.lower().rstrip("s") in heading else 0.0


def defined(passage: Passage, sentence: Sentence, question: str, confidence: float, rule: str) -> Candidate:
    """A definition answered by a sentence and what carries it on."""
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    return Candidate(question, "definition", span, confidence, f"definition.{rule}")
