"""Tables with a caption or heading that names them, a key column and words for headers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from gristmill.models.extractive.blocks import Block
from gristmill.models.extractive.grammar import is_plural, tokenize
from gristmill.models.extractive.passage import Passage, strip_markup
from gristmill.models.extractive.questions.candidate import Candidate
from gristmill.models.extractive.questions.headings import sentence_case
from gristmill.models.extractive.spans import MAX_ANSWER, Span, capital, render_table

_CAPTION = re.compile(r"^Table\s+[\w.-]+[:.]\s*(.{4,80}?)\.?$")
# Names that spreadsheets and slides give by themselves.
_GENERIC = re.compile(
    r"(?:sheet|table|col(?:umn)?|field|row|data|chart|slide|page)\s*\w?\d*$|.*(?:[0-9a-f]{6}|test)", re.I
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions answered by a whole small table or by one of its cells."""
    for number, block in enumerate(passage.blocks):
        if block.kind == "table" and _readable(block):
            name, captioned = _name(passage, number)
            if name:
                yield from _whole(passage, number, name)
                yield from _cells(passage, number, name, captioned)


def _texts(block: Block) -> list[list[str]]:
    return [[cell.text.clean for cell in row] for row in block.rows]


def _readable(block: Block) -> bool:
    rows = _texts(block)
    if not 3 <= len(rows) <= 14 or not 2 <= len(rows[0]) <= 6 or len({len(row) for row in rows}) != 1:
        return False
    header, keys = rows[0], [row[0] for row in rows[1:]]
    if any(
        not re.fullmatch(r"[A-Za-z][\w ()/%$€.'-]{1,30}", h) or re.fullmatch(r"[Cc]ol\w{0,5} ?\w?", h)
        for h in header
    ):
        return False
    # Columns headed by bare Greek letters or the like hold nothing to ask about.
    if any(unicodedata.category(char) == "So" for key in keys for char in key):
        return False
    worded = all(re.search(r"[A-Za-z]{2}", key) and len(key) <= 50 for key in keys)
    filled = all(cell for row in rows for cell in row)
    return worded and filled and len(set(keys)) == len(keys) and len(set(header)) == len(header)


def _name(passage: Passage, number: int) -> tuple[str, bool]:
    for near in (number - 1, number + 1):
        if 0 <= near < len(passage.blocks) and passage.blocks[near].kind == "caption":
            found = _CAPTION.match(passage.blocks[near].clean)
            if found:
                return sentence_case(passage, found[1], start=False), True
    heading = strip_markup(passage.headings[number])
    if not heading or _GENERIC.match(heading) or len(heading.split()) > 8 or re.search(r"[?:]", heading):
        return "", False
    return sentence_case(passage, heading, start=False), False


def _whole(passage: Passage, number: int, name: str) -> Iterator[Candidate]:
    block = passage.blocks[number]
    span = Span(render_table(block), passage.raw[block.start : block.end], block.start, block.end)
    head = re.split(r" (?:in|of|for|by|on|from) ", name)[0]
    if len(span.text) <= MAX_ANSWER and is_plural(tokenize(head)):
        columns = [h[0].lower() + h[1:] if not h.isupper() else h for h in _texts(block)[0]]
        if columns[0].rstrip("s").lower() in name.lower():
            return
        yield Candidate(f"What are the {name}?", "table", span, 0.74, "table.whole")


def _cells(passage: Passage, number: int, name: str, captioned: bool) -> Iterator[Candidate]:
    block, rows = passage.blocks[number], _texts(passage.blocks[number])
    title = strip_markup(passage.title)
    about = passage.source or (
        "" if captioned or _GENERIC.match(title) or title.lower() == name.lower() else title
    )
    place = f"In the table “{capital(name)}”" + (f" of {about}" if about else "")
    for r in range(1, len(rows)):
        column = 1 + (r - 1) % (len(rows[0]) - 1)
        cell = block.rows[r][column].text
        start, end = block.rows[r][0].text.at[0], block.rows[r][-1].text.at[-1] + 1
        header, key = rows[0][column], rows[r][0]
        span = Span(cell.clean, passage.raw[start:end], start, end)
        question = f"{place}, what is listed under “{header}” for “{key}”?"
        yield Candidate(question, "table", span, 0.7 if captioned else 0.66, "table.cell")
