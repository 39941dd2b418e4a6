"""Documents into chunks: by headings and paragraphs, under a size limit, every chunk an exact span.

A section (a heading and what follows it) is the natural chunk. Small sections join their neighbours under
the same parent; a large one is cut where it costs least: between blocks, then between list items and
table rows, then between sentences, and inside a word only when one word exceeds the limit.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from gristmill.errors import UsageError
from gristmill.records import Chunk, Document
from gristmill_data.blocks import (
    AFTER_HEADING,
    CHARACTER,
    CLAUSE,
    INSIDE_WHOLE,
    WORD,
    Heading,
    may_have_headings,
    parse,
)

_CLAUSE_END = re.compile(r"[,;:–—，、；：]\s*")
_EMPTY_SPACE_WEIGHT = 2.0  # a chunk left half empty is about as bad as a cut between two sentences
# Fractions of the limit: a section below 1/4 joins a neighbour below 1/2; with less than 1/16 of text
# a heading only leads in its first subsection.
_TINY, _SMALL, _LEAD_IN, _CRUMB = 4, 2, 16, 8
_CRUMB_COST = 1.0  # of leaving a last piece below 1/8

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """From one heading to the next one; ``body`` is where its heading ends."""

    start: int
    body: int
    end: int
    path: Path


@dataclass(slots=True)
class _Group:
    """Neighbouring sections that go into chunks together; ``body`` counts their characters but headings."""

    start: int
    end: int
    path: Path
    body: int


def chunk_document(
    document: Document, *, max_chars: int = 2400, overlap_chars: int = 0, respect_headings: bool = True
) -> list[Chunk]:
    """Cut a document into chunks of at most ``max_chars`` characters, in order.

    ``document.text[chunk.start:chunk.end] == chunk.text``; every character that is not white space is in a
    chunk, and in exactly one when ``overlap_chars`` is 0. Otherwise, neighbours cut out of one section
    share up to that many characters, whole sentences where possible. ``heading_path`` leads from the
    document's title down; a chunk made of several sections has the path they share.

    Raises:
        UsageError: ``max_chars`` is not positive, or the overlap is not below half of it.
    """
    if max_chars < 1 or not 0 <= overlap_chars * 2 < max(max_chars, 1):
        raise UsageError(
            f"cannot cut into chunks of {max_chars} characters with an overlap of {overlap_chars}",
            cure="max_chars must be positive and overlap_chars less than half of it",
        )
    if len(document.text) <= max_chars and not may_have_headings(document.text):
        # Most rows of a JSONL file: one section that fits, so nothing is to be weighed.
        span = _trim(document.text, 0, len(document.text))
        return [Chunk.make(document, *span, _root(document))] if span is not None else []
    return _Chunker(document, max_chars, overlap_chars).chunks(respect_headings)


class _Chunker:
    def __init__(self, document: Document, limit: int, overlap: int) -> None:
        self.document, self.text = document, document.text
        self.limit, self.overlap = limit, overlap
        self.lead_in = limit // _LEAD_IN
        structure = parse(self.text)
        self.cuts = structure.cuts
        self.positions = sorted(structure.cuts)
        spans = [(start, start + len(self.text[start:end].rstrip())) for start, end in structure.whole]
        self.whole = [(start, end) for start, end in spans if end - start <= limit]
        self.sections = list(_sections(document, structure.headings))
        self.section_starts = [section.start for section in self.sections]

    def chunks(self, respect_headings: bool) -> list[Chunk]:
        spans = [(g.start, g.end) for g in self.groups()] if respect_headings else [(0, len(self.text))]
        pieces = (piece for start, end in spans for piece in self.pieces(start, end))
        return [Chunk.make(self.document, start, end, self.path_of(start, end)) for start, end in pieces]

    def groups(self) -> Iterator[_Group]:
        """Sections, tiny ones joined with their neighbours."""
        current: _Group | None = None
        for section in self.sections:
            body = self.body(section, 0, len(self.text))
            if current is None:
                current = _Group(section.start, section.end, section.path, body)
            elif self.belongs(current, section):
                path = _common([current.path, section.path])
                if current.body < self.lead_in:  # it only introduces this section
                    path = section.path if len(section.path) >= len(current.path) else path
                current = _Group(current.start, section.end, path, current.body + body)
            else:
                yield current
                current = _Group(section.start, section.end, section.path, body)
        if current is not None:
            yield current

    def body(self, section: _Section, start: int, end: int) -> int:
        """How many characters of a section, without its heading, are in a span."""
        return len(self.text[max(section.body, start) : min(section.end, end)].strip())

    def belongs(self, group: _Group, section: _Section) -> bool:
        depth, shared = len(group.path), len(_common([group.path, section.path]))
        is_inside = shared == depth < len(section.path)
        is_sibling = shared == depth - 1 == len(section.path) - 1
        if group.body == 0:  # a heading alone says nothing: it introduces the next section, whatever its size
            return is_inside or is_sibling
        if group.body < self.lead_in and is_inside:
            return True
        sizes = group.end - group.start, section.end - section.start
        is_near = (is_inside and len(section.path) == depth + 1) or (is_sibling and shared > 0)
        small = min(sizes) < self.limit // _TINY and max(sizes) < self.limit // _SMALL
        return is_near and small and sum(sizes) <= self.limit

    def path_of(self, start: int, end: int) -> Path:
        """The heading path shared by all sections with text in a span."""
        first = max(bisect_right(self.section_starts, start) - 1, 0)
        last = max(bisect_left(self.section_starts, end), first + 1)
        sections = self.sections[first:last]
        telling = [s for s in sections if self.body(s, start, end) >= self.lead_in]
        full = [s for s in sections if self.body(s, start, end)]
        return _common([s.path for s in telling or full or sections])

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Spans of at most ``limit`` characters, trimmed, that cover ``text[start:end]``."""
        done = start
        while (span := self.trim(start, end)) is not None:
            start = span[0]
            cut = end if span[1] - start <= self.limit else self.best_cut(start, done, end)
            piece = self.trim(start, cut)
            if piece is not None:
                yield piece
            done = cut
            start = self.overlap_start(start, cut) if self.overlap and self.trim(cut, end) else cut

    def trim(self, start: int, end: int) -> tuple[int, int] | None:
        """The span without white space around it; the indentation of a first whole line is kept."""
        return _trim(self.text, start, end)

    def best_cut(self, start: int, done: int, end: int) -> int:
        """The cheapest place to end a chunk that begins at ``start``; it lies behind ``done``."""
        low, high = max(start, done) + 1, self.after_space(start + self.limit)
        first, last = bisect_left(self.positions, low), bisect_right(self.positions, high)
        candidates = [(p, self.cuts[p]) for p in self.positions[first:last]]
        candidates += self.makeshift(low, high)
        return min(candidates, key=lambda cut: (self.cost(cut[0], cut[1], start, end), -cut[0]))[0]

    def after_space(self, position: int) -> int:
        """White space at the end of a piece does not count: it is trimmed."""
        while self.text[position : position + 1].isspace():
            position += 1
        return position

    def cost(self, position: int, price: float, start: int, end: int) -> float:
        empty = 1 - (position - start) / self.limit
        crumb = _CRUMB_COST if end - position < self.limit // _CRUMB else 0.0
        whole = INSIDE_WHOLE if self.is_inside(position) else 0.0
        return price + _EMPTY_SPACE_WEIGHT * empty + crumb + whole

    def is_inside(self, position: int) -> bool:
        """Whether a cut would break a code block or a table that fits into one chunk."""
        index = bisect_left(self.whole, (position, 0)) - 1
        return index >= 0 and position < self.whole[index][1]

    def makeshift(self, low: int, high: int) -> Iterator[tuple[int, float]]:
        """Places to cut inside a sentence: after a clause, after a word, anywhere."""
        clauses = [m.end() for m in _CLAUSE_END.finditer(self.text, low, high)]
        if clauses:
            yield clauses[-1], CLAUSE
        for position in range(high, low - 1, -1):
            if self.text[position - 1].isspace() or self.text[position : position + 1].isspace():
                yield position, WORD
                break
        yield high, CHARACTER

    def overlap_start(self, start: int, cut: int) -> int:
        """Where the next chunk begins so that it shares at most ``overlap`` characters with this one."""
        low = max(cut - self.overlap, start + 1)
        first, last = bisect_left(self.positions, low), bisect_left(self.positions, cut)
        for position in self.positions[first:last]:
            if self.cuts[position] < AFTER_HEADING and not self.is_inside(position):
                return position
        words = re.compile(r"\s\S").search(self.text, low, cut)
        return words.end() - 1 if words else cut


def _trim(text: str, start: int, end: int) -> tuple[int, int] | None:
    body = text[start:end]
    left = body.lstrip()
    if not left:
        return None
    first = start + len(body) - len(left)
    line = max(text.rfind("\n", start, first) + 1, start)
    at_line_start = line == 0 or text[line - 1] in "\r\n"
    return (line if at_line_start else first), start + len(body.rstrip())


def _root(document: Document) -> Path:
    title = str(document.metadata.get("title") or "").strip()
    return (title,) if title else ()


def _sections(document: Document, headings: Sequence[Heading]) -> Iterator[_Section]:
    """The text before the first heading, then one section for each heading."""
    root = _root(document)
    end = len(document.text)
    first = headings[0].start if headings else end
    if document.text[:first].strip():
        yield _Section(0, 0, first, root)
    open_headings: list[Heading] = []
    for index, heading in enumerate(headings):
        while open_headings and open_headings[-1].level >= heading.level:
            open_headings.pop()
        open_headings.append(heading)
        after = headings[index + 1].start if index + 1 < len(headings) else end
        names = tuple(h.title for h in open_headings if h.title)
        path = names if names[:1] == root else root + names
        yield _Section(heading.start, heading.end, after, path)


def _common(paths: Sequence[Path]) -> Path:
    """The longest common beginning."""
    levels = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
    return tuple(names[0] for names in levels)
