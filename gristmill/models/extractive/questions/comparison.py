"""Comparisons: "Unlike X, Y …", "the difference between X and Y", "X differs from Y"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import (
    find_verb,
    good_subject,
    is_adverb,
    is_plural,
    lower_first,
    tokenize,
)
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, is_key
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span

_UNLIKE = re.compile(
    r"^(?:Unlike|In contrast to|Compared (?:to|with)) (?P<other>[^,;:]{2,70}), (?P<main>[^;:]{12,})$"
)
_DIFFERENCE = re.compile(
    r"\b(?:difference|distinction) between (?P<pair>[^,;:.]{3,40}? and [^,;:.]{2,40}?)(?= "
    r"(?:is|are|lies|was|becomes)\b)"
)
_DIFFERS = re.compile(
    r"^(?P<one>[^,;:]{2,50}?) (?P<v>differs?|(?:is|are) different) from (?P<other>[^,;:.]{2,60}?)"
    r"(?: in that|,? because| in how| in | by |\.|,)"
)


# The other side must end at a clear boundary, or the question would run on.
_THAN = re.compile(
    r"^(?P<one>[^,;:]{2,50}?) (?P<be>is|are) (?:\w+ly |much |far |a bit )?(?:(?:more|less)"
    r" [a-z]+|[a-z]+er|not as [a-z]+|as [a-z]+) (?:than|as) (?P<other>[^,;:.]{2,50}?)(?: because\b|"
    r" but\b| when\b| in that\b|,|\.|;)"
)
_SIMILAR = re.compile(
    r"^(?P<one>[^,;:]{2,50}?) (?P<be>is|are) (?:very |quite |somewhat )?similar to (?P<other>[^,;:.]{3,60}?)"
    r"(?: because\b| but\b| in that\b|,|\.|;)"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "How does X differ from Y?"."""
    for sentence in passage.sentences:
        if not is_key(sentence) or announces(sentence.text):
            continue
        question = (
            _unlike(passage, sentence)
            or _between(sentence)
            or _differs(passage, sentence)
            or _compares(passage, sentence)
        )
        if question:
            span = sentence_span(passage, sentence, last_continuing(passage, sentence))
            yield Candidate(in_context(passage, question), "comparison", span, 0.78, "comparison")


def _unlike(passage: Passage, sentence: Sentence) -> str | None:
    found = _UNLIKE.match(body(sentence))
    if not found:
        return None
    main = found["main"]
    tokens = tokenize(main)
    at = find_verb(tokens)
    if at is None:
        return None
    subject = [t for t in tokens[:at] if not is_adverb(t.low)]
    if (
        not good_subject(subject)
        or subject[0].low in ("each", "every", "all", "any", "most", "the")
        or len(subject) > 7
    ):
        return None
    if not _noun_phrase(found["other"]):
        return None
    singular = tokens[at].low in ("is", "has", "does", "was") or verbs.base_of(tokens[at].low, "s")
    verb = "does" if singular or not is_plural(subject) else "do"
    return f"How {verb} {main[: subject[-1].end]} differ from {found['other']}?"


def _noun_phrase(text: str) -> bool:
    tokens = tokenize(text)
    return good_subject(tokens) and find_verb(tokens) is None


def _between(sentence: Sentence) -> str | None:
    found = _DIFFERENCE.search(body(sentence))
    return f"What is the difference between {found['pair']}?" if found else None


def _differs(passage: Passage, sentence: Sentence) -> str | None:
    found = _DIFFERS.match(body(sentence))
    if not found or not _noun_phrase(found["one"]) or not _noun_phrase(found["other"]):
        return None
    one = lower_first(passage, found["one"])
    verb = "does" if found["v"].startswith(("differs", "is")) else "do"
    return f"How {verb} {one} differ from {found['other']}?" if one else None


def _compares(passage: Passage, sentence: Sentence) -> str | None:
    text = body(sentence)
    found = _THAN.match(text) or _SIMILAR.match(text)
    if not found or not _noun_phrase(found["one"]) or not _noun_phrase(found["other"]):
        return None
    one = lower_first(passage, found["one"])
    plural = found["be"] == "are"
    if one is None:
        return None
    if found.re is _SIMILAR:
        return f"How {'are' if plural else 'is'} {one} similar to {found['other']}?"
    return f"How {'do' if plural else 'does'} {one} compare to {found['other']}?"
