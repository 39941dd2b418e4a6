"""Rows that read alike, and filters kept under a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.review_rows import MANUAL, chunks, document, fill, instruction, outcome, write

from gristmill.errors import StoreError
from gristmill_data.store import Filters, Store, similar
from gristmill_data.store.people import NotAllowedError, appoint
from gristmill_data.store.similar import SimilarRows, similar_rows
from gristmill_data.store.views_saved import remove_view, save_view, saved_view, saved_views

EVERYTHING = Filters(status=(), stale=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    db = tmp_path_factory.mktemp("find") / "mill.duckdb"
    fill(db)
    with Store.open(db) as opened:
        opened.ingest()
        yield opened


def add(
    store: Store, questions: list[str], answer: str = "Every 100 hours.", run_id: str = "run-2"
) -> list[str]:
    source = document(f"{run_id}.md", MANUAL)
    chunk = chunks(source)[0]
    rows = [instruction(chunk, question, answer) for question in questions]
    write(store.path, [*chunks(source), *rows, *map(outcome, rows, range(len(rows)))], [source], run_id)
    store.ingest()
    return [row.id for row in rows]


def test_rows_that_read_alike_are_found_most_alike_first(store):
    first, near, far = add(
        store,
        [
            "How many hours may the runner stone grind before it is dressed again?",
            "How many hours may the bed stone grind before it is dressed again?",
            "Which sails does the harbour launch carry in a gale?",
        ],
    )
    found = similar_rows(store).nearest(store, first, least=0.1)
    names = [example_id for example_id, _ in found]
    assert names[0] == near
    assert first not in names
    assert found == sorted(found, key=lambda pair: -pair[1])
    assert dict(found)[near] > 0.5 > dict(found).get(far, 0.0)


def test_the_index_follows_new_rows(store):
    index = similar_rows(store)
    [one] = add(store, ["Why does meal smell burnt at the spout?"], run_id="run-3")
    before = index.nearest(store, one)
    [copy] = add(store, ["Why does meal smell burnt at the spout"], run_id="run-4")
    after = index.nearest(store, one)
    assert copy not in dict(before)
    assert after[0] == (copy, pytest.approx(1.0, abs=0.15))
    assert similar_rows(store) is index


def test_a_large_dataset_is_read_in_the_background(store, monkeypatch):
    monkeypatch.setattr(similar, "AT_ONCE", 0)
    monkeypatch.setattr(similar, "BATCH", 2)
    index = SimilarRows()
    example_id = store.queue_page(EVERYTHING)[0]["example_id"]
    assert index.nearest(store, example_id) is None
    index._worker.join(30)
    assert index.done == index.total
    assert index.nearest(store, example_id) == similar_rows(store).nearest(store, example_id)


def test_an_unknown_row_and_a_long_one(store):
    assert similar_rows(store).nearest(store, "nothing") == []
    words = [f"word{n}" for n in range(400)]
    long, same = add(store, [" ".join(words), " ".join([*words, "more"])], run_id="run-5")
    found = dict(similar_rows(store).nearest(store, long))
    assert found[same] > 0.9


def test_the_same_prompt_is_the_same_generator_version_and_arguments(store):
    rows = store.queue_page(EVERYTHING)
    pair = next(row["example_id"] for row in rows if row["kind"] == "preference")
    qa = next(row["example_id"] for row in rows if row["kind"] == "instruction")
    assert [row["example_id"] for row in store.queue_page(replace(EVERYTHING, prompt=pair))] == [pair]
    assert {row["generator"] for row in store.queue_page(replace(EVERYTHING, prompt=qa))} == {"qa"}


def test_views_are_kept_changed_shared_and_removed(store):
    mine = save_view(store, "  Long answers ", {"q": ["long"]}, "Ada", shared=False)
    theirs = save_view(store, "Berths", {"q": ["berth"]}, "Bo", shared=True)
    assert (mine.name, mine.params, mine.author) == ("Long answers", {"q": ["long"]}, "Ada")
    assert saved_views(store, "Ada") == [theirs, mine]
    assert saved_views(store, "Cyd") == [theirs]
    changed = save_view(store, "Longer", {"q": ["longer"]}, "Ada", shared=True, view_id=mine.view_id)
    assert saved_view(store, mine.view_id) == changed
    remove_view(store, mine.view_id, "Ada")
    assert saved_view(store, mine.view_id) is None
    assert saved_views(store, "Ada") == [theirs]


def test_a_view_is_changed_by_its_author_and_leads_only(store):
    view = save_view(store, "Mine", {}, "Ada", shared=True)
    with pytest.raises(NotAllowedError, match="change a view of Ada"):
        remove_view(store, view.view_id, "Bo")
    with pytest.raises(StoreError, match="needs a name"):
        save_view(store, " ", {}, "Ada", shared=True)
    appoint(store, "Lea", "lead")
    remove_view(store, view.view_id, "Lea")
    with pytest.raises(StoreError, match="no such view"):
        remove_view(store, view.view_id, "Lea")
