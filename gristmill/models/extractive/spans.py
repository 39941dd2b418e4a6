"""Answers: one verbatim stretch of the passage, and the readable text of exactly that stretch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gristmill.models.extractive.blocks import Block
from gristmill.models.extractive.passage import Passage, Sentence, straight
from gristmill.models.extractive.selfcheck import announces, is_prose, points_elsewhere

MAX_ANSWER = 900
"""Characters of an answer; more reads like a page, not like an answer."""

# They tie a sentence to the one before; without them it begins as well.
_CONNECTIVE = re.compile(
    r"(?:However|Additionally|In addition|Moreover|Furthermore|Also|Note that|Notice that|Remember that|"
    r"Keep in mind that|Recall that|Fortunately|Unfortunately|Luckily|Similarly|Likewise|Of course|In fact|"
    r"Finally|Thus|Therefore|Hence|So|But|And|Note|Notably|Interestingly|Overall|Meanwhile)"
    r"(?:,|:|(?<=that)) ?",
)
# A sentence that begins like this belongs to the answer before it.
_LINKS_BACK = re.compile(
    r"(?:It|They|Its|Their|This|These|Such|That is|In other words|Instead|For example|For "
    r"instance|He|She|His|Her|"
    r"As a result|Therefore|Thus|Then|Otherwise|Specifically|In particular|In short|Both|Once|If not)\b"
)


@dataclass(frozen=True, slots=True)
class Span:
    """``evidence`` is verbatim from the passage; ``text`` is its readable form."""

    text: str
    evidence: str
    start: int
    end: int


def lead_length(text: str) -> int:
    """Length of a connective at the start that can be left out ("However, ")."""
    found = _CONNECTIVE.match(straight(text))
    return found.end() if found else 0


def usable(sentence: Sentence) -> bool:
    """A whole sentence that may stand in an answer."""
    text = sentence.text
    return is_prose(text) and not points_elsewhere(text) and not text.rstrip("\"'”’)").endswith("?")


def continues(sentence: Sentence) -> bool:
    """A usable sentence that carries on the one before it."""
    return (
        usable(sentence) and not announces(sentence.text) and bool(_LINKS_BACK.match(straight(sentence.text)))
    )


def last_continuing(passage: Passage, sentence: Sentence, limit: int = 2) -> Sentence:
    """The last of the sentences that carry on ``sentence``, at most ``limit`` of them."""
    group, last = passage.by_block[sentence.block], sentence
    length = len(sentence.text)
    if sentence.tail:
        return sentence
    for following in group[sentence.index + 1 : sentence.index + 1 + limit]:
        length += len(following.text)
        if not continues(following) or length > MAX_ANSWER * 0.7:
            break
        last = following
        if following.tail:
            break
    return last


def sentence_span(passage: Passage, first: Sentence, last: Sentence | None = None) -> Span:
    """From one sentence to another of the same block; a leading connective is left out."""
    last = last or first
    text = passage.blocks[first.block].text
    if text is None:
        raise ValueError("sentences come from paragraphs only")
    start = first.start + lead_length(first.text)
    stop = "." if last.tail else ""
    return _span(passage, text.at[start], text.at[last.end - 1] + 1, text.clean[start : last.end] + stop)


def with_blocks(passage: Passage, first: Sentence, last_block: int) -> Span:
    """From a sentence to the end of a later block."""
    text = passage.blocks[first.block].text
    if text is None:
        raise ValueError("sentences come from paragraphs only")
    start = first.start + lead_length(first.text)
    parts = [capital(text.clean[start:])] + [
        render(b) for b in passage.blocks[first.block + 1 : last_block + 1]
    ]
    body = "\n\n".join(part for part in parts if part)
    return _span(passage, text.at[start], passage.blocks[last_block].end, body)


def block_span(passage: Passage, first_block: int, last_block: int) -> Span:
    """Whole blocks."""
    blocks = passage.blocks[first_block : last_block + 1]
    body = "\n\n".join(part for part in map(render, blocks) if part)
    return _span(passage, blocks[0].start, blocks[-1].end, body)


def _span(passage: Passage, start: int, end: int, text: str) -> Span:
    raw = passage.raw
    while start > 0 and raw[start - 1] in "_*[":
        start -= 1
    while end < len(raw) and raw[end] in "_*":
        end += 1
    return Span(capital(text), raw[start:end], start, end)


def capital(text: str) -> str:
    """First letter in upper case."""
    return text[:1].upper() + text[1:]


def render(block: Block) -> str:
    """Readable text of a block; captions and HTML give nothing."""
    if block.kind in ("paragraph", "heading"):
        return block.clean
    if block.kind == "list":
        return _render_list(block)
    if block.kind == "table":
        return render_table(block)
    return f"```{block.language}\n{block.code}\n```" if block.kind == "code" else ""


def _render_list(block: Block) -> str:
    lines = []
    for number, cell in enumerate(block.cells, 1):
        mark = f"{number}." if block.ordered and cell.depth == 0 else "-"
        lines.append("  " * cell.depth + f"{mark} {cell.text.clean}")
    return "\n".join(lines)


def render_table(block: Block) -> str:
    """A table as Markdown."""
    rows = [[cell.text.clean for cell in row] for row in block.rows]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
