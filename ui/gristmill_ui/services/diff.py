"""What an edit changed, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from html import escape
from typing import Literal

Op = Literal["same", "removed", "added"]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LONG = 4_000
"""Words above which the matcher may skip over frequent ones: exact matching is quadratic in them."""


def word_diff(before: str, after: str) -> list[tuple[Op, str]]:
    """Runs of text that stayed, went or came; joined without "removed" they give ``after``."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, old, new, autojunk=len(new) > _LONG)
    runs: list[tuple[Op, str]] = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            runs.append(("same", "".join(old[i:j])))
            continue
        if i < j:
            runs.append(("removed", "".join(old[i:j])))
        if k < m:
            runs.append(("added", "".join(new[k:m])))
    return runs


def diff_html(before: str, after: str) -> str:
    """The word diff as escaped HTML with ``<del>`` and ``<ins>``."""
    tags = {"same": "{}", "removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    body = "".join(tags[op].format(escape(text)) for op, text in word_diff(before, after))
    return f'<div class="gm-diff">{body}</div>'
