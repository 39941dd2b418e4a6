"""The documents of a dataset: found by name or text, with what was made of each passage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from support.review_rows import fill

from gristmill.errors import StoreError
from gristmill.records import Document, Review
from gristmill_data.store import SegmentWriter, Store
from gristmill_data.store.documents import (
    DocumentFilters,
    document,
    document_chunks,
    document_counts,
    document_page,
)
from gristmill_ui.owner import attachment
from gristmill_ui.services import documents
from gristmill_ui.services.documents import Shelf


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "mill.duckdb") as opened, attachment(opened):
        fill(opened.path)
        opened.ingest()
        yield opened


def found(store: Store, **filters: object) -> list[str]:
    kept = DocumentFilters(**filters)  # type: ignore[arg-type]
    names = [row["uri"] for row in document_page(store, kept)]
    assert document_counts(store, kept)["found"] == len(names)
    return names


def id_of(store: Store, uri: str) -> str:
    return next(row["id"] for row in document_page(store, DocumentFilters(uri)))


def test_documents_are_found_by_name_and_text(store: Store) -> None:
    assert found(store) == ["harbour.md", "mill/dressing.md"]
    assert found(store, search="HARB") == ["harbour.md"]
    assert found(store, search="burr stones") == []
    assert found(store, search="burr stones", in_text=True) == ["mill/dressing.md"]
    assert found(store, search="100%_") == []


def test_coverage_counts_what_runs_and_people_decided(store: Store) -> None:
    key = id_of(store, "harbour.md")
    row = next(made for chunk in document_chunks(store, key) for made in chunk["rows"] if made["example_id"])
    store.decide(
        Review("e1", row["example_id"], 0, "Ada", "reject", {"reason": "trivial"}, datetime.now(UTC))
    )
    told = document(store, key)
    assert (told["chunks"], told["used"], told["asked"], told["accepted"]) == (2, 2, 3, 3)
    assert (told["reviewed"], told["kept"], told["dropped"]) == (1, 0, 1)
    after = [made["queue_status"] for chunk in document_chunks(store, key) for made in chunk["rows"]]
    assert sorted(after) == ["pending", "pending", "rejected"]


def test_passages_and_what_lies_between_them_are_the_document(store: Store) -> None:
    key = id_of(store, "mill/dressing.md")
    [(text,)] = store.rows("SELECT text FROM documents WHERE id = ?", [key])
    chunks = document_chunks(store, key)
    assert "".join(chunk["before"] + chunk["text"] for chunk in chunks) == text
    assert [chunk["number"] for chunk in document_chunks(store, key, 1, 1)] == [2]


def test_pages_follow_each_other_and_new_documents_are_unused(store: Store) -> None:
    writer = SegmentWriter(store.path, "later")
    for number in range(60):
        text = f"# Page {number}\n\nNothing was asked of it."
        writer.add(Document.make(f"pages/{number:02}.md", text, "text/markdown"))
    writer.flush()
    store.ingest()
    shelf, seen = Shelf(store, DocumentFilters(show="unused")), []
    for _ in range(3):
        seen += [row["uri"] for row in shelf.load()]
        shelf.forward()
    assert seen == [f"pages/{number:02}.md" for number in range(60)]
    assert (shelf.page, shelf.more) == (3, False)
    shelf.back()
    assert shelf.load()[0]["uri"] == "pages/25.md"
    with pytest.raises(StoreError, match="no such document"):
        document(store, "nowhere")


def test_text_of_documents_and_rows_cannot_run(store: Store) -> None:
    key = id_of(store, "harbour.md")
    shown = [documents.row(made) for chunk in document_chunks(store, key) for made in chunk["rows"]]
    assert any("&lt;script&gt;" in html for html in shown)
    assert not any("<script" in html or "<img" in html for html in shown)


@pytest.mark.parametrize("opened", [False, True])
def test_the_page(store: Store, opened: bool) -> None:
    app = AppTest.from_string(
        "from gristmill_ui.app_pages import documents\ndocuments.render()", default_timeout=60
    )
    app.session_state["gm_reviewer"] = "Ada"
    if opened:
        app.query_params["document"] = id_of(store, "mill/dressing.md")
    app.run()
    page = "\n".join(block.proto.body for block in app.get("html"))
    assert not app.exception
    wanted = "Every dressing is written to the log" if opened else "2 documents · 5 passages"
    assert wanted in page
