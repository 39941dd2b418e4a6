"""Code compared as code: what its comments say, how its functions are called, the shape of its examples.

A rewording or a translation into another language renames everything, writes another body and changes the
numbers in the examples; it keeps what the comments mean, and that the second example is a list of nine
numbers that gives a list of nine numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

_KEYWORD = re.compile(
    r"(?:def|class|import|from|return|for|while|if|elif|else|function|const|let|var|public|private|static"
    r"|void|int|char|bool|double|float|string|auto|struct|fn|func|use|using|package|#include|@\w+)\b.*"
    r"[;:{(),>\w\]]\Z",
    re.I,
)
_SIGNS = (">>>", "//", "/*", "*", '"""', "'''")
_END_OF_LINE = (";", "{", "}")
_END_OF_SENTENCE = ".?!"
_NAMED = r"\b(?:def|function|fn|func)\s+(\w+)\s*[(<]"  # Python, JavaScript, Rust, Go
_BRACED = r"^[ \t]*(?:[\w:<>\[\],*&]+[ \t]+[*&]?)+(\w+)\s*\([^;{}()]{0,300}\)\s*\{"  # C, C++, Java, C#
_GIVEN = r"\b(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:function\b|\([^()]{0,300}\)\s*=>|\w+\s*=>)"
_DEFINED = re.compile(f"{_NAMED}|{_BRACED}|{_GIVEN}", re.M)
_DEFINED_WITHOUT_BRACES = re.compile(f"{_NAMED}|{_GIVEN}")
_QUOTED = re.compile(r"\"\"\"(.*?)(?:\"\"\"|\Z)|'''(.*?)(?:'''|\Z)|/\*+(.*?)(?:\*/|\Z)", re.S)
_QUOTES = ('"""', "'''", "/*")
_COMMENT = re.compile(r"^\s*(?://+|#(?!include|define|!))\s?(.*)$", re.M)
_ARROW = re.compile(r">>>|==|=>|->|➞|→")
_RETURNS = re.compile(r"\w\([^()]*\)\s*(?:returns?|should|will|outputs?|yields?|gives?)\b")
_NUMBER = r"-?\d+(?:\.\d+)?"
_STRING = r"\"[^\"\n]*\"|'[^'\n]*'"
_ATOM = rf"(?:{_NUMBER}|{_STRING}|True|False|None|true|false|null|nil|NULL)"
_SHAPE = re.compile(
    rf"(?P<open>[\[{{(])\s*(?P<inner>(?:{_ATOM}\s*(?:[,;:]\s*|\s+)?)*)[\]}})]|(?P<text>{_STRING})"
    rf"|(?P<number>(?<![\w.]){_NUMBER})|(?P<truth>\b(?:True|False|None|true|false|null|nil|NULL)\b)"
)
_ATOMS = re.compile(_ATOM)


def is_code(text: str) -> bool:
    """Whether a function is defined there, or two lines and a third of all read like code."""
    if defines(text):
        return True
    lines = [line for line in map(str.strip, text.split("\n")[:200]) if line]
    wanted = max(2, -(-len(lines) // 3))
    for left, line in zip(range(len(lines), 0, -1), lines, strict=True):
        if wanted > left:
            return False
        wanted -= _like_code(line)
        if wanted == 0:
            return True
    return False


def _like_code(line: str) -> bool:
    """Whether a line (without blanks around it) could stand in a program."""
    if line.endswith(_END_OF_LINE) or line.startswith(_SIGNS):
        return True
    return line[-1] not in _END_OF_SENTENCE and _KEYWORD.match(line) is not None


@lru_cache(maxsize=1 << 10)
def defines(text: str) -> bool:
    """Whether a function is defined there."""
    likely = "(" in text and ("{" in text or "def " in text or "fn " in text or "=>" in text)
    pattern = _DEFINED if "{" in text else _DEFINED_WITHOUT_BRACES
    return likely and pattern.search(text) is not None


def told(text: str) -> str:
    """What the code says in words: names of its functions, comments and docstrings without the examples."""
    pattern = _DEFINED if "{" in text else _DEFINED_WITHOUT_BRACES
    found = islice(pattern.finditer(text), 3)
    names = [next(filter(None, match.groups())) for match in found]
    blocks = []
    if any(quote in text for quote in _QUOTES):
        blocks = ["".join(groups) for groups in _QUOTED.findall(text)]
        text = _QUOTED.sub("", text)
    if "#" in text or "//" in text:
        blocks += _COMMENT.findall(text)
    lines = [line for block in blocks for line in block.split("\n")]
    return "\n".join([*names, *_without_examples(lines)])


def _without_examples(lines: Sequence[str]) -> list[str]:
    """Lines without calls and without the results on the lines that follow ``>>>``."""
    kept: list[str] = []
    result = False
    for line in lines:
        if not _is_example(line) and not result:
            kept.append(line)
        result = ">>>" in line
    return kept


def _has_example(text: str) -> bool:
    """Whether something shows what something else gives."""
    if (">" in text or "==" in text or not text.isascii()) and _ARROW.search(text) is not None:
        return True
    return ")" in text and _RETURNS.search(text) is not None


_is_example = lru_cache(maxsize=1 << 12)(_has_example)
"""The same for lines, which come again: in the field, in each window that has them, and for comments."""


def shape(text: str) -> list[str]:
    """The literals of example lines in order: ``[3`` a list of three, ``(2`` two arguments, S, N, B."""
    found: list[str] = []
    if "assert" not in text and not _has_example(text):  # what no line has, the whole has not either
        return found
    result = False
    for line in text.split("\n"):
        if result or _is_example(line) or "assert" in line:
            found += _symbols(line)
        result = ">>>" in line
    return found


@lru_cache(maxsize=1 << 12)
def _symbols(line: str) -> tuple[str, ...]:
    return tuple(symbol for symbol in map(_symbol, _SHAPE.finditer(line)) if symbol != "(0")


def _symbol(match: re.Match[str]) -> str:
    if match["open"]:
        bracket = "(" if match["open"] == "(" else "["
        return f"{bracket}{len(_ATOMS.findall(match['inner']))}"
    return "S" if match["text"] else "N" if match["number"] else "B"


def shape_words(text: str) -> str:
    """:func:`shape` as made-up words, so that code is also looked up by its examples; else empty."""
    if not defines(text):
        return ""
    return " ".join(_word(symbol) for symbol in shape(text)[:60])


def _word(symbol: str) -> str:
    """A word of five letters that no text has."""
    size = min(int(symbol[1:] or 0), 99) if symbol[0] in "[(" else 0
    kind = "[(SNB".index(symbol[0])
    return f"zq{chr(97 + kind)}{chr(97 + size // 26)}{chr(97 + size % 26)}"


def shape_weight(symbol: str) -> float:
    """What a symbol says: long lists say most."""
    return 0.4 + math.log2(1 + int(symbol[1:])) * 0.6 if symbol[0] in "[(" else 0.3


def shared_shape(ours: Sequence[str], theirs: Sequence[str], most: int = 80) -> float:
    """The weight of the heaviest common subsequence."""
    best = [0.0] * (min(len(theirs), most) + 1)
    for mine in ours[:most]:
        before = 0.0
        for j, other in enumerate(theirs[:most], 1):
            kept = best[j]
            same = before + shape_weight(mine) if mine == other else 0.0
            best[j] = max(best[j], best[j - 1], same)
            before = kept
    return best[-1]
