"""Reasons: "Pushing to the stack is faster because …" asks why."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive.grammar import Clause, take_clause
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import (
    Candidate,
    body,
    in_context_first,
    is_key,
    split_prefix,
)
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span, usable

_BECAUSE = re.compile(
    r"^(?P<claim>(?:(?:In|On|Within|With|Under|At|For) [^,;:]{2,40}, )?[^,;:]{12,140}),? (?:because(?! "
    r"of)|since it|since they|as it is|due to|because of) (?P<why>.{15,})$"
)
_BECAUSE_FIRST = re.compile(r"^Because (?P<why>[^,;:]{15,160}), (?P<claim>[^;:]{12,140})\.$")
_REASON = re.compile(
    r"^(?:The|One|A) (?:main |primary |key )?reason (?:that |why |for which )?(?P<claim>[^,;:]{10,120})"
    r" is (?:that|because|to) (?P<why>.{15,})$"
)


_SO = re.compile(r"^(?P<why>[^;:]{20,170}?), so (?!that\b)(?P<claim>[^,;:]{12,110})\.$")
# The reason is the sentence before; both make the answer.
_THAT_IS_WHY = re.compile(r"^(?:This|That)(?: is|'s) why (?P<claim>[^;:]{10,110})\.$")


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "Why is X Y?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _why(passage, sentence)
        elif sentence.index and usable(sentence):
            yield from _that_is_why(passage, sentence)


def _why(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    for pattern in (_BECAUSE, _REASON, _BECAUSE_FIRST, _SO):
        found = pattern.match(text)
        if not found or re.search(r"\bbecause\b", found["claim"]):
            continue
        prefix, claim = split_prefix(found["claim"])
        if pattern is not _BECAUSE and not claim[0].isupper():
            claim = claim[0].upper() + claim[1:]
        clause = take_clause(passage, claim)
        if clause is None or not _askable(clause):
            return
        question = f"{prefix}why {clause.aux} {clause.subject} {clause.rest}?"
        span = sentence_span(passage, sentence, last_continuing(passage, sentence))
        question = question if prefix else in_context_first(passage, question)
        yield Candidate(question, "reason", span, 0.8, "reason")
        return


def _that_is_why(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    found = _THAT_IS_WHY.match(sentence.plain)
    before = passage.by_block[sentence.block][sentence.index - 1]
    if not found or not is_key(before) or announces(before.text) or before.tail:
        return
    clause = take_clause(passage, found["claim"][0].upper() + found["claim"][1:])
    if clause and _askable(clause):
        question = f"Why {clause.aux} {clause.subject} {clause.rest}?"
        yield Candidate(
            in_context_first(passage, question),
            "reason",
            sentence_span(passage, before, sentence),
            0.78,
            "reason.thatswhy",
        )


def _askable(clause: Clause) -> bool:
    words = clause.rest.split()
    return (
        1 <= len(words) <= 16
        and words[0] not in ("exactly", "what", "how", "all")
        and words[-1].lower()
        not in (
            "is",
            "are",
            "only",
            "just",
            "partly",
            "mainly",
            "not",
            "largely",
        )
    )
