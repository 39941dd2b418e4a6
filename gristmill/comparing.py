"""Whether two answers to one question say the same: numbers by value, words by likeness.

Good for short factual answers. Of longer ones only the words are compared, not who does what to whom, so
there it is a likeness of texts. Spelled numbers, negations and filler words are English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from rapidfuzz import fuzz

LIKENESS = 0.7
"""Share of words (0 to 1) that two longer answers must have in common to count as the same."""
SHORT = 5
"""Words up to which an answer is short: there one other word is another answer."""

_LIST_MARK = re.compile(r"^[ \t]*(?:\d{1,3}[.)]|[-+*#>]+)[ \t]+", re.MULTILINE)
_SINGLE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # no spaces: every character is a word
_TOKEN = re.compile(
    rf"(?P<number>(?:(?<![\w)])-)?\d+(?:[.,]\d+)*)|[{_SINGLE}]"
    rf"|[^\W\d_{_SINGLE}][^\W{_SINGLE}]*(?:[.'][^\W{_SINGLE}]+)*|%|(?P<operator>[<>]=?|[=!]=|[+*^])"
)
_MARKUP = re.compile(r"`|(?<!\s)[*_]|[*_](?!\s)")
_LETTER = re.compile(r"[^\W_]")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GROUPED_BY_DOTS = re.compile(r"-?\d{1,3}(?:\.\d{3})+,\d+")

# without "one": it is a pronoun more often than a number
_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {w: 10 * n for n, w in enumerate(_TENS_WORDS.split(), 2)}
_SPELLED = {"zero": 0, **{w: n for n, w in enumerate(_ONES.split(), 2)}, **_TENS}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_UNITS = {"one": 1, **{word: value for word, value in _SPELLED.items() if 0 < value < 10}}
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[-\s]({'|'.join(_UNITS)})\b")
_NO = "no not never none nothing neither nor without cannot nobody nowhere false"
_DENIALS = frozenset(_NO.split())
_SMALL = (
    "a an the of to in is it that for was on are as with be at this from or by and has have had its were "
    "their they he she you your we our i there here these those which who what do does did can will would "
    "about after all also any been but if into only so some such than then them up out yes true"
)
_FILLERS = frozenset(_SMALL.split())


@dataclass(frozen=True, slots=True)
class _Content:
    words: frozenset[str]
    numbers: frozenset[Decimal]
    operators: frozenset[str]
    denies: bool


def same_answer(one: str, other: str, *, question: str = "", likeness: float = LIKENESS) -> bool:
    """Whether two answers agree. Symmetric, not transitive.

    Numbers must be equal by value (``1,000`` = ``1000.0``, ``forty`` = ``40``) and a denial stands against
    none. What ``question`` says already may be repeated or left out. An answer may say more than the other;
    when each says something the other does not, short ones differ, and longer ones are the same from
    ``likeness`` on.
    """
    if _folded(one) == _folded(other):
        return True
    if not (_LETTER.search(one) and _LETTER.search(other)):
        return False
    a, b, asked = _content(one), _content(other), _content(question)
    if (a.denies, a.operators) != (b.denies, b.operators) or not _numbers_fit(
        a.numbers, b.numbers, asked.numbers
    ):
        return False
    only_a, only_b = _missing(a.words, b.words), _missing(b.words, a.words)
    if not (_missing(only_a, asked.words) and _missing(only_b, asked.words)):
        # each took another word out of an either-or question
        return not (only_a and only_b) or _says_more(a, b, asked)
    if min(len(a.words), len(b.words)) <= SHORT:
        return False
    shared = len(a.words) - len(only_a) + len(b.words) - len(only_b)
    return shared / (len(a.words) + len(b.words)) >= likeness


def _numbers_fit(a: frozenset[Decimal], b: frozenset[Decimal], asked: frozenset[Decimal]) -> bool:
    only_a, only_b = a - b, b - a
    return not (only_a and only_b) and (only_a | only_b) <= asked


def _says_more(a: _Content, b: _Content, asked: _Content) -> bool:
    """Whether both say the same thing that the question does not."""
    common = [word for word in a.words if not _missing([word], b.words)]
    return bool(_missing(common, asked.words) or (a.numbers & b.numbers) - asked.numbers)


def _missing(words: Iterable[str], among: Collection[str]) -> list[str]:
    return [word for word in words if word not in among and not any(_kin(word, other) for other in among)]


def _kin(one: str, other: str) -> bool:
    """Forms of one word."""
    # the same beginning: "possible" and "impossible" are much alike, and opposites
    return one[:4] == other[:4] and one.isalpha() and other.isalpha() and fuzz.ratio(one, other) >= 80


@lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    folded = re.sub("[‐‑‒–—−]", "-", _LIST_MARK.sub("", folded))
    return " ".join(_MARKUP.sub("", folded).split()).rstrip(".!")


@lru_cache(maxsize=1024)
def _content(text: str) -> _Content:
    spelled = _COMPOUND.sub(lambda m: str(_TENS[m[1]] + _UNITS[m[2]]), _folded(text))
    words: list[str] = []
    numbers: list[Decimal] = []
    operators: set[str] = set()
    denies = counting = False
    for match in _TOKEN.finditer(spelled):
        part = match.group()
        value = _value(part) if match["number"] else _spelled(part)
        if value is not None:
            numbers.append(value)
        elif counting and part in _SCALES:
            numbers[-1] *= _SCALES[part]
        elif match["operator"]:
            operators.add(part)
        elif part in _DENIALS or part.endswith("n't"):
            denies = True
        elif part not in _FILLERS:
            words.append("percent" if part == "%" else part)
        counting = value is not None
    return _Content(frozenset(words), frozenset(numbers), frozenset(operators), denies)


def _spelled(word: str) -> Decimal | None:
    return Decimal(_SPELLED[word]) if word in _SPELLED else None


def _value(digits: str) -> Decimal | None:
    """A comma before three digits groups them, any other is a decimal comma; ``1.2.3`` is no quantity."""
    if _GROUPED.fullmatch(digits):
        return Decimal(digits.replace(",", ""))
    if _GROUPED_BY_DOTS.fullmatch(digits):
        return Decimal(digits.replace(".", "").replace(",", "."))
    if digits.count(",") + digits.count(".") > 1:
        return None
    return Decimal(digits.replace(",", "."))
