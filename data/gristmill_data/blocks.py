"""Markdown structure with exact character offsets: headings, blocks, sentences, and where a text may be cut.

The block grammar is CommonMark with tables, parsed by markdown-it-py; a ``# comment`` in a code block is
therefore never a heading. Offsets are indices into the very text that was given, whatever its newlines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_HEADING_MARK = re.compile(r"(?:^|\r)[ \t]*(?:#|(?:=+|-+)[ \t]*(?:$|\r))", re.MULTILINE)
_NEWLINE = re.compile(r"\r\n?|\n")
# possessive, and only from the first stop of a run: a page of dots must not take a minute
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_`]*+\s++|[。！？]++[」』”）]*+\s*+")
_LAST_WORD = re.compile(r"[^\s(\[]+$")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        "al approx cf ch co dept dr e.g ed eq fig figs i.e inc jr ltd mr mrs ms no p pp prof sec sr vs",
    )
)
_STOPS = (".", "!", "?", "…", "。", "！", "？", ";")
_WHOLE = frozenset({"fence", "code_block", "table_open"})
_CONTAINERS = frozenset({"list_item_open", "blockquote_open", "bullet_list_open", "ordered_list_open"})
_LEAVES = _WHOLE | {"paragraph_open", "heading_open", "html_block", "hr"}

BLOCK, ITEM, ROW, CODE_GAP = 0.0, 0.5, 0.5, 1.0
LINE = SENTENCE = LEAD_IN = 1.5
CLAUSE, WORD, CHARACTER = 3.5, 4.0, 4.5
INSIDE_WHOLE, AFTER_HEADING = 10.0, 20.0


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading at the top level of the text; ``end`` is where its last line ends."""

    start: int
    end: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Structure:
    """What the chunker needs: headings, cut points ``position -> cost``, and blocks to be kept whole."""

    headings: tuple[Heading, ...]
    cuts: dict[int, float]
    whole: tuple[tuple[int, int], ...]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # the inline phase would double the time and only the block structure is used
    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable(["inline", "text_join"])


def heading_title(content: str) -> str:
    """The words of a heading, without link targets, emphasis and anchors (code marks stay)."""
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", content)
    text = re.sub(r"<[^>]+>|\s*\{#[^}]*\}\s*$", "", text)
    text = re.sub(r"(?<!\w)(\*{1,3}|_{1,3})(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text)
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return " ".join(text.split())


def sentence_starts(text: str, start: int, end: int) -> Iterator[int]:
    """Positions in ``text[start:end]`` at which a sentence begins, the first one left out."""
    for match in _SENTENCE_END.finditer(text, start, end):
        position = match.end()
        if position >= end or text[position].islower():
            continue
        word = _LAST_WORD.search(text, max(start, match.start() - 30), match.start())
        before = word.group().strip("*_\"'“‘").lower() if word else ""
        if text[match.start()] == "." and (before in _ABBREVIATIONS or _is_ordinal(before)):
            continue
        yield position


def _is_ordinal(word: str) -> bool:
    """An initial ("J. Doe") or the number of a list item ("2. Then …")."""
    return (len(word) == 1 and word.isalpha()) or (word.isdigit() and len(word) <= 2)


class _Scanner:
    """Walks the tokens once and collects headings, cuts and whole blocks."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = [0, *(m.end() for m in _NEWLINE.finditer(text)), len(text)]
        self.headings: list[Heading] = []
        self.cuts: dict[int, float] = {}
        self.whole: list[tuple[int, int]] = []
        self.done = 0  # end of the last block at the top level
        self.pending = 0.0  # cost of separating the next block from what introduces it

    def position(self, line: int) -> int:
        return self.lines[min(line, len(self.lines) - 1)]

    def cut(self, position: int, cost: float) -> None:
        if 0 < position < len(self.text):
            self.cuts[position] = max(cost, self.pending, self.cuts.get(position, 0.0))

    def scan(self, tokens: list[Token]) -> Structure:
        for index, token in enumerate(tokens):
            if token.map is None or token.nesting < 0:
                continue
            start, end = self.position(token.map[0]), self.position(token.map[1])
            if token.level == 0:
                self.top_level(start, end)
            self.visit(token, tokens[min(index + 1, len(tokens) - 1)], start, end)
        return Structure(tuple(self.headings), self.cuts, tuple(self.whole))

    def top_level(self, start: int, end: int) -> None:
        if self.text[self.done : start].strip():  # link definitions make no token
            self.cut(self.done, BLOCK)
        self.cut(start, BLOCK)
        self.done = end

    def visit(self, token: Token, inner: Token, start: int, end: int) -> None:
        if token.type in _CONTAINERS or token.type in _LEAVES:
            if token.level:
                self.cut(start, ITEM + 0.2 * (token.level // 2))
            self.pending = self.pending if token.type in _CONTAINERS else 0.0
        if token.type == "heading_open":
            self.heading(token, inner, start, end)
        elif token.type == "tr_open":
            self.cut(start, ROW)
        elif token.type == "paragraph_open":
            self.paragraph(start, end)
        elif token.type in _WHOLE:
            self.whole.append((start, end))
            self.code_lines(token)

    def heading(self, token: Token, inner: Token, start: int, end: int) -> None:
        if token.level == 0:
            title = heading_title(inner.content)
            self.headings.append(Heading(start, end, int(token.tag[1]), title))
        self.pending = AFTER_HEADING

    def code_lines(self, token: Token) -> None:
        if token.type == "table_open" or token.map is None:
            return
        first, last = token.map
        for line in range(first + 2, last - 1):
            blank = not self.text[self.position(line - 1) : self.position(line)].strip()
            self.cut(self.position(line), CODE_GAP if blank else LINE)

    def paragraph(self, start: int, end: int) -> None:
        for position in sentence_starts(self.text, start, end):
            self.cut(position, SENTENCE)
        if not self.text[start:end].rstrip('*_`"”’) \r\n').endswith(_STOPS):
            self.pending = LEAD_IN  # "as follows:", or the caption of what comes next


def parse(text: str) -> Structure:
    """Find the headings of a markdown text and every place where it may be cut, with the cost of doing so."""
    return _Scanner(text).scan(_parser().parse(text))


def may_have_headings(text: str) -> bool:
    """Whether :func:`parse` could find a heading: a quick look that may say yes too often, but never no."""
    return _HEADING_MARK.search(text) is not None
