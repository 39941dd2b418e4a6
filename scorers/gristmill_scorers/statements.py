"""A response sentence by sentence beside its source: what each leans on, and where it turns it round.

Of every sentence the source sentence is found that shares most of its words. When that is nearly all of them,
one with another number of negations is taken for a contradiction, and a figure that stands elsewhere in the
source but not in it for a misplaced one. Nothing is said of sentences that lean on none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gristmill.records import Span
from gristmill_scorers.language import detect
from gristmill_scorers.words import NEGATION, Claims, claims, numbers_in

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|[.!?](?=\S)[^.!?\n]*)*[.!?]*", re.MULTILINE)
# a line that goes on in the next one: neither ends a sentence, nor begins a list, a table, a heading or code
_WRAPPED = re.compile(r"(?<=[^\n.!?:|])\n(?=[^\s#|>*+`~-])(?!\d{1,3}[.)] )")
_NOTHING: frozenset[str] = frozenset()
_CLOSE = 0.8
"""Share of a sentence's words that its source sentence must have for the two to be held together."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of a response and the source sentence that it leans on.

    ``span`` is that of the response, ``source`` that of the source text ((0, 0): it leans on none), ``share``
    the part of its words, names and numbers that the source sentence has.
    """

    span: Span
    source: Span
    shared: int
    share: float
    keys: frozenset[str]
    negated: bool = False
    misplaced: tuple[str, ...] = ()


def statements(response: str, source: str) -> list[Statement]:
    """The sentences of a response, in order; those without a content word are left out."""
    source, response = _WRAPPED.sub(" ", source), _WRAPPED.sub(" ", response)
    language = detect(source) or "?"
    said = [
        (match.span(), match.group(), _keys(claims(match.group(), language)))
        for match in _SENTENCE.finditer(source)
    ]
    everywhere = numbers_in(source)
    found = []
    for match in _SENTENCE.finditer(response):
        keys = _keys(claims(match.group(), language))
        if keys:
            found.append(_statement(match.span(), match.group(), keys, said, everywhere))
    return found


def _statement(
    span: Span,
    text: str,
    keys: frozenset[str],
    said: Sequence[tuple[Span, str, frozenset[str]]],
    everywhere: frozenset[str],
) -> Statement:
    figures = numbers_in(text)
    words = keys - figures
    # figures are what is doubted: they must not speak for a sentence
    place, other, known = max(
        said, key=lambda row: (len(words & row[2]), len(keys & row[2])), default=((0, 0), "", _NOTHING)
    )
    shared = len(keys & known)
    if not shared:
        return Statement(span, (0, 0), 0, 0.0, keys)
    share = shared / len(keys)
    close = len(words) > 1 and len(words & known) >= _CLOSE * len(words)
    if not close or _within(text, other):
        return Statement(span, place, shared, share, keys)
    here = numbers_in(other) if figures else _NOTHING
    elsewhere = sorted((figures & everywhere) - here) if here else []
    return Statement(span, place, shared, share, keys, _turned(text, keys, other, known), tuple(elsewhere))


def _turned(text: str, keys: frozenset[str], other: str, known: frozenset[str]) -> bool:
    here, there = len(NEGATION.findall(text)), len(NEGATION.findall(other))
    # a sentence that says a part of another may leave out the part that is negated
    return here > there or (here < there and len(keys) >= _CLOSE * len(known))


def _within(text: str, other: str) -> bool:
    return " ".join(text.split()).casefold().rstrip(".!? ") in " ".join(other.split()).casefold()


def _keys(found: Claims) -> frozenset[str]:
    return frozenset((*found.words, *found.names, *found.numbers))
