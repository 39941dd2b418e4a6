"""Text of a dataset, or of people, as the label of a control."""

from __future__ import annotations

import re

_SIGNS = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~$:&]")
_ADDRESSES = re.compile(r"(?=://|@)|(?<=www)(?=\.)", re.I)
_JOINER = "\u2060"
"""Takes no room and breaks no line; an address with one in it is no address."""


def plain(text: str) -> str:
    """``text`` for a label, whose Markdown would show images from anywhere, links, colours and icons.

    Every sign that could begin any of them is escaped, addresses do not become links, lines are joined.
    """
    text = _ADDRESSES.sub(_JOINER, " ".join(text.split()))
    return _SIGNS.sub(lambda sign: f"\\{sign[0]}", text)
