"""Opening a dataset: new, old, newer, broken, busy, unreachable."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.store_rows import fill, new_store

from gristmill.errors import StoreBusyError, StoreError
from gristmill_data.store import Store, schema


def test_rows_are_there_after_reopening(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        fill(store)
    with new_store(tmp_path) as store:
        assert store.rows("SELECT count(*) FROM examples") == [(4,)]
        assert store.rows("SELECT max(version) FROM schema_version") == [(schema.newest(),)]


def test_folders_are_created(tmp_path: Path) -> None:
    Store.open(tmp_path / "a" / "b.duckdb").close()
    assert (tmp_path / "a" / "b.duckdb").is_file()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"hello" * 3000, "not a valid DuckDB"), (b"", "not a valid DuckDB"), (None, "a folder, not a dataset")],
)
def test_what_is_no_dataset_is_refused_and_untouched(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "x.duckdb"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(path)
    assert caught.value.cure
    assert str(path) in str(caught.value)
    assert path.is_dir() or path.read_bytes() == content


def test_a_duckdb_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as other:
        other.execute("CREATE TABLE invoices (n INTEGER)")
    with pytest.raises(StoreError, match=r"not a gristmill dataset \(it holds invoices"):
        Store.open(tmp_path / "x.duckdb")


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.duckdb"
    new_store(tmp_path).close()
    with duckdb.connect(str(path)) as file:
        file.execute("INSERT INTO schema_version VALUES (99, NULL)")
    with pytest.raises(StoreError, match="schema 99, this one knows up to") as caught:
        Store.open(path)
    assert "upgrade" in caught.value.cure


def with_one_more(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    scripts = (*schema.migrations(), script)
    monkeypatch.setattr(schema, "migrations", lambda: scripts)


def test_an_older_file_is_copied_then_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_store(tmp_path) as store:
        fill(store)
    old = schema.newest()
    with_one_more(monkeypatch, "ALTER TABLE examples ADD COLUMN note VARCHAR DEFAULT 'new'")
    with new_store(tmp_path) as store:
        assert store.rows("SELECT DISTINCT note FROM examples") == [("new",)]
        assert store.rows("SELECT max(version) FROM schema_version") == [(old + 1,)]
    with duckdb.connect(str(tmp_path / f"data.duckdb.v{old}.backup")) as copy:
        assert copy.execute("SELECT count(*) FROM examples").fetchall() == [(4,)]
        assert copy.execute("SELECT max(version) FROM schema_version").fetchall() == [(old,)]


def test_a_failing_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_store(tmp_path) as store:
        fill(store)
    with monkeypatch.context() as patch:
        with_one_more(patch, "DROP VIEW rows_; SELECT no_such_column FROM examples")
        with pytest.raises(StoreError, match="no_such_column"):
            new_store(tmp_path)
    with new_store(tmp_path) as store:
        assert store.rows("SELECT count(*) FROM rows_") == [(4,)]


def test_missing_dataset_without_create(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no dataset"):
        Store.open(tmp_path / "x.duckdb", create=False)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot create the folder"):
        Store.open(tmp_path / "file" / "x.duckdb")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_folder_without_write_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"[Pp]ermission"):
        new_store(tmp_path)


def test_busy_in_another_process(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        code = "import sys; from gristmill_data.store import Store; Store.open(sys.argv[1], wait=0.2)"
        found = subprocess.run([sys.executable, "-c", code, store.path], capture_output=True, text=True)
    assert "StoreBusyError" in found.stderr
    assert f"in use by process {os.getpid()}" in found.stderr


def test_busy_is_a_store_error_and_closing_twice_is_allowed(tmp_path: Path) -> None:
    assert issubclass(StoreBusyError, StoreError)
    store = new_store(tmp_path)
    store.close()
    store.close()
    assert Store.opened(store.path) is None
    with pytest.raises(StoreError, match="closed"):
        store.rows("SELECT 1")
