"""A dataset survives SIGKILL and a full disk: nothing confirmed is lost, nothing is there twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.store_crash import ROWS, add_segment

from gristmill_data.store import SegmentWriter, Store, segments_folder

TESTS = Path(__file__).parent


def start(role: str, db: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "support.store_crash", role, str(db), *more]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True)


def rows_by_segment(store: Store) -> Counter[int]:
    uris = [uri for (uri,) in store.rows("SELECT uri FROM file_failures")]
    assert len(uris) == len(set(uris)), "a row is there twice"
    return Counter(int(uri.split("-")[1]) for uri in uris)


@pytest.mark.parametrize("delay", [0.0, 0.011, 0.037])
def test_killed_while_writing_segments(tmp_path: Path, delay: float) -> None:
    db = tmp_path / "x.duckdb"
    with start("write", db) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(3)]
        time.sleep(delay)
        process.kill()
        confirmed += [int(line) for line in process.stdout.read().split()]
    with Store.open(db) as store:
        store.ingest()
        found = rows_by_segment(store)
        assert all(found[number] == ROWS for number in confirmed)
        assert set(found.values()) == {ROWS}
        unfinished = store.rows("SELECT reason FROM set_aside")
    assert all("its writer ended" in reason for (reason,) in unfinished)
    assert [p.name for p in segments_folder(db).iterdir() if p.name != "set-aside"] == []


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.017])
def test_killed_while_ingesting(tmp_path: Path, delay: float) -> None:
    db = tmp_path / "x.duckdb"
    Store.open(db).close()
    writer = SegmentWriter(db, "run")
    for number in range(30):
        add_segment(writer, number)
    with start("ingest", db) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.kill()
    with Store.open(db) as store:
        before = sum(rows_by_segment(store).values())
        assert before % ROWS == 0
        assert store.ingest() == 30 * ROWS - before
        assert rows_by_segment(store) == dict.fromkeys(range(30), ROWS)
        assert store.rows("SELECT count(*), sum(rows) FROM segments") == [(30, 30 * ROWS)]


@pytest.mark.parametrize("limit", [20_000, 700_000])
def test_full_disk_is_explained_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    db = tmp_path / "x.duckdb"
    with start("fill", db, str(limit)) as process:
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
    done = [int(line) for line in lines if line.isdigit()]
    assert "free some disk space" in lines[-1]
    with Store.open(db) as store:
        store.ingest()
        found = rows_by_segment(store)
    assert all(found[number] == ROWS for number in done)
    assert len(done) >= (limit > 100_000)
