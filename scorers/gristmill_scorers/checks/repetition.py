"""Text that runs in circles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from gristmill_scorers.checks import View, clipped
from gristmill_scorers.checks.text import Text, fold, words_of

_RUN = re.compile(r"([^\W\d_])\1{9,}")
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){2,15}?)(?:\W+\1\b){3,}", re.IGNORECASE)
_STUTTER = re.compile(r"\b(\w+)(?:\W+\1\b){5,}", re.IGNORECASE)
_TOKEN = re.compile(r"\w+")
_SIZE = 5
_LEAST_WORDS = 40
_LONGEST_LOOP = 16
# the loop pattern backtracks: bounded input keeps it fast
_READ = 8000


def repetition(view: View) -> str | None:
    """A loop of phrases, a run of one letter, or too large a share of repeated five-word phrases."""
    for text in view.responses:
        found, words = circle(text)
        if found:
            return f"again and again: {clipped(found.group(1))!r}"
        share = repeated_share(words, view.limits.repetition)
        if share > view.limits.repetition:
            return f"{share:.0%} of its phrases are repeats"
    return None


def circle(text: Text) -> tuple[re.Match[str] | None, list[str]]:
    """A loop, stutter or run of a letter (offsets as in the prose alone), and the words of the prose."""
    # tables repeat cells by nature, code repeats tokens
    prose = "\n".join([line for line in text.plain.raw.splitlines() if "|" not in line])
    words = words_of(prose)
    return _circle(prose, words), words


def _circle(whole: str, words: Sequence[str]) -> re.Match[str] | None:
    """What the patterns find; each is tried only where what it needs is there."""
    prose = whole[:_READ]
    found = _RUN.search(prose) if _has_run(prose) else None
    if found:
        return found
    # the words as the patterns compare them, and as far as they read
    if not prose.isascii() and (folded := fold(prose)) != whole.casefold():
        words = _TOKEN.findall(folded)
    elif len(whole) > _READ:
        words = words_of(prose)
    # a loop says at least nine words and seven phrases again, a stutter five and three
    if len(words) - len(set(words)) < 5 or len(words) - 2 - len(set(_phrases(words, 3))) < 3:
        return None
    near = _repeated_in_a_row(words)
    found = _STUTTER.search(prose) if near >= 3 else None
    return found or (_LOOP.search(prose) if near >= 7 else None)


def _has_run(text: str) -> bool:
    """Whether any character stands ten times in a row: nine zeros in the text XOR the text shifted by one."""
    size = 1 if text.isascii() else 4
    data = text.encode("ascii" if size == 1 else "utf-32-le", "surrogatepass")
    number = int.from_bytes(data, "little")
    return bytes(9 * size) in (number ^ (number >> 8 * size)).to_bytes(len(data), "little")


def _repeated_in_a_row(words: Sequence[str]) -> int:
    """The most consecutive three-word phrases, each of which also stands at most 16 words before.

    ``n`` words said four times give at least ``3n - 2``; one word said six times gives three.
    """
    last: dict[tuple[str, ...], int] = {}
    most = row = 0
    for index, phrase in enumerate(_phrases(words, 3)):
        row = row + 1 if index - last.get(phrase, -_LONGEST_LOOP - 1) <= _LONGEST_LOOP else 0
        last[phrase] = index
        most = max(most, row)
    return most


def _phrases(words: Sequence[str], size: int) -> zip[tuple[str, ...]]:
    return zip(*(islice(words, start, None) for start in range(size)), strict=False)


def repeated_share(words: Sequence[str], enough: float = 0.0) -> float:
    """Share of five-word phrases that occurred before, 0 for short texts; up to ``enough`` it may read 0."""
    total = len(words) - _SIZE + 1
    if len(words) < _LEAST_WORDS:
        return 0.0
    # a phrase said again begins with a word said again
    if (len(words) - len(set(words))) / total <= enough:
        return 0.0
    return (total - len(set(_phrases(words, _SIZE)))) / total
