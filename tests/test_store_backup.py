"""Backups are complete, compact, never half there, and replace nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_rows import fill, new_store, review

from gristmill.errors import StoreError, UsageError
from gristmill.records import FileFailure
from gristmill_data.store import Filters, SegmentWriter, Store, call


def test_a_backup_is_a_dataset_of_its_own(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        made = fill(store)
        store.decide(review(made.examples[0], "accept"))
        writer = SegmentWriter(store.path, "run")
        writer.add(FileFailure("waiting", "empty"))
        writer.flush()
        copy = store.backup(tmp_path / "copy.duckdb")
        store.decide(review(made.examples[1], "reject"))
    with Store.open(copy) as again:
        assert again.counts("ann")["accepted"] == 1
        assert again.counts("ann")["rejected"] == 0
        assert again.rows("SELECT uri FROM file_failures ORDER BY 1") == [("locked.pdf",), ("waiting",)]
        assert again.decide(review(made.examples[1], "accept")).seq == 2
        assert len(again.queue_page(Filters(status=()))) == 4
        fill(again)
        assert again.rows("SELECT count(*) FROM examples") == [(4,)]


def test_an_existing_file_is_replaced_only_when_told(tmp_path: Path) -> None:
    out = tmp_path / "copy.duckdb"
    out.write_text("precious")
    with new_store(tmp_path) as store:
        fill(store)
        with pytest.raises(StoreError, match="exists already"):
            store.backup(out)
        assert out.read_text() == "precious"
        store.backup(out, overwrite=True)
    with Store.open(out) as again:
        assert again.rows("SELECT count(*) FROM examples") == [(4,)]


@pytest.mark.parametrize("name", ["data.duckdb", "link.duckdb", "no/folder.duckdb"])
def test_places_a_backup_cannot_go(tmp_path: Path, name: str) -> None:
    with new_store(tmp_path) as store:
        fill(store)
        (tmp_path / "link.duckdb").symlink_to(store.path)
        with pytest.raises(StoreError):
            store.backup(tmp_path / name, overwrite=True)
        assert store.rows("SELECT count(*) FROM examples") == [(4,)]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        store.backup(tmp_path / "it's a copy.duckdb")
        with pytest.raises(UsageError, match="absolute"):
            call(store.path, "backup", out="relative.duckdb")
    assert {p.name for p in tmp_path.iterdir()} == {"data.duckdb", "it's a copy.duckdb"}
