"""Keeping foreign text apart from what a prompt says: marks that the text cannot forge."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# inference servers read these as ends of turns even inside a user's message; two patterns, since one
# that begins with one literal finds it without trying every character
_CHAT_TOKENS = (
    ("<", re.compile(r"<(?=\|[\w-]+\|>|/?s>|/?SYS>|(?:start|end)_of_turn>|[｜])", re.IGNORECASE)),
    ("[", re.compile(r"\[(?=/?INST\])", re.IGNORECASE)),
)
_BREAK = "\u200b"


def fenced(blocks: Mapping[str, str]) -> tuple[str, str]:
    """Blocks of foreign text between marks that none of them can contain, and the mark.

    ``{"PASSAGE": text}`` becomes ``<<<PASSAGE MARK>>>``, the text, ``<<<END PASSAGE MARK>>>``. The mark is
    a hash of all blocks: the same text gives the same prompt (a cached answer stays valid), and a text
    cannot hold the hash of itself. Tokens that chat templates treat as turns are broken up.
    """
    clean = {name: defuse(text) for name, text in blocks.items()}
    mark = _mark(clean)
    parts = [f"<<<{name} {mark}>>>\n{text}\n<<<END {name} {mark}>>>" for name, text in clean.items()]
    return "\n\n".join(parts), mark


def _mark(blocks: Mapping[str, str]) -> str:
    everything = "\0".join(f"{name}\0{text}" for name, text in blocks.items())
    mark = hashlib.blake2b(everything.encode(), digest_size=8).hexdigest()
    # cannot happen by chance; costs nothing and makes it certain
    while mark in everything:
        mark = hashlib.blake2b(mark.encode(), digest_size=8).hexdigest()
    return mark


def defuse(text: str) -> str:
    """Break chat-template tokens (``<|im_end|>``, ``[INST]`` …) with a zero-width space."""
    for sign, token in _CHAT_TOKENS:
        if sign in text:
            text = token.sub(sign + _BREAK, text)
    return text


def restore(text: str) -> str:
    """Undo :func:`defuse` in what a model gives back, and trim it."""
    return text.replace("<" + _BREAK, "<").replace("[" + _BREAK, "[").strip()
