"""The review queue: filters, orders, paging, counts, facets; and the item beside its source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.store_rows import TEXT, Dataset, chunk, fill, instruction, new_store, outcome, review, turns

from gristmill.errors import StoreError
from gristmill.records import Chunk, Document, Score
from gristmill_data.store import Filters, SegmentWriter, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def made(store: Store) -> Dataset:
    """Instructions 0 to 6 (scores 0.0 to 0.6; ann rejected 1, bob accepted 2), pairs 7 and 8."""
    return decided(store)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Dataset]]:
    """A store with the rows of ``made``, for tests that only look."""
    with new_store(tmp_path_factory.mktemp("shelf")) as opened:
        yield opened, decided(opened)


def decided(store: Store) -> Dataset:
    result = fill(store, examples=7, pairs=2)
    store.decide(review(result.examples[1], "reject"))
    store.decide(review(result.examples[2], "accept", by="bob"))
    return result


def numbers(made: Dataset, rows: list[dict[str, Any]]) -> list[int]:
    order = [example.id for example in [*made.examples, *made.pairs]]
    return [order.index(row["example_id"]) for row in rows]


FILTERS = [
    (Filters(), [0, 3, 4, 5, 6, 7, 8]),
    (Filters(order="newest"), [8, 7, 6, 5, 4, 3, 0]),
    (Filters(status=()), list(range(9))),
    (Filters(status=("accepted", "rejected")), [1, 2]),
    (Filters(status=(), reviewer="ann"), [1]),
    (Filters(kind=("preference",)), [7, 8]),
    (Filters(generator=("preference", "none")), [7, 8]),
    (Filters(uri=("mixers.md",)), []),
    (Filters(search="OVEN 4"), [4]),
    (Filters(search="bad 1"), [8]),
    (Filters(search="100%"), []),
    (Filters(search="_"), []),
    (Filters(search="\\"), []),
    (Filters(scorer="answer", min_score=0.35, max_score=0.55), [4, 5]),
    (Filters(min_score=0.5), [5, 6]),
    (Filters(scorer="other", min_score=0.0), []),
    (Filters(order="score_low"), [0, 3, 4, 5, 6, 7, 8]),
    (Filters(order="score_high", scorer="answer", kind=("instruction",)), [6, 5, 4, 3, 0]),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_filters_and_orders(shelf: tuple[Store, Dataset], filters: Filters, expected: list[int]) -> None:
    store, made = shelf
    found = numbers(made, store.queue_page(filters))
    tied = {7, 8} if filters.order.startswith("score") else set()  # unscored: ordered by id
    assert [n for n in found if n not in tied] == [n for n in expected if n not in tied]
    assert set(found) == set(expected)


@pytest.mark.parametrize("order", ["oldest", "newest", "document", "score_low", "score_high", "random"])
def test_pages_join_without_gap_or_repetition(shelf: tuple[Store, Dataset], order: Any) -> None:
    store, _ = shelf
    whole = store.queue_page(Filters(status=(), order=order))
    pages, after = [], None
    while page := store.queue_page(Filters(status=(), order=order), after, 2):
        pages += page
        after = page[-1]["cursor"]
    assert pages == whole
    assert len(whole) == 9


def test_a_row_decided_meanwhile_does_not_shift_the_next_page(store: Store, made: Dataset) -> None:
    first = store.queue_page(Filters(), limit=2)
    store.decide(review(made.examples[0], "accept"))
    assert numbers(made, store.queue_page(Filters(), first[-1]["cursor"], 2)) == [4, 5]


def test_skipped_rows_come_last_for_who_skipped_them(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[3], "skip", event="s1"))
    store.decide(review(made.examples[0], "skip", event="s2"))
    mine = store.queue_page(Filters(viewer="ann"))
    assert numbers(made, mine) == [4, 5, 6, 7, 8, 3, 0]
    assert [row["skipped"] for row in mine] == [False] * 5 + [True] * 2
    assert numbers(made, store.queue_page(Filters(viewer="bob"))) == [0, 3, 4, 5, 6, 7, 8]
    store.decide(review(made.examples[3], "undo", event_id="s1"))
    assert numbers(made, store.queue_page(Filters(viewer="ann"))) == [3, 4, 5, 6, 7, 8, 0]


def test_rows_show_and_search_the_text_as_it_reads_now(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[0], "edit", messages=turns("Which stove?", "A tiled stove.")))
    [row] = store.queue_page(Filters(status=(), search="tiled STOVE"))
    assert (row["instruction"], row["response"], row["revision"]) == ("Which stove?", "A tiled stove.", 1)
    assert (row["queue_status"], row["status"], row["reviewer"]) == ("accepted", "accepted", "ann")
    assert store.queue_page(Filters(status=(), search="deck oven 0")) == []


@pytest.mark.parametrize("cursor", ["", "no base64 at all!", "WzFd", "bnVsbA=="])
def test_a_broken_cursor_is_explained(shelf: tuple[Store, Dataset], cursor: str) -> None:
    with pytest.raises(StoreError, match="not a cursor"):
        shelf[0].queue_page(Filters(), cursor)


def test_an_unknown_order_is_explained(store: Store) -> None:
    with pytest.raises(StoreError, match="unknown order 'best'"):
        store.queue_page(Filters(order="best"))  # type: ignore[arg-type]


def test_counts(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[5], "skip"))
    counts = store.counts("ann")
    assert {"total": 9, "pending": 7, "accepted": 1, "rejected": 1, "reviewed": 2}.items() <= counts.items()
    assert (counts["mine"], counts["mine_today"], counts["skipped"]) == (1, 1, 1)
    assert store.counts("nobody")["mine"] == 0


def test_facets(store: Store, made: Dataset) -> None:
    facets = store.facets()
    assert facets["status"] == [("pending", 7), ("accepted", 1), ("rejected", 1)]
    assert facets["kind"] == [("instruction", 7), ("preference", 2)]
    assert facets["uri"] == [("ovens.md", 9)]
    assert facets["reviewer"] == [("ann", 1), ("bob", 1)]
    assert facets["scorer"] == [("answer", 7)]


def test_an_empty_dataset_has_an_empty_queue(store: Store) -> None:
    assert store.queue_page(Filters()) == []
    assert set(store.counts("ann").values()) == {0}
    assert all(values == [] for values in store.facets().values())


def test_the_passage_marks_chunk_and_evidence(store: Store, made: Dataset) -> None:
    view = store.item(made.examples[0].id)
    assert view.passage == TEXT
    assert view.passage[view.chunk_start : view.chunk_end] == made.chunk.text
    [span] = view.evidence
    assert view.passage[span.start : span.end] == span.quote == "holds its heat in stone"
    assert (view.heading_path, view.uri) == (("Ovens",), "ovens.md")


def test_the_passage_of_a_long_document_is_cut_in_characters(store: Store) -> None:
    long = Document.make("long.md", "é🍞" * 1000 + TEXT + "ü" * 3000, "text/markdown")
    start = 2000 + chunk(Document.make("x", TEXT, "t")).start
    source = Chunk.make(long, start, start + 66, [])
    far = {"chunk_id": source.id, "start": 0, "end": 2, "quote": "é🍞"}
    example = instruction(source)
    example.metadata["evidence"].append(far)  # type: ignore[attr-defined]
    writer = SegmentWriter(store.path, "run")
    for record in (long, source, example, outcome(example), Score(example.id, "a", "1", 0.5)):
        writer.add(record)
    writer.flush()
    store.ingest()
    view = store.item(example.id)
    assert view.passage == long.text[start - 600 : start + 666]
    assert view.passage[view.chunk_start : view.chunk_end] == source.text
    assert [view.passage[s.start : s.end] for s in view.evidence] == ["holds its heat in stone"]
    assert view.other_quotes == ("é🍞",)
