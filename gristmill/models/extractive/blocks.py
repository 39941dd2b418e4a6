"""The block structure of a passage: headings, paragraphs, lists, tables and code, with offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from gristmill.models.extractive.inline import Text, clean_inline

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

BlockKind = Literal["heading", "paragraph", "caption", "list", "item", "table", "code", "html"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A list item or a table cell."""

    text: Text
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """``passage[start:end]`` is the raw text of the block.

    ``text`` belongs to headings, paragraphs and items (which follow their list), ``cells`` to lists (their
    ``depth`` tells nesting), ``rows`` to tables (the first is the header), ``code`` and ``language`` to code.
    """

    kind: BlockKind
    start: int
    end: int
    text: Text | None = None
    level: int = 0
    ordered: bool = False
    plain: bool = True
    cells: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    code: str = ""
    language: str = ""

    @property
    def clean(self) -> str:
        """Readable text of a heading or paragraph."""
        return self.text.clean if self.text else ""


# Code that a site generator pulls in from elsewhere is not in the text, so nothing can be shown.
_INCLUDE = re.compile(r"\{\{\s*#\w+[^}]*\}\}|^\s*(?:--8<--|\.\. literalinclude::)", re.M)
# File names and captions stand between a sentence and its code; they are no sentences.
_CAPTION = re.compile(
    r"<(?:span|p|div|figcaption)\b[^>]*>|(?:Filename|Table \S+|Figure \S+|Listing \S+): ?", re.I
)
_LABEL = re.compile(r"^[ >]{0,8}\[([^\]^][^\]]*)\]:\s", re.M)


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable(["inline"])


@dataclass(slots=True)
class _Source:
    raw: str
    lines: list[int]
    labels: frozenset[str]

    def offset(self, line: int) -> int:
        return self.lines[line] if line < len(self.lines) else len(self.raw)

    def trimmed(self, first: int, last: int) -> tuple[int, int]:
        start, end = self.offset(first), self.offset(last)
        while end > start and self.raw[end - 1].isspace():
            end -= 1
        while start < end and self.raw[start] in " >\t":
            start += 1
        return start, end

    def text(self, content: str, start: int, end: int) -> Text:
        """Clean ``content``, each line of which is found again inside ``raw[start:end]``."""
        chars: list[str] = []
        at: list[int] = []
        position = start
        for line in content.split("\n"):
            found = self.raw.find(line, position, end)
            if found < 0:
                continue
            if chars:
                chars.append("\n")
                at.append(found)
            chars.extend(line)
            at.extend(range(found, found + len(line)))
            position = found + len(line)
        return clean_inline("".join(chars), at, self.labels)


def parse_blocks(passage: str) -> list[Block]:
    """Blocks of ``passage`` in order. Blockquotes are opened up; link definitions disappear."""
    lines = [0] + [i + 1 for i, char in enumerate(passage) if char == "\n"]
    labels = frozenset(" ".join(label.split()).lower() for label in _LABEL.findall(passage))
    source = _Source(passage, lines, labels)
    tokens = _markdown().parse(passage.replace("\r", " ").replace("\x00", " "))
    return list(_blocks(tokens, source))


def _blocks(tokens: list[Token], source: _Source) -> Iterator[Block]:
    i = 0
    while i < len(tokens):
        token = tokens[i]
        if token.type in ("bullet_list_open", "ordered_list_open", "table_open"):
            last = _closing(tokens, i)
            make = _table if token.type == "table_open" else _list
            block = make(tokens[i : last + 1], source)
            yield block
            yield from _items(block)
            i = last + 1
            continue
        leaf = _leaf(token, tokens[i + 1] if i + 1 < len(tokens) else token, source)
        if leaf:
            yield leaf
        i += 1


def _closing(tokens: list[Token], i: int) -> int:
    depth = 0
    for k in range(i, len(tokens)):
        depth += tokens[k].nesting
        if depth == 0:
            return k
    return len(tokens) - 1


def _leaf(token: Token, following: Token, source: _Source) -> Block | None:
    if token.map is None:
        return None
    start, end = source.trimmed(*token.map)
    if token.type in ("heading_open", "paragraph_open"):
        text = source.text(following.content, start, end)
        if token.type == "heading_open":
            return Block("heading", start, end, text, level=int(token.tag[1]))
        kind: BlockKind = "caption" if _CAPTION.match(source.raw, start) else "paragraph"
        return Block(kind, start, end, text) if text.clean else None
    if token.type in ("fence", "code_block"):
        plain = token.type == "fence" and not _INCLUDE.search(token.content)
        language = re.split(r"[\s,{]", token.info.strip())[0] if token.info else ""
        return Block("code", start, end, plain=plain, code=token.content.rstrip("\n"), language=language)
    if token.type == "html_block":
        return Block("html", start, end)
    return None


def _list(tokens: list[Token], source: _Source) -> Block:
    lines = tokens[0].map or [0, 0]
    start, end = source.trimmed(lines[0], lines[1])
    cells: list[Cell] = []
    depth, position, in_item, plain = -1, start, 0, True
    for token in tokens:
        if token.type.endswith("_list_open"):
            depth += 1
        elif token.type.endswith("_list_close"):
            depth -= 1
        elif token.type == "list_item_open":
            in_item = 0
        elif token.type in ("fence", "code_block", "table_open", "heading_open"):
            plain = False
        elif token.type == "inline":
            cell = Cell(source.text(token.content, position, end), depth)
            position = cell.text.at[-1] + 1 if cell.text.at else position
            plain = plain and in_item == 0
            in_item += 1
            cells.append(cell)
    ordered = tokens[0].type == "ordered_list_open"
    return Block("list", start, end, ordered=ordered, plain=plain, cells=tuple(cells))


def _items(block: Block) -> Iterator[Block]:
    """The items of a list once more, each on its own, for rules that look for sentences."""
    for cell in block.cells if block.kind == "list" else ():
        if cell.text.at:
            yield Block("item", cell.text.at[0], cell.text.at[-1] + 1, cell.text)


def _table(tokens: list[Token], source: _Source) -> Block:
    lines = tokens[0].map or [0, 0]
    start, end = source.trimmed(lines[0], lines[1])
    rows: list[tuple[Cell, ...]] = []
    row: list[Cell] = []
    position = start
    for token in tokens:
        if token.type == "inline":
            cell = Cell(source.text(token.content, position, end))
            position = cell.text.at[-1] + 1 if cell.text.at else position
            row.append(cell)
        elif token.type == "tr_close":
            rows.append(tuple(row))
            row = []
    return Block("table", start, end, rows=tuple(rows))
