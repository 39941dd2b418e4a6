"""Means and places: "Rust protects you by …" asks how, "Data is stored on the heap" asks where."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import find_verb, good_subject, lower_first, take_clause, tokenize
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import (
    Candidate,
    body,
    in_context,
    in_context_first,
    is_key,
    split_prefix,
)
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import Span, last_continuing, sentence_span

_BY = re.compile(
    r"^(?P<claim>(?:(?:In|On|Within|With|Under|At|For) [^,;:]{2,40}, )?[^,;:]{12,120}?),? "
    r"by (?P<ing>[a-z]+ing) (?P<rest>.{10,})$"
)
# Only verbs of being somewhere: "written in 1990" is no place.
_PLACE = re.compile(
    r"^(?P<claim>[^,;:]{4,80}? (?:is|are|was|were|must be|should be|can be) (?:\w+ly )?(?:stored|"
    r"located|found|kept|placed|held|written|"
    r"declared|situated|saved|hosted|grown|spoken)) (?P<place>(?:in|on|at|under|"
    r"inside|along|near|within|between) .{6,})$"
)


_USEFUL = re.compile(
    r"^(?P<s>[^,;:]{3,60}?) (?P<v>is|are) (?P<adj>(?:\w+ly )?(?:useful|helpful|appropriate|"
    r"needed|required|necessary|recommended|suitable)) "
    r"(?P<when>when|if|for|in|as) (?P<rest>.{12,})$"
)
_WHEN = re.compile(
    r"^(?P<claim>[^,;:]{6,90}?) (?:as soon as|only when|only if|whenever|when|once) (?P<rest>[^:]{12,})$"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "How does X …?" and "Where is X stored?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            for word, pattern in (("How", _BY), ("Where", _PLACE)):
                yield from _ask(passage, sentence, word, pattern)
            yield from _useful(passage, sentence)
            yield from _when(passage, sentence)


def _ask(passage: Passage, sentence: Sentence, word: str, pattern: re.Pattern[str]) -> Iterator[Candidate]:
    found = pattern.match(body(sentence))
    if not found or (word == "How" and not verbs.base_of(found["ing"], "ing")):
        return
    prefix, claim = split_prefix(found["claim"])
    if word == "How" and (
        works := re.match(r"(?P<s>[^,;:]{3,50}) (?P<v>works?|functions?|operates?)$", claim)
    ):
        yield from _works(passage, sentence, works)
        return
    clause = take_clause(passage, claim)
    if (
        clause is None
        or not 1 <= len(clause.rest.split()) <= 14
        or clause.rest.startswith("to ")
        or clause.rest.endswith((" not", " but", " only"))
    ):
        return
    question = f"{prefix}{word if not prefix else word.lower()} {clause.aux} {clause.subject} {clause.rest}?"
    span = _span(passage, sentence)
    question = question if prefix else in_context_first(passage, question)
    yield Candidate(question, "factual", span, 0.76, f"means.{word.lower()}")


def _works(passage: Passage, sentence: Sentence, found: re.Match[str]) -> Iterator[Candidate]:
    """ "Antihistamines work by blocking …"."""
    subject = lower_first(passage, found["s"])
    if subject and good_subject(tokenize(found["s"])) and find_verb(tokenize(found["s"])) is None:
        do = "does" if found["v"].endswith("s") else "do"
        question = in_context(passage, f"How {do} {subject} {found['v'].removesuffix('s')}?")
        yield Candidate(question, "factual", _span(passage, sentence), 0.8, "means.works")


def _useful(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "Arrays are useful when …"."""
    found = _USEFUL.match(body(sentence))
    if not found or not good_subject(tokenize(found["s"])) or find_verb(tokenize(found["s"])) is not None:
        return
    subject = lower_first(passage, re.sub(r" (?:also|often|especially)$", "", found["s"]))
    if subject is None:
        return
    if found["when"] in ("when", "if"):
        question = f"When {found['v']} {subject} {found['adj']}?"
    elif found["when"] == "for":
        question = f"What {found['v']} {subject} {found['adj']} for?"
    else:
        return
    yield Candidate(in_context(passage, question), "factual", _span(passage, sentence), 0.76, "means.useful")


def _when(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "`drop` is called when …"."""
    found = _WHEN.match(body(sentence))
    clause = take_clause(passage, found["claim"]) if found else None
    if (
        clause is None
        or clause.aux not in ("is", "are", "does", "do", "will")
        or not 1 <= len(clause.rest.split()) <= 10
    ):
        return
    if clause.aux in ("is", "are") and clause.rest.split()[0] in ("a", "an", "the"):
        return
    if re.search(
        r"\b(?:useful|helpful|not|only|important|good|bad|easy|hard|common|like|true)\b|\b(?:that|which)$",
        clause.rest,
    ):
        return
    question = f"When {clause.aux} {clause.subject} {clause.rest}?"
    yield Candidate(in_context(passage, question), "factual", _span(passage, sentence), 0.73, "means.when")


def _span(passage: Passage, sentence: Sentence) -> Span:
    return sentence_span(passage, sentence, last_continuing(passage, sentence))
