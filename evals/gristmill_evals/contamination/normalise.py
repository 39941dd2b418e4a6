"""Text to comparable tokens, with a way back: every token knows its characters in the original text.

Folding is Unicode NFKC and case folding, done cluster by cluster (a base character with its combining
marks) so that each folded character can be traced to the original. Words are runs of letters; Chinese,
Japanese and Korean text, which has no spaces to go by, is cut into characters; numbers lose their
thousands separators and trailing zeros, and number words count as numbers.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from gristmill.records import Span
from gristmill_evals.contamination.vocabulary import NUMBER_WORDS

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0002fa1f"
_CJK_CHAR = re.compile(f"[{CJK}]")
_TOKEN = re.compile(rf"(?P<number>\d+(?:,\d{{3}})*(?:\.\d+)?)|[{CJK}]|(?:(?![{CJK}])[^\W\d_])+")
_WORD = re.compile(rf"[^\W\d_{CJK}]+|\d+(?:,\d{{3}})*(?:\.\d+)?|[{CJK}]")
_ASCII_WORD = re.compile(r"[a-z]+|[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
"""What :data:`_TOKEN` finds, without saying what it is, which takes a third of the time."""
_MARKS = r"\u0300-\u036f\u1160-\u11ff\u3099\u309a\u20d0-\u20ff"
_UNUSUAL = re.compile(rf"[^{_MARKS}]?[{_MARKS}]+|[^\x00-\x7f]", re.S)
_PUNCTUATION = re.compile(r"[\s.,;:!?\"'`´‘’“”()\[\]{}_…–—]+")
MASK = "0"
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Tokens:
    """The tokens of ``text``: ``words[i]`` is what ``text[starts[i]:ends[i]]`` folds to.

    ``masked`` is ``words`` with every number replaced by the same mask.
    """

    text: str
    words: list[str]
    masked: list[str]

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def starts(self) -> list[int]:
        """The first character of each token in the original text."""
        folded, origin = fold(self.text)
        starts = [match.start() for match in _found(folded)]
        return starts if origin is None else list(map(origin.places()[0].__getitem__, starts))

    @cached_property
    def ends(self) -> list[int]:
        """Where each token ends in the original text."""
        folded, origin = fold(self.text)
        ends = [match.end() for match in _found(folded)]
        if origin is None:
            return ends
        places = origin.places()[1]
        return [places[end - 1] for end in ends]

    def span(self, first: int, last: int) -> Span:
        """Characters of the original text from token ``first`` up to and including token ``last``."""
        return span_of_tokens(self.text, first, last + 1)

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Token range (half-open) that lies inside the characters ``start`` to ``end``."""
        first, stop = bisect_left(self.starts, start), bisect_left(self.starts, end)
        return (first, stop) if stop > first else (0, 0)

    def numbers(self, first: int = 0, end: int | None = None) -> Counter[str]:
        """How often each number occurs among the tokens ``first`` to ``end``."""
        pairs = zip(self.words[first:end], self.masked[first:end], strict=True)
        return Counter(word for word, mask in pairs if mask == MASK)

    @cached_property
    def joined(self) -> str:
        """Words between separators, for searching a run of whole words with ``str.find``."""
        return SEPARATOR + SEPARATOR.join(self.words) + SEPARATOR

    def find(self, run: list[str]) -> int | None:
        """Index of the first token of ``run`` (consecutive words), or None."""
        return _find(self.joined, run)

    @cached_property
    def masked_joined(self) -> str:
        """:attr:`joined` with the numbers masked."""
        return SEPARATOR + SEPARATOR.join(self.masked) + SEPARATOR

    def find_masked(self, run: list[str]) -> int | None:
        """:meth:`find` with the numbers masked."""
        return _find(self.masked_joined, run)

    @cached_property
    def sentence(self) -> str:
        """Words between blanks, for string distances."""
        return " ".join(self.words)

    @cached_property
    def masked_sentence(self) -> str:
        """:attr:`sentence` with the numbers masked."""
        return " ".join(self.masked)


def _find(joined: str, run: list[str]) -> int | None:
    at = joined.find(SEPARATOR + SEPARATOR.join(run) + SEPARATOR) if run else -1
    return None if at < 0 else joined.count(SEPARATOR, 0, at)


class Origin:
    """Where folded characters come from: ``origin[n]`` is the span of the ``n``-th one in the original text.

    Kept by stretches: most of a text folds character by character.
    """

    def __init__(self) -> None:
        self._folded: list[int] = []
        self._stretches: list[tuple[int, int]] = []
        self.size = 0

    def add(self, start: int, end: int, size: int) -> None:
        """The next ``size`` characters come from ``start`` to ``end``: one by one if there are as many."""
        if size:
            self._folded.append(self.size)
            self._stretches.append((start, end))
            self.size += size

    def __getitem__(self, place: int) -> Span:
        at = bisect_right(self._folded, place) - 1
        start, end = self._stretches[at]
        after = self._folded[at + 1] if at + 1 < len(self._folded) else self.size
        if after - self._folded[at] != end - start:
            return start, end
        one = start + place - self._folded[at]
        return one, one + 1

    def places(self) -> tuple[list[int], list[int]]:
        """Where each folded character starts and ends in the original text, all at once."""
        starts, ends = list[int](), list[int]()
        for (start, end), first, after in zip(
            self._stretches, self._folded, [*self._folded[1:], self.size], strict=True
        ):
            size = after - first
            one_by_one = size == end - start
            starts += range(start, end) if one_by_one else [start] * size
            ends += range(start + 1, end + 1) if one_by_one else [end] * size
        return starts, ends

    def __len__(self) -> int:
        return self.size


def fold(text: str) -> tuple[str, Origin | None]:
    """NFKC and case folding; the map gives the original span of each folded character (None: itself)."""
    return (text.lower(), None) if text.isascii() else _fold(text)


@functools.lru_cache(maxsize=16)
def _fold(text: str) -> tuple[str, Origin]:
    """A text is cut, and then its spans are asked for: the last ones are remembered."""
    folded: list[str] = []
    origin = Origin()
    at = 0
    for match in _UNUSUAL.finditer(text):
        start, end = match.span()
        piece = _folded(match[0])
        folded += (text[at:start].lower(), piece)
        origin.add(at, start, start - at)
        origin.add(start, end, len(piece))
        at = end
    folded.append(text[at:].lower())
    origin.add(at, len(text), len(text) - at)
    return "".join(folded), origin


@functools.lru_cache(maxsize=1 << 14)
def _folded(piece: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).casefold())


def tokenise(text: str) -> Tokens:
    """Cut ``text`` into folded tokens; a text of nothing but symbols gives one token per symbol."""
    folded = fold(text)[0]
    words = _word(folded).findall(folded) or re.findall(r"\S", folded)
    masked = words.copy()
    for n in [n for n, word in enumerate(words) if word in NUMBER_WORDS or word[0].isdecimal()]:
        word = words[n]
        words[n], masked[n] = NUMBER_WORDS.get(word) or _canonical(word), MASK
    return Tokens(text, words, masked)


def _word(folded: str) -> re.Pattern[str]:
    return _ASCII_WORD if folded.isascii() else _WORD


def _found(folded: str) -> Iterator[re.Match[str]]:
    """The tokens of a folded text one by one, without words and numbers being told apart."""
    pattern = _word(folded)
    return pattern.finditer(folded) if pattern.search(folded) else re.finditer(r"\S", folded)


def span_of_tokens(text: str, first: int, end: int) -> Span:
    """Characters from the token ``first`` up to, not including, the token ``end``; ``end`` may lie beyond."""
    folded, origin = fold(text)
    found = _found(folded)
    opening = next(islice(found, first, None), None)
    if opening is None:
        return 0, len(text)
    closing = [opening, *deque(islice(found, max(0, end - first - 1)), maxlen=1)][-1]
    start, stop = opening.start(), closing.end()
    return (start, stop) if origin is None else (origin[start][0], origin[stop - 1][1])


def cut_folded(folded: str) -> Iterator[tuple[str, bool, int, int]]:
    """Tokens of a text that is folded already: word, whether it is a number, start and end."""
    found = list(_TOKEN.finditer(folded)) or list(re.finditer(r"\S", folded))
    for match in found:
        word = _canonical(match[0]) if match.lastgroup == "number" else match[0]
        number = match.lastgroup == "number" or word in NUMBER_WORDS
        yield NUMBER_WORDS.get(word, word), number, match.start(), match.end()


def squash(text: str) -> str:
    """Folded text without blanks and ordinary punctuation; operators stay, so ``2+3`` is not ``2-3``."""
    return _PUNCTUATION.sub("", fold(text)[0])


def is_cjk(word: str) -> bool:
    """Whether a token is one Chinese, Japanese or Korean character."""
    return not word.isascii() and _CJK_CHAR.match(word) is not None


def _canonical(number: str) -> str:
    plain = number.replace(",", "")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain.lstrip("0") or "0"
