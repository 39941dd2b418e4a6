"""Attributes and people: "The purpose of X is …", "Rust's float types are …", "X was an engineer who …"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive.grammar import find_verb, tokenize
from gristmill.models.extractive.lexicon import PREPOSITIONS
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import (
    EVALUATION,
    Candidate,
    body,
    defined,
    in_context,
    is_key,
)
from gristmill.models.extractive.selfcheck import announces

_VAGUE = frozenset(["answer", "name", "turn", "choice", "response", "point", "goal", "part", "thing"])
PERSON = re.compile(
    r"^(?P<name>[A-Z][\w.'-]+(?: (?:[A-Z][\w.'-]+|of|de|van|von|da|bin)){1,4}) (?P<v>is|was)"
    r" (?P<rest>(?:an?|the) [^;:]{3,90}? (?:who|whose) .{12,})$"
)

# Nouns whose "of …" makes the phrase unique, so that "the" needs no context.
_ATTRIBUTE = re.compile(
    r"^(?P<s>(?:The (?:(?:main|primary|key|only|default|minimum|maximum|typical|usual|average|"
    r"total|biggest|best-known|chief) )?"
    r"(?:goal|purpose|aim|advantage|benefit|drawback|disadvantage|size|length|role|job|task|"
    r"convention|idea|result|effect|cost|price|capital|"
    r"function|limit|rule|situation|use|cause|source|consequence|risk|value|type|number|amount|"
    r"temperature|duration|deadline|order|name|difference|solution)"
    r" (?:of|for|in which|behind|to) [^,;:]{3,70}?)|(?:[A-Z][\w-]+'s [^,;:]{3,40}?)) (?P<v>is|"
    r"are) (?P<rest>(?:to|that|when|a|an|the|by|about|between|`|\d).{10,})$"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What is the purpose of X?" and "Who was X?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _attribute(passage, sentence)
            yield from _person(passage, sentence)


def _attribute(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "The purpose of X is …" and "Rust's floating-point types are …"."""
    found = _ATTRIBUTE.match(body(sentence))
    if not found or EVALUATION.match(found["rest"].lower()) or re.search(r"\b(?:is|are|was)\b", found["s"]):
        return
    subject = found["s"]
    if subject.startswith("The "):
        subject = "the " + subject[4:]
    elif passage.is_proper(subject.split("'")[0]) is not True or subject.split()[-1] in _VAGUE:
        return
    if subject.split()[-1].lower() in PREPOSITIONS or find_verb(tokenize(subject)) is not None:
        return
    yield defined(passage, sentence, in_context(passage, f"What {found['v']} {subject}?"), 0.76, "attribute")


def _person(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "Ada Lovelace was a mathematician who …"."""
    found = PERSON.match(body(sentence))
    if found and not found["name"].startswith(("The ", "A ", "An ")):
        yield defined(passage, sentence, f"Who {found['v']} {found['name']}?", 0.84, "person")
