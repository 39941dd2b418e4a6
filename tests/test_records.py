"""Content addresses: equal content, equal id; any difference, another id."""

from __future__ import annotations

from dataclasses import replace

from gristmill.records import Chunk, Document, Example, Origin, content_id, example_text

QA = [{"role": "user", "content": "What is silt?"}, {"role": "assistant", "content": "Fine sediment."}]


def example(**changes: object) -> Example:
    fields = {"generator": Origin("qa", "1", {"per_chunk": 2}), "chunk_ids": ["c1"], **changes}
    return Example.make("instruction", QA, **fields)  # type: ignore[arg-type]


def test_content_id_ignores_key_order_only() -> None:
    assert content_id("x", {"a": 1, "b": (1, 2)}) == content_id("x", {"b": [1, 2], "a": 1})
    assert content_id("x", "y") != content_id("y", "x")
    assert content_id("ab", "c") != content_id("a", "bc")


def test_chunk_is_an_exact_span_of_its_document() -> None:
    document = Document.make("a.md", "# Title\n\nBody text.", "text/markdown")
    chunk = Chunk.make(document, 9, 19, ["Title"])
    assert chunk.text == "Body text."
    assert document.text[chunk.start : chunk.end] == chunk.text
    assert chunk.id != Chunk.make(document, 9, 18, ["Title"]).id


def test_example_id_follows_content_and_origin_not_metadata() -> None:
    assert example().id == example(metadata={"note": 1}, calls=["k"]).id
    assert example().id != example(chunk_ids=["c2"]).id
    assert example().id != example(generator=Origin("qa", "2", {"per_chunk": 2})).id


def test_response_and_text_of_a_preference() -> None:
    pair = replace(example(), kind="preference", messages=tuple(QA[:1]), chosen="Good.", rejected="Bad.")
    assert (pair.instruction, pair.response) == ("What is silt?", "Good.")
    assert example_text(pair) == "What is silt?\n\nGood.\n\nBad."
    assert example().response == "Fine sediment."
