"""Cache files damaged, on a full disk, or left by a killed process: a clear word and a way on."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from support.openai_server import OpenAIServer
from support.processes import Process, run, small_files
from support.projects import gristmill, make_project, run_json

from gristmill.errors import StoreError
from gristmill.models.cache import ResponseCache
from gristmill.models.cache_files import import_calls, read_stats

CALLS = 400


def lines(count: int) -> str:
    said = "word " * 200
    rows = ({"role": "user", "content": f"{i} {said}"} for i in range(count))
    return "".join(
        json.dumps({"model": "openai:m", "messages": [row], "response": "yes"}) + "\n" for row in rows
    )


# The table of version 0.1, which newer versions go on using where they find it.
OLDER = """
CREATE TABLE calls (
  key TEXT PRIMARY KEY, model TEXT NOT NULL, messages TEXT NOT NULL, params TEXT NOT NULL,
  json_schema TEXT, sample INTEGER NOT NULL, response TEXT NOT NULL, finish_reason TEXT NOT NULL,
  complete INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  cost REAL, seconds REAL NOT NULL, created TEXT NOT NULL
) WITHOUT ROWID"""


@pytest.fixture(params=["", OLDER], ids=["now", "older"])
def filled(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute(request.param)
    connection.close()
    (tmp_path / "in.jsonl").write_text(lines(CALLS))
    assert import_calls(tmp_path / "c.sqlite", tmp_path / "in.jsonl").added == CALLS
    with sqlite3.connect(tmp_path / "c.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return tmp_path / "c.sqlite"


def test_what_can_be_read_of_a_damaged_file_is_saved(filled: Path) -> None:
    raw = bytearray(filled.read_bytes())
    middle = len(raw) // 2 // 4096 * 4096
    raw[middle : middle + 3 * 4096] = b"\xff" * 3 * 4096
    bad = filled.with_name("c.sqlite.bad")
    bad.write_bytes(raw)
    with pytest.raises(StoreError, match=r"malformed|decode") as caught:
        read_stats(bad)
    assert "gristmill cache import c.sqlite.bad.bad --cache c.sqlite.bad" in caught.value.cure
    done = gristmill("cache", "import", bad, "--cache", filled.with_name("new.sqlite"), "--json")
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert CALLS * 0.9 < result["added"] < CALLS
    assert result["read"] == result["added"] + result["bad_count"]
    assert "read" in result["bad"][0]["reason"]
    assert read_stats(filled.with_name("new.sqlite")).total.calls == result["added"]


def test_a_file_that_is_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.sqlite").write_text("not a database, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        read_stats(tmp_path / "text.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE songs (name)")
    other.close()
    with pytest.raises(StoreError, match="no table of calls"):
        read_stats(tmp_path / "other.sqlite")


def test_a_run_with_a_damaged_cache_stops_with_the_cure(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    (tmp_path / "gristmill.cache.sqlite").write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    done = gristmill("run", recipe)
    assert done.returncode == 1
    assert "gristmill cache import gristmill.cache.sqlite.bad" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_cache_of_a_killed_run_opens(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.02) as server:
        model = f'"openai:test-model", base_url: "{server.url}", concurrency: 8'
        recipe = make_project(tmp_path, model, copies=40)
        running = Process("run", recipe, stderr=subprocess.DEVNULL)
        while server.answered.total() < 60:
            assert running.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        answered = server.answered.total()
    stats = gristmill("cache", "stats", "--db", tmp_path / "gristmill.duckdb", "--json")
    assert stats.returncode == 0, stats.stderr
    found = json.loads(stats.stdout)
    assert found["by_finish"] == {"complete": found["calls"]}
    # How many of the last ones may be missing is a matter of the resume tests.
    assert answered / 2 < found["calls"] <= answered


def test_an_import_on_a_full_disk_says_so_and_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(lines(2_000))
    words = ["cache", "import", tmp_path / "in.jsonl", "--cache", tmp_path / "c.sqlite"]
    done = run(*words, before=small_files(200_000))
    assert done.returncode == 1
    assert "make room on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    result = import_calls(tmp_path / "c.sqlite", tmp_path / "in.jsonl")
    assert result.added + result.known == 2_000


def test_a_cache_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        ResponseCache(tmp_path / "locked" / "c.sqlite")


def test_a_resumed_run_finds_the_answers_it_imported(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        model = f'"openai:test-model", base_url: "{server.url}"'
        first, second = (make_project(tmp_path / name, model) for name in ("one", "two"))
        sent = run_json(first)["calls"]["sent"]
        out = tmp_path / "calls.jsonl"
        export = ("cache", "export", "--db", tmp_path / "one" / "gristmill.duckdb", "--out", out)
        assert gristmill(*export).returncode == 0
        done = gristmill("cache", "import", out, "--db", tmp_path / "two" / "gristmill.duckdb")
        assert done.returncode == 0, done.stderr
        calls = run_json(second)["calls"]
    assert (calls["sent"], calls["cached"]) == (0, sent)
