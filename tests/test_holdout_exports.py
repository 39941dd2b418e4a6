"""What is held out leaves in no export, what was exported goes into no benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.holdout_rows import Run, chunk, document, export, hold_out, owned, prose, reviewed, row
from support.store_rows import new_store

from gristmill.errors import UsageError
from gristmill.registry import ExportRow
from gristmill_data.exports import Chat
from gristmill_data.exports.dataset import sourced_rows
from gristmill_data.exports.leaving import Leaving
from gristmill_data.store import Store, StoreConflictError, call, schema
from gristmill_data.store.holdouts import Written, held_out
from gristmill_ui.services import takeout

DOCUMENTS = [document(f"doc-{n}.md") for n in range(6)]
ROWS = [row(f"What of {one.uri}?", f"Answer {one.uri}.", one) for one in DOCUMENTS]
URIS = {one.uri for one in DOCUMENTS}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        Run(DOCUMENTS, ROWS).into(opened)
        yield opened


def test_rows_of_held_out_documents_stay_and_are_counted_with_the_benchmark(store: Store) -> None:
    hold_out(store, "exam", uris=["doc-0.md", "doc-1.md"])
    hold_out(store, "quiz", uris=["doc-1.md"])
    made, sources = export(store)
    assert (made["written"], sources) == (4, URIS - {"doc-0.md", "doc-1.md"})
    assert made["skipped"] == {
        "source document is held out for benchmark exam": 1,
        "source document is held out for benchmarks exam, quiz": 1,
    }


def test_all_rows_are_no_way_round(store: Store) -> None:
    hold_out(store, "exam", uris=["doc-0.md"])
    assert "doc-0.md" not in export(store, statuses="all")[1]


def test_only_an_explicit_wish_takes_them_and_says_so(store: Store) -> None:
    hold_out(store, "exam", uris=["doc-0.md"])
    made, sources = export(store, include_held_out=True, author="ann")
    assert (made["held_out"], made["skipped"], sources) == (1, {}, URIS)
    query = "SELECT format, statuses, rows, held_out_rows, author FROM exports"
    assert store.rows(query) == [("chat", "accepted", 6, 1, "ann")]
    again = call(store.path, "holdout_choice", name="exam")
    assert again["documents"] == {}, "what was exported with the rest is no test any more"
    assert again["exported"]["documents"] == 1


def test_versions_and_copies_that_come_later_are_held_out_too(store: Store) -> None:
    hold_out(store, "exam", uris=["doc-0.md"])
    copy = document("mirror/doc-0.md", DOCUMENTS[0].text + "\n\nA line more.")
    newer = document("doc-0.md", prose("rewritten from the first word to the last"))
    Run([copy, newer], [row("Copy?", "Yes.", copy), row("New?", "Yes.", newer)], "run-2", DOCUMENTS).into(
        store
    )
    assert export(store)[1] == URIS - {"doc-0.md"}
    assert set(held_out(store)) == {DOCUMENTS[0].id, copy.id, newer.id}


@pytest.mark.parametrize("number", [0, 5])
def test_a_row_of_several_documents_counts_for_all_of_them(store: Store, number: int) -> None:
    both = row("Which of the two?", "The second.", DOCUMENTS[0], DOCUMENTS[5])
    Run([], [both], "run-2", DOCUMENTS).into(store)
    hold_out(store, "exam", uris=[f"doc-{number}.md"])
    made, sources = export(store)
    assert sources == URIS - {f"doc-{number}.md"}
    assert made["skipped"] == {"source document is held out for benchmark exam": 2}


def test_what_was_exported_is_never_held_out_nor_are_its_copies(store: Store) -> None:
    export(store, kinds=["instruction"])
    late, copy = document("late.md"), document("copy.md", DOCUMENTS[3].text)
    Run([late, copy], [row("Late?", "Yes.", late)], "run-2", DOCUMENTS).into(store)
    chosen = hold_out(store, "exam", share=1.0)
    assert {one["uri"] for one in chosen["documents"].values()} == {"late.md"}
    assert (chosen["exported"]["families"], chosen["exported"]["documents"]) == (6, 7)
    example = {"uri": "doc-0.md", "path": str(store.path.with_name("train.jsonl"))}
    assert example in chosen["exported"]["examples"]


def test_rows_that_the_format_never_saw_do_not_count_as_exported(store: Store) -> None:
    call(store.path, "export", format="dpo", out=str(store.path.with_name("pairs.jsonl")))
    assert len(hold_out(store, "exam", share=1.0)["documents"]) == 6


def test_an_export_during_which_documents_are_held_out_is_void(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "train.jsonl"
    out.write_text("old")
    leaving = Leaving(store, Written("chat", str(out), "accepted", 0, 0), False)
    hold_out(store, "exam", uris=["doc-0.md"])
    with pytest.raises(StoreConflictError, match="documents were held out while this was being done"):
        Chat().write(leaving.rows(sourced_rows(store), ["instruction"]), out)
    assert [path.read_text() for path in tmp_path.glob("*train*")] == ["old"]
    assert store.rows("SELECT count(*) FROM exports") == [(0,)]


def test_a_choice_is_void_when_rows_were_exported_meanwhile(store: Store) -> None:
    chosen = call(store.path, "holdout_choice", name="exam", share=1.0)
    export(store)
    told = {key: chosen[key] for key in ("canary", "settings", "new", "since")}
    with pytest.raises(StoreConflictError, match="rows were exported"):
        call(store.path, "hold_out", name="exam", **told)
    assert held_out(store) == {}


def test_the_same_documents_stay_when_the_dataset_grows(store: Store) -> None:
    first = hold_out(store, "exam", share=0.5, seed=3)
    more = [document(f"more-{n}.md") for n in range(40)]
    Run(more, name="run-2", earlier=DOCUMENTS).into(store)
    again = hold_out(store, "exam")
    assert again["settings"] == first["settings"]
    assert again["canary"] == first["canary"]
    assert set(first["documents"]) == set(again["documents"]) & {d.id for d in DOCUMENTS}
    grown = len(again["documents"]) - len(first["documents"])
    assert 10 <= grown <= 30, "about a half of the new ones"
    other = call(store.path, "holdout_choice", name="other", share=0.5, seed=4)
    assert set(other["documents"]) != set(again["documents"])


def test_a_number_of_documents_counts_those_with_rows(store: Store) -> None:
    bare = [document(f"bare-{n}.md") for n in range(5)]
    Run(bare, name="run-2", earlier=DOCUMENTS).into(store)
    assert call(store.path, "holdout_choice", name="exam", documents=2)["documents"] == {}
    reviewed(store, ROWS[:4])
    chosen = hold_out(store, "exam", documents=2)
    assert {one["uri"] for one in chosen["documents"].values()} < {f"doc-{n}.md" for n in range(4)}
    assert len(chosen["documents"]) == 2
    assert hold_out(store, "exam")["documents"] == chosen["documents"], "two are two, also the second time"


WRONG = [
    ({"share": 0.5, "documents": 3}, "more than one way"),
    ({"share": 0.0}, "no share"),
    ({"share": 1.5}, "no share"),
    ({"documents": 0}, "no number"),
]


@pytest.mark.parametrize(("how", "message"), WRONG)
def test_wrong_wishes_are_refused(store: Store, how: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        call(store.path, "holdout_choice", name="exam", **how)
    assert caught.value.cure


def test_the_record_says_which_who_why_and_for_what(store: Store) -> None:
    copy = document("copy.md", DOCUMENTS[0].text)
    Run([copy], name="run-2", earlier=DOCUMENTS).into(store)
    hold_out(store, "exam", uris=["doc-*.md"])
    query = "SELECT uri, reason, author, benchmark FROM holdouts ORDER BY uri LIMIT 2"
    assert store.rows(query) == [
        ("copy.md", "one text with another, named: doc-*.md", "ann", "exam"),
        ("doc-0.md", "named: doc-*.md", "ann", "exam"),
    ]


def test_the_app_leaves_out_the_same(store: Store) -> None:
    hold_out(store, "exam", uris=["doc-0.md"])
    made = takeout.export(store, "chat", "accepted", "ann")
    assert made.told == "5 rows. 1 left out: source document is held out for benchmark exam."
    assert store.rows("SELECT author, rows FROM exports") == [("ann", 5)]
    told = call(store.path, "status")
    assert (told["held_out"], told["exports"]) == ({"exam": 1}, 1)


def test_in_the_process_that_owns_the_file(store: Store, tmp_path: Path) -> None:
    path = store.path
    store.close()
    with owned(path):
        chosen = call(path, "holdout_choice", name="exam", uris=["doc-0.md"])
        told = {key: chosen[key] for key in ("canary", "settings", "new", "since")}
        assert call(path, "hold_out", name="exam", **told) == 1
        made = call(path, "export", format="chat", out=tmp_path / "train.jsonl")
        counts = call(
            path, "benchmark_rows", out=tmp_path / "rows.jsonl", documents=list(chosen["documents"])
        )
        with pytest.raises(StoreConflictError, match="rows were exported"):
            call(path, "hold_out", name="exam", **told)
    assert (made["written"], counts) == (5, {"held": 1, "training": 5})


def test_a_file_of_the_version_before_gets_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = schema.migrations()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "migrations", lambda: scripts[:5])
        with Store.open(tmp_path / "old.duckdb") as store:
            Run(DOCUMENTS, ROWS).into(store)
    with Store.open(tmp_path / "old.duckdb") as store:
        assert len(hold_out(store, "exam", uris=["doc-0.md"])["documents"]) == 1
        assert export(store)[0]["written"] == 5
    with duckdb.connect(str(tmp_path / "old.duckdb.v5.backup")) as copy:
        assert copy.execute("SELECT count(*) FROM examples").fetchall() == [(6,)]


def test_a_backup_keeps_what_is_held_out_and_what_was_exported(store: Store, tmp_path: Path) -> None:
    hold_out(store, "exam", uris=["doc-0.md"])
    export(store)
    store.backup(tmp_path / "copy.duckdb")
    with Store.open(tmp_path / "copy.duckdb") as copy:
        assert set(held_out(copy)) == {DOCUMENTS[0].id}
        assert call(copy.path, "holdout_choice", name="new", share=1.0)["exported"]["documents"] == 5


def test_a_format_that_stops_early_is_entered_all_the_same(store: Store) -> None:
    leaving = Leaving(store, Written("first", "x", "accepted", 0, 0), False)
    rows = leaving.rows(sourced_rows(store), ["instruction"])
    first = next(iter(rows))
    assert isinstance(first, ExportRow)
    leaving.enter()
    leaving.enter()
    query = "SELECT document_id FROM export_documents"
    assert store.rows(query) == [(chunk(DOCUMENTS[0]).document_id,)]
