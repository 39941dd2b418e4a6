"""A text in the forms that the rules read, each made at most once; all of it linear in the length."""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_TICKS = re.compile("`+")
_TOKEN = re.compile(r"\w+")
_WORD_BYTES = b"0123456789abcdefghijklmnopqrstuvwxyz_"
_TO_WORDS = bytes(ord(chr(b).lower()) if chr(b).lower().encode() in _WORD_BYTES else 32 for b in range(128))
_TO_WORDS += b" " * 128
_NO_WORD = bytes(b for b in range(256) if _TO_WORDS[b] == 32)


class Text:
    """``raw`` and what is read off it.

    ``low`` has the length of ``raw`` and is what IGNORECASE compares with (see :func:`fold`); ``ascii``
    holds the ASCII characters of it.
    """

    __slots__ = ("_plain", "ascii", "low", "raw")

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.low = fold(raw)
        self.ascii = raw.encode("ascii", "ignore")
        self._plain: Text | None = None

    @property
    def plain(self) -> Text:
        """The text with code blanked out; itself when there is none."""
        if self._plain is None:
            if "`" not in self.raw and "~~~" not in self.raw:
                return self  # not kept: an object that holds itself is left to the garbage collector
            self._plain = Text(without_code(self.raw))
        return self._plain

    @property
    def least_words(self) -> int:
        """A lower bound for the length of :func:`words_of` this text, joined."""
        return len(self.ascii.translate(None, _NO_WORD))


def fold(text: str) -> str:
    """Lower case, character by character, as patterns with IGNORECASE compare: ``ſ`` is an ``s``.

    A literal that such a pattern needs stands in the folded text wherever the pattern matches the text.
    """
    if text.isascii():
        return text.lower()
    # str.lower() alone makes two characters of İ, and of Σ what the place in the word asks for
    return text.replace("İ", "i").replace("Σ", "σ").lower().replace("ſ", "s").replace("ı", "i")


def words_of(text: str) -> list[str]:
    r"""The words (``\w+``) of the case-folded text."""
    bare = spaced(text)
    if bare.isascii():
        return bare.encode().translate(_TO_WORDS).decode().split()
    return _TOKEN.findall(text.casefold())


def spaced(text: str) -> str:
    """The text with spaces for typographic quotes and dashes: most texts are ASCII but for these."""
    for mark in () if text.isascii() else "’‘“”–—":
        text = text.replace(mark, " ")
    return text


def without_code(text: str) -> str:
    """The text with code blocks and inline code blanked out; a block that is never closed runs to the end."""
    return _without_inline("\n".join(split_code(text)[0]) if has_fence(text) else text)


def has_fence(text: str) -> bool:
    """Whether there can be a code block in it."""
    return "```" in text or "~~~" in text


def _without_inline(text: str) -> str:
    """Inline code runs from a row of backticks to the next of the same length (CommonMark)."""
    if "``" not in text:
        return _without_pairs(text.split("`"))
    rows = [match.span() for match in _TICKS.finditer(text)]
    if len(rows) < 2:
        return text
    following: dict[int, int] = {}
    closing = [0] * len(rows)
    for index in range(len(rows) - 1, -1, -1):
        length = rows[index][1] - rows[index][0]
        closing[index] = following.get(length, 0)
        following[length] = index
    kept: list[str] = []
    index = at = 0
    while index < len(rows):
        if closing[index]:
            kept += text[at : rows[index][0]], " "
            index = closing[index]
            at = rows[index][1]
        index += 1
    return "".join([*kept, text[at:]])


def _without_pairs(parts: list[str]) -> str:
    # an odd backtick, before the last part, opens nothing
    rest = "`" + parts.pop() if len(parts) % 2 == 0 else ""
    return " ".join(parts[::2]) + rest


def split_code(text: str) -> tuple[list[str], bool]:
    """The lines outside code blocks, and whether a block is left open at the end."""
    outside: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        mark = found.group(1) if found else ""
        if not fence:
            fence = mark
            outside.append("" if mark else line)
        elif mark and mark[0] == fence[0] and len(mark) >= len(fence):
            # a fence is closed by the same character, at least as often (CommonMark)
            fence = ""
    return outside, bool(fence)
