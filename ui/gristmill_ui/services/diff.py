"""What an edit changed, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

from gristmill_ui.services.markup import escape

Op = Literal["same", "removed", "added"]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LONG = 4_000
"""Words above which the matcher may skip over frequent ones: exact matching is quadratic in them."""


def word_diff(before: str, after: str) -> list[tuple[Op, str]]:
    """Runs of text that stayed, went or came; joined without "removed" they give ``after``."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    # what is typed changes a place or two of a text: matching only what lies between keeps it quick
    between = _matched(old[head : len(old) - tail], new[head : len(new) - tail])
    ends = ("".join(old[:head]), "".join(old[len(old) - tail :]))
    runs = [("same", ends[0]), *between, ("same", ends[1])]
    return _joined([(op, text) for op, text in runs if text])


def _common(old: list[str], new: list[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))


def _matched(old: list[str], new: list[str]) -> list[tuple[Op, str]]:
    matcher = SequenceMatcher(None, old, new, autojunk=len(new) > _LONG)
    runs: list[tuple[Op, str]] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            runs.append(("same", "".join(old[i:j])))
            continue
        runs += [("removed", "".join(old[i:j])), ("added", "".join(new[k:m]))]
    return runs


def _joined(runs: list[tuple[Op, str]]) -> list[tuple[Op, str]]:
    """Neighbours of one kind as one run."""
    joined: list[tuple[Op, str]] = []
    for op, text in runs:
        if joined and joined[-1][0] == op:
            joined[-1] = (op, joined[-1][1] + text)
        else:
            joined.append((op, text))
    return joined


def diff_html(before: str, after: str) -> str:
    """The word diff as escaped HTML with ``<del>`` and ``<ins>``."""
    tags = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    body = "".join(tags[op].format(escape(text)) for op, text in word_diff(before, after))
    return f'<div class="gm-diff">{body}</div>'
