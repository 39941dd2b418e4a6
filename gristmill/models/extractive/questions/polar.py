"""Yes-or-no questions about rules ("Constants cannot be …") that come with an explanation."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive.grammar import take_clause
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context_first, is_key
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span

_REST = re.compile(
    r"^(?P<claim>[^,;:]{10,100}?)(?:,|;| because\b| even\b| so\b| but\b| as long\b| only (?:if|"
    r"when)\b|\.)(?P<why>.*)$"
)
# A negated statement is asked positively: the answer then tells something.
_POSITIVE = {
    "can't": "can",
    "isn't": "is",
    "aren't": "are",
    "doesn't": "does",
    "don't": "do",
    "won't": "will",
    "mustn't": "must",
    "shouldn't": "should",
}


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "Can X …?", "Must X …?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _ask(passage, sentence)


def _ask(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    found = _REST.match(body(sentence))
    if not found:
        return
    clause = take_clause(passage, found["claim"])
    if clause is None:
        return
    aux = _POSITIVE.get(clause.aux, clause.aux)
    rest = re.sub(r"^(?:\w+ly )?(?:not|never|only) ", "", clause.rest)
    ruled = (
        (aux == "must" and clause.plural)
        or aux != clause.aux
        or (rest != clause.rest and " only " not in f" {clause.rest}")
    )
    last = last_continuing(passage, sentence)
    explained = last is not sentence or len(found["why"].split()) >= 5
    if (
        not ruled
        or not explained
        or not 2 <= len(rest.split()) <= 14
        or re.search(r"\b(?:not|n't|only|just|very|unless|until)\b", rest)
    ):
        return
    question = f"{aux.capitalize()} {clause.subject} {rest}?"
    yield Candidate(
        in_context_first(passage, question), "factual", sentence_span(passage, sentence, last), 0.74, "polar"
    )
