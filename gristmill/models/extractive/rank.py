"""From all candidates to the few that are returned: filters, confidence, variety."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from rapidfuzz import fuzz

from gristmill.models.extractive.overlap import content_words
from gristmill.models.extractive.passage import Passage
from gristmill.models.extractive.questions import RULES, Candidate
from gristmill.models.extractive.selfcheck import balanced, example_names, loose_definites, loose_words, made_up_names
from gristmill.models.extractive.spans import MAX_ANSWER

THRESHOLD = 0.7
"""Candidates below are dropped: a passage without a question is better than a bad question."""

_NAMING = frozenset(["purpose", "definition.copula", "definition.meaning", "table.cell", "table.whole"])
_ENGLISH = frozenset("the of and to in is that for are with as on by be this it an from or".split())


def find_pairs(passage: Passage) -> list[Candidate]:
    """All acceptable candidates of a passage, best first, no two alike."""
    if not is_english(passage.raw):
        return []
    candidates = [c for rule in RULES for c in rule(passage)]
    finished = [c for c in (finish(passage, c) for c in candidates) if c is not None]
    finished.sort(key=lambda c: (-c.confidence, c.answer.start, c.question))
    return _distinct(finished)


def pick(candidates: list[Candidate], count: int, types: Collection[str], sample: int) -> list[Candidate]:
    """``count`` candidates of the wanted types; a later sample starts further down the list."""
    wanted = [c for c in candidates if not types or c.type in types]
    return wanted[sample * count : (sample + 1) * count]


def is_english(text: str) -> bool:
    """Enough English function words among the words."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return bool(words) and sum(word in _ENGLISH for word in words) >= 0.1 * len(words)


def finish(passage: Passage, candidate: Candidate) -> Candidate | None:
    """The candidate with its final wording and confidence, or ``None`` when it fails a check."""
    question = tidy(candidate.question)
    words = question.split()
    if not 4 <= len(words) <= 26 or not balanced(question) or loose_words(question):
        return None
    if candidate.type != "table" and made_up_names(passage, question):
        return None
    if candidate.rule not in _NAMING and example_names(passage, question):
        return None
    if candidate.type != "table" and loose_definites(passage, question):
        if not passage.source:
            return None
        question = f"According to {passage.source}, {question[0].lower()}{question[1:]}"
    if not _answers(question, candidate):
        return None
    confidence = candidate.confidence - _penalty(question, candidate)
    if candidate.type not in ("definition", "table") and len(words) <= 6 and not _situated(passage, question):
        confidence -= 0.1
    if confidence < THRESHOLD and candidate.type != "table":
        return None
    return Candidate(question, candidate.type, candidate.answer, round(confidence, 3), candidate.rule)


def _situated(passage: Passage, question: str) -> bool:
    """Names something that tells what the question is about: a name, code, or a word of the headings."""
    if "`" in question or any(word[0].isupper() for word in question.split()[1:]):
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
    return len(new) >= 3


def _penalty(question: str, candidate: Candidate) -> float:
    text = candidate.answer.text
    penalty = 0.03 * max(0, len(question.split()) - 16)
    penalty += 0.05 * bool(re.search(r"\b(?:our|my|I)\b", text))
    penalty += 0.04 * (len(text) > 700)
    penalty += 0.1 * bool(re.search(r"\b[Tt]h(?:is|ese|ose) \w+", text.split(". ")[0]) and candidate.type != "code")
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
