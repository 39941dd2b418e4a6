"""From all candidates to the few that are returned: filters, confidence, variety."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rapidfuzz import fuzz

from gristmill.models.extractive.lexicon import words
from gristmill.models.extractive.overlap import content_words
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.questions import RULES, Candidate
from gristmill.models.extractive.selfcheck import (
    balanced,
    example_names,
    generalised,
    loose_definites,
    loose_words,
    made_up_names,
)
from gristmill.models.extractive.spans import MAX_ANSWER

THRESHOLD = 0.7
"""Candidates below are dropped: a passage without a question is better than a bad question."""

_UNIQUE_RULES = frozenset(["named", "list.heading"])
_NEW = {
    "polar": 3,
    "purpose": 3,
    "heading.explain": 3,
    "fact.when": 1,
    "fact.deadline": 1,
    "fact.quantity": 1,
}
"""Content words that an answer must add to its question."""

# Rules that ask for the name itself may use names that the text explains.
_NAMING = frozenset(["purpose", "definition.copula", "definition.meaning", "table.cell", "table.whole"])
_ENGLISH = words("""
the of and to in is that for are with as on by be this it an from or because its their each at not can you has
have was were which all no when if but how what do does
""")
_FOREIGN = words("""
der die das und ist ein eine nicht mit le la les des et est une pour dans el los las y que por het een van
en op il di che per uno och att som det og av ikke
""")


def find_pairs(passage: Passage) -> list[Candidate]:
    """All acceptable candidates of a passage, best first, no two alike."""
    if not is_english(passage.raw):
        return []
    candidates = [c for rule in RULES for c in rule(passage) if not _in_log(passage, c)]
    finished = [c for c in (finish(passage, c) for c in candidates) if c is not None]
    finished.sort(key=lambda c: (-c.confidence, c.answer.start, c.question))
    return _distinct(finished)


# Change logs speak of one release, which the question would not name.
_LOG = re.compile(
    r"change ?log|release (?:notes|information|history)|what.s (?:new|changed)|version history|"
    r"^v?\d+\.\d+(?:\.\d+)"
    r"?\b|^news\b",
    re.I,
)


def _in_log(passage: Passage, candidate: Candidate) -> bool:
    """Stands under the heading of a change log, where nothing makes sense without the release."""
    number = max((i for i, b in enumerate(passage.blocks) if b.start <= candidate.answer.start), default=0)
    return any(_LOG.search(text) for text in (*passage.heading_path, passage.headings[number]))


def pick(candidates: list[Candidate], count: int, types: Collection[str], sample: int) -> list[Candidate]:
    """``count`` candidates of the wanted types; a later sample starts further down the list."""
    wanted = [c for c in candidates if not types or c.type in types]
    return wanted[sample * count : (sample + 1) * count]


def is_english(text: str) -> bool:
    """English function words are frequent enough, and more frequent than those of its neighbours."""
    found = re.findall(r"[^\W\d_]+", text.lower())
    english, foreign = (sum(word in known for word in found) for known in (_ENGLISH, _FOREIGN))
    # Tables and short lists have few function words of any language.
    enough = len(found) < 40 or english >= 0.08 * len(found)
    return bool(found) and enough and english >= foreign and sum(map(str.isascii, found)) > 0.7 * len(found)


def finish(passage: Passage, candidate: Candidate) -> Candidate | None:
    """The candidate with its final wording and confidence, or ``None`` when it fails a check."""
    question = _worded(passage, candidate)
    if question is None or not _answers(question, candidate):
        return None
    confidence = candidate.confidence - _penalty(passage, question, candidate)
    if confidence < THRESHOLD and candidate.type != "table":
        return None
    return Candidate(question, candidate.type, candidate.answer, round(confidence, 3), candidate.rule)


def _worded(passage: Passage, candidate: Candidate) -> str | None:
    """The question so that it can be understood alone, or ``None`` when it cannot."""
    question = tidy(candidate.question)
    if not 3 <= len(question.split()) <= 26 or not balanced(question) or loose_words(question):
        return None
    if candidate.type == "table":
        return question
    own_example = candidate.rule not in _NAMING and example_names(passage, question)
    if own_example or made_up_names(passage, question):
        return None
    loose = candidate.rule not in _UNIQUE_RULES and bool(loose_definites(passage, question))
    bare = candidate.type not in ("definition", "comparison") and not _names_something(question)
    owned = content_words(passage.source) <= content_words(question)
    if passage.source and not owned and (loose or bare):
        return f"According to {passage.source}, {question[0].lower()}{question[1:]}"
    if loose and not candidate.rule.startswith(("purpose", "definition")):
        question = generalised(passage, question)
        loose = bool(loose_definites(passage, question))
    return None if loose else question


def _private(passage: Passage, question: str, candidate: Candidate) -> bool:
    """The answer speaks of things that only the passage's example knows."""
    if candidate.type in ("code", "table"):
        return False
    text = candidate.answer.text
    single = re.findall(r"`'?\w`", text)
    return any(name not in question for name in single + made_up_names(passage, text))


def _names_something(question: str) -> bool:
    return "`" in question or any(word[0].isupper() for word in question.split()[1:])


def _situated(passage: Passage, question: str) -> bool:
    """Names something that tells what the question is about: a name, code, or a word of the headings."""
    # A language known from code fences alone does not tell what the question is about.
    bare = re.sub(rf"\b[Ii]n {re.escape(passage.fenced)}\b,? ?", "", question) if passage.fenced else question
    if _names_something(question if passage.subject == passage.fenced else bare):
        return True
    headings = content_words(" ".join((passage.title, *passage.heading_path)))
    return bool(content_words(question) & headings)


def tidy(question: str) -> str:
    """Spacing, capital and one question mark."""
    text = re.sub(r"\s+", " ", question).replace(" ,", ",").strip().rstrip("?.,;: ")
    return f"{text[0].upper()}{text[1:]}?"


def _answers(question: str, candidate: Candidate) -> bool:
    text = candidate.answer.text
    if candidate.type == "table":
        return len(text) > 0
    if not 30 <= len(text) <= MAX_ANSWER + 300:
        return False
    new = content_words(text) - content_words(question)
    return len(new) >= _NEW.get(candidate.rule, 2)


def _penalty(passage: Passage, question: str, candidate: Candidate) -> float:
    text = candidate.answer.text
    length = len(question.removeprefix(f"According to {passage.source}, ").split())
    short = length - (2 if passage.context and passage.context.lower() in question.lower() else 0) <= 7
    penalty = 0.02 * max(0, length - 18)
    penalty += 0.05 * bool(re.search(r"\b(?:our|my|I)\b", text))
    penalty += 0.04 * (len(text) > 700)
    pointing = re.search(r"\b[Tt]h(?:is|ese|ose) \w+", text.split(". ")[0])
    penalty += 0.15 * bool(pointing and candidate.type != "code")
    penalty += 0.08 * _private(passage, question, candidate)
    general = candidate.type in ("definition", "table", "comparison")
    penalty += 0.15 * (not general and short and not _situated(passage, question))
    return penalty


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in candidates:
        if all(not _alike(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _alike(one: Candidate, other: Candidate) -> bool:
    shared = min(one.answer.end, other.answer.end) - max(one.answer.start, other.answer.start)
    shorter = min(one.answer.end - one.answer.start, other.answer.end - other.answer.start)
    return shared > 0.5 * shorter or fuzz.token_set_ratio(one.question, other.question) > 88
