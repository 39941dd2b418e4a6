"""Finding a model's quote in the text it was taken from, as exact character spans.

Models retype rather than copy: they straighten curly quotes, drop markdown, re-wrap lines, leave words
out with an ellipsis. Both texts are therefore reduced to a plain form that remembers where each of its
characters came from; what is found there is reported in offsets of the original.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz import fuzz

from gristmill.records import Span

NEAR = 95.0
"""Similarity (0 to 100) from which a quote with small slips still counts; see :func:`_near`."""

_SAME = str.maketrans("‘’‚‛“”„«»‐‑‒–—−¦", '\'\'\'\'"""""------|')
_DROPPED = re.compile(
    r"<!--.*?-->"  # comments
    r"|</?[A-Za-z][^<>\n]{0,200}>"  # tags
    r"|\]\([^()\s]*(?:\s\"[^\"\n]*\")?\)|\]\[[^\]\n]*\]|!?\[|\]"  # links keep their text
    r"|[*_`~\\\u200b-\u200d\u2060\ufeff\u00ad]",
    re.DOTALL,
)
_SPACED = re.compile(
    r"<br\s*/?>|^(?=[^\n]*---)[ \t:|-]+$"  # rules and the line under a table's head
    r"|^[ \t]*(?:[#>]+|[-+•]|\d{1,3}[.)])[ \t]+"  # headings, quotes, list marks
    r"|\||\s+",
    re.MULTILINE,
)
# Of a text, what may hide whole words; of a quote, what stands for a space but is none.
_HIDING = re.compile(r"<|\]\(|\]\[")
_MARKS = re.compile(r"^[ \t]*(?:[#>]|[-+•]|\d{1,3}[.)])|\||---", re.MULTILINE)
_ELLIPSIS = re.compile(r"\s*[\[(]?(?:\.{3,}|…)[\])]?\s*")
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"\b(?:no|not|never|none|nothing|neither|nor|without|cannot)\b|n't\b")


class _Plain(NamedTuple):
    """A reduced text; ``origin[i]`` is the offset in the original of its character ``i``."""

    text: str
    origin: list[int]


def locate(quote: str, text: str) -> list[Span]:
    """Spans of ``text`` that ``quote`` was taken from, in order; empty when it is not there.

    Case, white space, typography and markdown may differ. A quote with an ellipsis may give several
    spans. Small slips of the pen are forgiven, a changed number or a changed negation is not.
    """
    if (verbatim := _verbatim(quote, text)) is not None:
        return [verbatim]
    wanted = _plain(quote).text
    if not _is_evidence(wanted):
        return []
    source = _plain(text)
    # the first occurrence: which of several was meant cannot be known
    start = source.text.find(wanted)
    if start >= 0:
        return [_span(source, start, start + len(wanted))]
    return _pieces(quote, source) or _near(wanted, source)


def _verbatim(quote: str, text: str) -> Span | None:
    """Where ``quote`` stands in ``text`` word for word, if neither has markup that reducing would drop.

    Most models copy most quotes exactly: this answers those at a fiftieth of the cost.
    """
    if _HIDING.search(text) or _DROPPED.search(quote) or _MARKS.search(quote):
        return None
    wanted = quote.strip()
    start = text.find(wanted)
    return (start, start + len(wanted)) if start >= 0 and _is_evidence(wanted.casefold()) else None


@lru_cache(maxsize=256)
def _plain(text: str) -> _Plain:
    # one pass over the characters, because offsets must survive every reduction
    skip = bytearray(len(text))  # 1: dropped, 2: stands for a space
    for match in _DROPPED.finditer(text):
        skip[match.start() : match.end()] = b"\x01" * (match.end() - match.start())
    for match in _SPACED.finditer(text):
        skip[match.start() : match.end()] = b"\x02" * (match.end() - match.start())
    out: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        if skip[index] == 1:
            continue
        plain = " " if skip[index] else _fold(char)
        if plain == " " and (not out or out[-1] == " "):
            continue
        out += plain
        origin += [index] * len(plain)
    while out and out[-1] == " ":
        out.pop()
        origin.pop()
    return _Plain("".join(out), origin)


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char.translate(_SAME)).casefold()
    return plain if plain.strip() else " "


def _is_evidence(plain: str) -> bool:
    """A single short word can be found in any text, so it proves nothing."""
    words = re.findall(r"\w+", plain)
    return len(words) > 1 or (not plain.isascii() and len(plain) >= 4)


def _span(source: _Plain, start: int, end: int) -> Span:
    return source.origin[start], source.origin[end - 1] + 1


def _pieces(quote: str, source: _Plain) -> list[Span]:
    pieces = [_plain(piece).text for piece in _ELLIPSIS.split(quote)]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) < 2 or not all(_is_evidence(piece) for piece in pieces):
        return []
    spans: list[Span] = []
    after = 0
    for piece in pieces:
        start = source.text.find(piece, after)
        if start < 0:
            return []
        after = start + len(piece)
        spans.append(_span(source, start, after))
    return spans


def _near(wanted: str, source: _Plain) -> list[Span]:
    """The best window of the source at :data:`NEAR` or more, unless it says something else."""
    # below twenty characters one slip is already more than 5 %
    if not 20 <= len(wanted) <= len(source.text):
        return []
    found = fuzz.partial_ratio_alignment(wanted, source.text, score_cutoff=NEAR)
    if found is None:
        return []
    start, end = _to_words(source.text, found.dest_start, found.dest_end)
    window = source.text[start:end]
    for telling in (_DIGITS, _NEGATION):
        # 95 % of a sentence can be right and its one number wrong
        if sorted(telling.findall(wanted)) != sorted(telling.findall(window)):
            return []
    return [_span(source, start, end)]


def _to_words(text: str, start: int, end: int) -> Span:
    # the best window may begin in the middle of a word
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    while text[start] == " ":
        start += 1
    while text[end - 1] == " ":
        end -= 1
    return start, end
