"""Finding a quote in a text, word by word: case, punctuation, markdown and line breaks do not matter."""

from __future__ import annotations

import re

from gristmill.records import Span

_SINGLE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts without spaces: every character is a word
_WORD = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
# comments, tags and link targets: a reader of the rendered text does not see them
_HIDDEN = re.compile(
    r"<!--.*?-->|</?[A-Za-z][^<>\n]{0,200}>|(?<=\])\([^()\s]*\)|(?<=\])\[[^\]\n]*\]|[\u200b-\u200d\u2060\ufeff]",
    re.DOTALL,
)
_ELLIPSIS = re.compile(r"\s*[\[(]?(?:\.{3,}|…)[\])]?\s*")
_LONG = 6  # words from which a quote may break off inside its last word
_Word = tuple[str, int, int]


def find(quote: str, text: str) -> Span | None:
    """The span of ``text`` that says ``quote``; None when it is not there.

    One word alone is no quote, unless it is all that ``text`` says. A quote may be cut off in its last
    word, and may leave something out with an ellipsis (the span then reaches from the first to the last
    piece).
    """
    source = _words(text)
    whole = _search([word for word, _, _ in _words(quote)], source, 0)
    if whole is None and len(pieces := _ELLIPSIS.split(quote.strip())) > 1:
        return _pieces([piece for piece in pieces if piece.strip()], source)
    return None if whole is None else (source[whole[0]][1], source[whole[1]][2])


def _pieces(pieces: list[str], source: list[_Word]) -> Span | None:
    first: int | None = None
    last = -1
    for piece in pieces:
        found = _search([word for word, _, _ in _words(piece)], source, last + 1)
        if found is None:
            return None
        first = found[0] if first is None else first
        last = found[1]
    return None if first is None else (source[first][1], source[last][2])


def _search(wanted: list[str], source: list[_Word], after: int) -> Span | None:
    """Indices of the first and the last word of ``source`` that say ``wanted``."""
    if not wanted or (len(wanted) == 1 and len(source) != 1):
        return None
    # rule-based and small judges cut their quotes at a fixed length
    cut_off = len(wanted) >= _LONG
    sure = wanted[:-1] if cut_off else wanted
    said = [word for word, _, _ in source]
    for start in range(after, len(said) - len(wanted) + 1):
        if said[start] != wanted[0] or said[start : start + len(sure)] != sure:
            continue
        end = start + len(wanted) - 1
        if said[end].startswith(wanted[-1]):
            return start, end
    return None


def _words(text: str) -> list[_Word]:
    # hidden parts are blanked with a filler of equal length, so that offsets stay right
    shown = _HIDDEN.sub(_blank, text)
    return [(m.group().casefold(), m.start(), m.end()) for m in _WORD.finditer(shown)]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())
