"""Lists of choices in running text: ``A) ... B) ...``, one a line or in one line, or as bullets.

A set of choices is compared by a key that does not depend on their order.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gristmill.records import Span
from gristmill_evals.contamination.normalise import squash

_LETTERED = re.compile(r"(?:^|(?<=\s))\(?(?P<mark>[A-Ja-j]|\d{1,2})[).:]\s+", re.M)
_BULLET = re.compile(r"^[ \t]*[-*•][ \t]+", re.M)
_MOST = 12


@dataclass(frozen=True, slots=True)
class OptionList:
    """Choices found in a text, in their order there, with the span that holds them all."""

    choices: tuple[str, ...]
    span: Span

    @property
    def key(self) -> tuple[str, ...]:
        """The order-free key."""
        return option_key(self.choices)


def option_key(choices: Iterable[str]) -> tuple[str, ...]:
    """Folded choices without blanks and punctuation, sorted: the same for every order."""
    return _key(tuple(choices))


@functools.lru_cache(maxsize=1024)
def _key(choices: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(map(squash, choices)))


def find_options(text: str) -> list[OptionList]:
    """Every list of 2 to 12 choices in ``text``; letters and numbers have to count up from A or 1."""
    lettered = [(m.start(), m.end(), m["mark"].upper()) for m in _LETTERED.finditer(text)]
    runs = [run for run in _counting_up(lettered) if 2 <= len(run) <= _MOST]
    bullets = [(m.start(), m.end(), "") for m in _BULLET.finditer(text)]
    runs += [bullets] if 2 <= len(bullets) <= _MOST else []
    return [_option_list(text, run) for run in runs]


def _counting_up(marks: list[tuple[int, int, str]]) -> list[list[tuple[int, int, str]]]:
    runs: list[list[tuple[int, int, str]]] = []
    for mark in marks:
        if mark[2] in ("A", "1"):
            runs.append([mark])
        elif runs and mark[2] == _after(runs[-1][-1][2]):
            runs[-1].append(mark)
    return runs


def _after(mark: str) -> str:
    return str(int(mark) + 1) if mark.isdigit() else chr(ord(mark) + 1)


def _option_list(text: str, marks: list[tuple[int, int, str]]) -> OptionList:
    """Each choice runs to the next mark; the last one to the end of its line."""
    ends = [start for start, _, _ in marks[1:]]
    newline = text.find("\n", marks[-1][1])
    ends.append(len(text) if newline < 0 else newline)
    pieces = [text[mark[1] : end].strip() for mark, end in zip(marks, ends, strict=True)]
    stop = ends[-1] - (len(text[: ends[-1]]) - len(text[: ends[-1]].rstrip()))
    return OptionList(tuple(pieces), (marks[0][0], max(stop, marks[-1][1])))
