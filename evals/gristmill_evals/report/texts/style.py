"""Marks of style in a response that a reward model can learn in place of quality."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_LIST = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+\S", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+\S", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__")
_CODE = re.compile(r"^```", re.MULTILINE)
_TABLE = re.compile(r"^\s*\|.*\|\s*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\S[^\n]*(?:\n(?!\s*\n)[^\n]*)*")


def _count(pattern: re.Pattern[str]) -> Callable[[str], int]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


STYLES: Mapping[str, Callable[[str], int]] = {
    "list items": _count(_LIST),
    "headings": _count(_HEADING),
    "bold passages": _count(_BOLD),
    "code fences": _count(_CODE),
    "table lines": _count(_TABLE),
    "paragraphs": _count(_PARAGRAPH),
    "exclamation marks": lambda text: text.count("!"),
    "question marks": lambda text: text.count("?"),
}
"""Name of a mark, and how often a text has it."""
