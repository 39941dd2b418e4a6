"""Where texts are cut: pairs of text and chunks in data/chunking/cases.txt."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from gristmill.records import Document, FileFailure
from gristmill_data.blocks import heading_title, sentence_starts
from gristmill_data.chunking import chunk_document
from gristmill_data.readers import read_sources

CASES = (Path(__file__).parent / "data/chunking/cases.txt").read_text(encoding="utf-8")


def _cases() -> list[tuple[str, int, str, list[str]]]:
    found = []
    for case in ("\n" + CASES).split("\n@@ "):
        if "\n--->\n" in case:
            name, limit, rest = case.split("\n", 2)
            source, expected = rest.split("\n--->\n")
            found.append((name, int(limit), source, expected.strip().split("\n")))
    return found


def _document(text: str, title: str = "") -> Document:
    return Document.make("a.md", text, "text/markdown", {"title": title} if title else {})


@pytest.mark.parametrize(
    ("limit", "source", "expected"), [c[1:] for c in _cases()], ids=[c[0] for c in _cases()]
)
def test_texts_are_cut_where_it_costs_least(limit: int, source: str, expected: list[str]) -> None:
    chunks = chunk_document(_document(source), max_chars=limit)
    assert len(chunks) == len(expected), [(c.heading_path, c.text) for c in chunks]
    for chunk, line in zip(chunks, expected, strict=True):
        path, ends = line.split(" | ", 1)
        first, _, last = ends.partition(" ... ")
        assert " > ".join(chunk.heading_path) or path == "-"
        assert chunk.heading_path == (tuple(path.split(" > ")) if path != "-" else ())
        assert chunk.text.startswith(first), chunk.text
        assert chunk.text.endswith(last), chunk.text


def test_the_title_leads_every_path_once() -> None:
    text = "Intro.\n\n# Guide\n\nAll.\n\n# Cones\n\n" + "They bend. " * 30
    paths = [c.heading_path for c in chunk_document(_document(text, "Guide"), max_chars=200)]
    assert paths[0][0] == "Guide"
    assert set(paths) <= {("Guide",), ("Guide", "Cones")}
    assert paths[-1] == ("Guide", "Cones")


def test_headings_may_be_disregarded() -> None:
    text = "# A\n\n## B\n\nOne sentence here.\n\n## C\n\n" + "Two. " * 10
    (chunk,) = chunk_document(_document(text), max_chars=200, respect_headings=False)
    assert chunk.heading_path == ("A",)
    assert len(chunk_document(_document(text), max_chars=64)) > 1


def test_an_overlap_repeats_whole_sentences() -> None:
    text = "One is here. Two is here. Three is here. Four is here. Five is here."
    chunks = chunk_document(_document(text), max_chars=40, overlap_chars=16)
    assert [c.text for c in chunks][:2] == [
        "One is here. Two is here. Three is here.",
        "Three is here. Four is here.",
    ]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("The `match` _construct_ {#match}", "The `match` construct"),
        ("**Bold** [link](a.html) ![](x.png)", "Bold link"),
        ("snake_case_name stays", "snake_case_name stays"),
        (r"1\. Intent", "1. Intent"),
    ],
)
def test_titles_are_words(content: str, title: str) -> None:
    assert heading_title(content) == title


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ("See Fig. 3, i.e. J. Doe et al. 2020. Next.", ["See Fig. 3, i.e. J. Doe et al. 2020. ", "Next."]),
        ("He said “stop.” She left.", ["He said “stop.” ", "She left."]),
        ("窯は熱い。粘土は乾く。", ["窯は熱い。", "粘土は乾く。"]),
        ("Version 2.0 is out. ok", ["Version 2.0 is out. ok"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    starts = [0, *sentence_starts(text, 0, len(text)), len(text)]
    assert [text[a:b] for a, b in pairwise(starts)] == sentences


@pytest.mark.shared
def test_chunks_of_all_shared_documents(shared: Path) -> None:
    """Exact spans, the limit, the title at the head of each path, and code blocks whole where they fit."""
    documents = [d for d in read_sources(["documents"], shared) if not isinstance(d, FileFailure)]
    for document in documents:
        chunks = chunk_document(document)
        kept = "".join("".join(c.text.split()) for c in chunks)
        assert kept == "".join(document.text.split()), document.uri
        for chunk in chunks:
            assert document.text[chunk.start : chunk.end] == chunk.text
            assert len(chunk.text) <= 2400
            assert chunk.text.count("\n```") % 2 == chunk.text.startswith("```"), (document.uri, chunk.text)
            assert chunk.heading_path[:1] == tuple(filter(None, [document.metadata.get("title")])) or (
                "title" not in document.metadata
            )
