"""Inline Markdown and HTML to readable text, every character of which knows where it came from."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Mark = Literal["strong", "em", "code", "math"]


@dataclass(frozen=True, slots=True)
class Text:
    """Readable text: ``clean[i]`` is at offset ``at[i]`` of the passage; marks are ranges of ``clean``."""

    clean: str
    at: tuple[int, ...]
    marks: tuple[tuple[int, int, Mark], ...] = ()

    def marked(self, kind: Mark, start: int, end: int) -> list[tuple[int, int]]:
        """Ranges of one kind inside ``clean[start:end]``."""
        return [(a, b) for a, b, k in self.marks if k == kind and start <= a and b <= end]


@dataclass(slots=True)
class _Out:
    chars: list[str] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    marks: list[tuple[int, int, Mark]] = field(default_factory=list)

    def put(self, char: str, offset: int) -> None:
        if char.isspace():
            if not self.chars or self.chars[-1] == " ":
                return
            char = " "
        self.chars.append(char)
        self.at.append(offset)


_CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_IMAGE = re.compile(r"!\[(?:[^\[\]]|\[[^\[\]]*\])*\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\]]*\])", re.S)
_LINK = re.compile(
    r"\[((?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\])*)\]"
    r"(\((?:[^()\\\s]|\\.|\([^()]*\))*(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)|\[[^\]]*\])",
    re.S,
)
_SHORTCUT = re.compile(r"\[(\^?)([^\[\]]{1,80})\]")
# Footnote numbers and "[edit]" are furniture of web pages, no part of a sentence.
_CITATION = re.compile(r"\\?\[?(?:\d{1,3}|[a-z]|note \d+|edit|citation needed)\\?\]?", re.I)
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^\s<>]+)>")
_TAG = re.compile(r"</?([a-zA-Z][\w-]*)(?:\s[^<>]*)?/?>", re.S)
# A short exponent reads best as x^2; a longer one gets brackets.
_SUP = re.compile(r"<sup>(-?\w+)</sup>", re.I)
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-fA-F]{1,6}|[a-zA-Z]{2,24});")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", re.S)
_EM = re.compile(r"\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?!\*)|(?<!\w)_(?=[^\s_])(.+?)(?<=[^\s_])_(?!\w)", re.S)
_MATH = re.compile(r"\$\$.+?\$\$|\\\(.+?\\\)", re.S)
_ANCHOR = re.compile(r"\{#[\w-]+\}")


def clean_inline(raw: str, at: Sequence[int], labels: frozenset[str] = frozenset()) -> Text:
    """Readable text of ``raw``, whose character ``i`` lies at passage offset ``at[i]``.

    Links become their text, images, comments, footnote marks, citations and tags disappear, emphasis
    marks are dropped (and remembered), code keeps its backticks. ``labels`` are the link references
    that the passage defines (lower case), so that ``[label]`` alone is known to be a link.
    """
    out = _Out()
    _walk(raw, at, 0, len(raw), out, labels)
    while out.chars and out.chars[-1] == " ":
        out.chars.pop()
        out.at.pop()
    return Text("".join(out.chars), tuple(out.at), tuple(out.marks))


def _walk(raw: str, at: Sequence[int], start: int, end: int, out: _Out, labels: frozenset[str]) -> None:
    position = start
    while position < end:
        step = _special(raw, at, position, end, out, labels)
        if step:
            position = step
            continue
        out.put(raw[position], at[position])
        position += 1


def _special(raw: str, at: Sequence[int], i: int, end: int, out: _Out, labels: frozenset[str]) -> int:
    """Consume markup that starts at ``i``; returns where it ends, 0 when there is none."""
    char = raw[i]
    if char == "\\":
        return _escape(raw, at, i, end, out)
    if char == "`":
        return _code(raw, at, i, end, out)
    if char == "<":
        return _angle(raw, at, i, end, out)
    if char in "![":
        return _bracket(raw, at, i, end, out, labels)
    if char in "*_":
        return _emphasis(raw, at, i, end, out, labels)
    if char == "&" and (found := _ENTITY.match(raw, i, end)):
        for letter in html.unescape(found[0]):
            out.put(letter, at[i])
        return found.end()
    if char == "{" and (found := _ANCHOR.match(raw, i, end)):
        return found.end()
    if char == "$" and (found := _MATH.match(raw, i, end)):
        return _keep(found, at, out, "math")
    return 0


def _keep(found: re.Match[str], at: Sequence[int], out: _Out, mark: Mark) -> int:
    first = len(out.chars)
    for k in range(found.start(), found.end()):
        out.put(found.string[k], at[k])
    out.marks.append((first, len(out.chars), mark))
    return found.end()


def _escape(raw: str, at: Sequence[int], i: int, end: int, out: _Out) -> int:
    if found := _MATH.match(raw, i, end):
        return _keep(found, at, out, "math")
    if i + 1 < end and not raw[i + 1].isalnum() and not raw[i + 1].isspace():
        out.put(raw[i + 1], at[i + 1])
        return i + 2
    return 0


def _code(raw: str, at: Sequence[int], i: int, end: int, out: _Out) -> int:
    found = _CODE.match(raw, i, end)
    return _keep(found, at, out, "code") if found else 0


def _angle(raw: str, at: Sequence[int], i: int, end: int, out: _Out) -> int:
    if found := _COMMENT.match(raw, i, end):
        return found.end()
    if found := _AUTOLINK.match(raw, i, end):
        for k in range(found.start(1), found.end(1)):
            out.put(raw[k], at[k])
        return found.end()
    if found := _SUP.match(raw, i, end):
        out.put("^", at[i])
        for k in range(found.start(1), found.end(1)):
            out.put(raw[k], at[k])
        return found.end()
    found = _TAG.match(raw, i, end)
    if not found:
        return 0
    name = found[1].lower()
    if name == "sup":
        for letter in ")" if found[0].startswith("</") else "^(":
            out.put(letter, at[i])
    elif name in ("br", "p", "div", "td"):
        out.put(" ", at[i])
    return found.end()


def _bracket(raw: str, at: Sequence[int], i: int, end: int, out: _Out, labels: frozenset[str]) -> int:
    if found := _IMAGE.match(raw, i, end):
        return found.end()
    if found := _LINK.match(raw, i, end):
        if not _CITATION.fullmatch(found[1].strip()):
            _walk(raw, at, found.start(1), found.end(1), out, labels)
        return found.end()
    found = _SHORTCUT.match(raw, i, end)
    if found and (found[1] or _CITATION.fullmatch(found[0])):
        return found.end()
    if found and " ".join(found[2].split()).lower() in labels:
        _walk(raw, at, found.start(2), found.end(2), out, labels)
        return found.end()
    return 0


def _emphasis(raw: str, at: Sequence[int], i: int, end: int, out: _Out, labels: frozenset[str]) -> int:
    found, kind, group = _STRONG.match(raw, i, end), "strong", 2
    if not found:
        found, kind = _EM.match(raw, i, end), "em"
        group = found.lastindex or 1 if found else 1
    if not found:
        return 0
    first = len(out.chars)
    _walk(raw, at, found.start(group), found.end(group), out, labels)
    out.marks.append((first, len(out.chars), "strong" if kind == "strong" else "em"))
    return found.end()
