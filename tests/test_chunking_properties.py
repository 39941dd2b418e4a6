"""What must hold for every text and every limit: exact spans, full coverage, the limit, no overlap."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import UsageError
from gristmill.records import Document
from gristmill_data.blocks import may_have_headings, parse
from gristmill_data.chunking import chunk_document

_LINES = [
    *("# One", "## Two", "### Two", "#### Deep", "Setext", "=====", "-----", "***"),
    *("```", "```python", "# not a heading", "    indented()", "| a | b |", "| --- | --- |", "| 1 | 2 |"),
    *(
        "- item",
        "  - nested item",
        "1. first",
        "> quoted",
        "> # quoted heading",
        "[ref]: https://example.org",
    ),
    *("<div>", "", "", "A sentence. Another one! Is it?", "The steps are:", "e.g. this", "\ttab", "\r"),
    *("词语。没有空格的句子！" * 3, "x" * 90, "a, b; c: d e f g h i j", "日本語"),
]
_TEXTS = st.one_of(st.lists(st.sampled_from(_LINES), max_size=40).map("\n".join), st.text(max_size=300))
_LIMITS = st.integers(min_value=1, max_value=400)


def _document(text: str) -> Document:
    return Document.make("x.md", text, "text/markdown")


@settings(max_examples=300, deadline=None)
@given(_TEXTS, _LIMITS, st.booleans())
def test_chunks_are_exact_spans_that_cover_all_text_once(text: str, limit: int, headings: bool) -> None:
    chunks = chunk_document(_document(text), max_chars=limit, respect_headings=headings)
    covered = bytearray(len(text))
    end = 0
    for chunk in chunks:
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text.strip()
        assert len(chunk.text) <= limit
        assert chunk.start >= end, "chunks overlap or are out of order"
        end = chunk.end
        covered[chunk.start : chunk.end] = b"1" * (chunk.end - chunk.start)
    assert not [c for c, done in zip(text, covered, strict=True) if not done and not c.isspace()]


@settings(max_examples=200, deadline=None)
@given(_TEXTS, st.integers(min_value=20, max_value=300), st.integers(min_value=0, max_value=140))
def test_an_overlap_keeps_the_limit_and_the_coverage(text: str, limit: int, overlap: int) -> None:
    overlap = min(overlap, (limit - 1) // 2)
    chunks = chunk_document(_document(text), max_chars=limit, overlap_chars=overlap)
    for chunk, after in pairwise(chunks):
        assert chunk.start < after.start
        assert chunk.end < after.end
        assert chunk.end - after.start <= overlap
        assert not text[chunk.end : after.start].strip()
    assert all(len(c.text) <= limit and text[c.start : c.end] == c.text for c in chunks)
    assert bool(chunks) == bool(text.strip())


@given(_TEXTS)
def test_chunking_is_deterministic(text: str) -> None:
    assert chunk_document(_document(text), max_chars=80) == chunk_document(_document(text), max_chars=80)


@pytest.mark.parametrize(("limit", "overlap"), [(0, 0), (-5, 0), (100, 50), (100, -1)])
def test_impossible_limits_are_usage_errors(limit: int, overlap: int) -> None:
    with pytest.raises(UsageError, match="cannot cut"):
        chunk_document(_document("text"), max_chars=limit, overlap_chars=overlap)


@settings(max_examples=600, deadline=None)
@given(_TEXTS)
def test_the_quick_look_for_headings_overlooks_none(text: str) -> None:
    if parse(text).headings:
        assert may_have_headings(text)


def test_the_quick_look_spares_plain_rows() -> None:
    assert not may_have_headings("A row of a file.\nIt has no heading, only a - dash and 2 = 2.")
