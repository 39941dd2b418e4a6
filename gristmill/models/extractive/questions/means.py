"""Means and places: "Rust protects you by …" asks how, "Data is stored on the heap" asks where."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import take_clause
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context_first, is_key
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span

_BY = re.compile(r"^(?P<claim>[^,;:]{12,120}?),? by (?P<ing>[a-z]+ing) (?P<rest>.{10,})$")
_PLACE = re.compile(
    r"^(?P<claim>[^,;:]{4,80}? (?:is|are|was|were|must be|should be|can be) (?:\w+ly )?(?:stored|located|found|kept|placed|held|written|"
    r"declared|situated|saved|hosted|built|grown|spoken|produced)) (?P<place>(?:in|on|at|under|inside|along|near|within|between) .{6,})$"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "How does X …?" and "Where is X stored?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            for word, pattern in (("How", _BY), ("Where", _PLACE)):
                yield from _ask(passage, sentence, word, pattern)


def _ask(passage: Passage, sentence: Sentence, word: str, pattern: re.Pattern[str]) -> Iterator[Candidate]:
    found = pattern.match(body(sentence))
    if not found or (word == "How" and not verbs.base_of(found["ing"], "ing")):
        return
    clause = take_clause(passage, found["claim"])
    if clause is None or not 1 <= len(clause.rest.split()) <= 14 or clause.rest.startswith("to "):
        return
    question = f"{word} {clause.aux} {clause.subject} {clause.rest}?"
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    yield Candidate(in_context_first(passage, question), "factual", span, 0.76, f"means.{word.lower()}")
