"""Ctrl-C, SIGTERM and full disks: what was paid for is kept, and the next run goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest
from support.engine_runs import asked_again, corpus, finish, held, recipe, start, until
from support.openai_server import OpenAIServer
from support.processes import small_files

from gristmill.pipeline.signals import last_word, two_signals
from gristmill_data.store import Store, segments_folder

SIGNALS = [signal.SIGINT, signal.SIGTERM]
IN_FLIGHT = 8
OPTIONS = f", concurrency: {IN_FLIGHT}"


def started(path: Path) -> subprocess.Popen[str]:
    """Like ``start``, but not forked: the very end of a process is tested too."""
    command = [sys.executable, "-m", "gristmill", "run", str(path), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", SIGNALS)
def test_nothing_new_is_sent_after_a_signal_and_all_that_was_sent_is_kept(tmp_path: Path, name: int) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    with OpenAIServer(latency=0.8) as server:
        process = start(recipe(tmp_path, server.url, OPTIONS))
        until(lambda: server.answered.total() >= 20, process)
        process.send_signal(name)
        time.sleep(0.4)
        sent = server.seen.total()
        summary, said = finish(process, 1)
        assert (server.seen.total(), server.answered.total()) == (sent, sent)
        assert (summary["status"], summary["balanced"], summary["failed"]) == ("interrupted", True, {})
        assert summary["pending"] > 0
        assert "run again to go on" in said
        server.behaviour.latency = 0.0
        again, _ = finish(start(tmp_path / "mills.yaml"))
    assert (again["pending"], again["failed"], server.repeated) == (0, {}, {})


def test_calls_that_wait_for_another_attempt_are_not_waited_for(tmp_path: Path) -> None:
    corpus(tmp_path / "docs.jsonl", 20)
    with OpenAIServer(p429=1.0, retry_after=80) as server:
        process = start(recipe(tmp_path, server.url, OPTIONS))
        until(lambda: server.faults["rate-limit"] >= 4, process)
        sent = server.seen.total()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)
        summary, _ = finish(process, 1)
    assert (summary["status"], summary["pending"], summary["failed"]) == ("interrupted", 40, {})
    assert server.seen.total() <= sent + IN_FLIGHT


def test_a_stop_while_documents_are_read_leaves_no_row_stale(tmp_path: Path) -> None:
    corpus(tmp_path / "docs.jsonl", 10)
    with OpenAIServer() as server:
        path = recipe(tmp_path, server.url)
        finish(start(path))
        corpus(tmp_path / "more.jsonl", 150_000, first=10)
        path.write_text(path.read_text().replace("[docs.jsonl]", "[more.jsonl, docs.jsonl]"))
        calls = server.seen.total()
        process = start(path)
        until(lambda: list(segments_folder(tmp_path / "gristmill.duckdb").glob("[0-9]*")), process)
        process.send_signal(signal.SIGTERM)
        summary, said = finish(process, 1)
    assert (summary["status"], summary["balanced"]) == ("interrupted", True)
    assert summary["files"]["pending"] >= 1
    assert "run again to go on" in said
    assert server.seen.total() == calls
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        assert store.rows("SELECT count(*), count(*) FILTER (stale) FROM rows_") == [(20, 0)]


@pytest.mark.parametrize("seed", range(4))
def test_a_signal_at_the_end_saves_everything(tmp_path: Path, seed: int) -> None:
    corpus(tmp_path / "docs.jsonl", 20)
    with OpenAIServer(latency=0.02) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = started(path)
        until(lambda: server.answered.total() >= 60, process)
        time.sleep(random.Random(seed).uniform(0, 0.2))
        process.send_signal(SIGNALS[seed % 2])
        out, err = process.communicate(timeout=60)
        assert process.returncode in {0, 1}, err
        assert '"balanced": true' in out or process.returncode == 0
        assert "Traceback" not in err
        again, _ = finish(start(path))
    assert (again["calls"]["sent"], again["pending"], again["resumed"], again["failed"]) == (0, 0, 40, {})


@pytest.mark.parametrize("name", SIGNALS)
def test_the_second_signal_does_not_wait_for_an_answer(tmp_path: Path, name: int) -> None:
    corpus(tmp_path / "docs.jsonl", 20)
    with OpenAIServer() as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        server.behaviour.latency = 90.0
        process = started(path)
        until(lambda: server.active == IN_FLIGHT, process)
        for _ in range(2):
            process.send_signal(name)
            time.sleep(0.3)
        _, said = finish(process, 1)
        assert "run again to go on" in said
        server.behaviour.latency = 0.0
        again, _ = finish(start(path))
    assert (again["balanced"], again["pending"], again["failed"]) == (True, 0, {})


def test_a_scheduler_ends_the_whole_process_group(tmp_path: Path) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    with OpenAIServer(latency=0.3) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = start(path, start_new_session=True)
        until(lambda: server.answered.total() >= 20, process)
        os.killpg(process.pid, signal.SIGTERM)
        summary, _ = finish(process, 1)
        again, _ = finish(start(path))
    assert (summary["status"], summary["balanced"]) == ("interrupted", True)
    assert (again["pending"], server.repeated) == (0, {})


@pytest.mark.parametrize("limit", [20_000, 100_000, 600_000])
def test_a_full_disk_stops_the_run_and_the_next_one_goes_on(tmp_path: Path, limit: int) -> None:
    corpus(tmp_path / "docs.jsonl", 150)
    with OpenAIServer(latency=0.02) as server:
        path = recipe(tmp_path, server.url, OPTIONS)
        process = start(path, hasty=True, before=small_files(limit))
        _, said = finish(process, 1)
        assert "error:" in said
        assert "disk space" in said or "make room" in said or "free space" in said
        summary, _ = finish(start(path))
    assert (summary["balanced"], summary["pending"], summary["failed"]) == (True, 0, {})
    # Only calls could not be kept that were on their way, or waited to be written, when the disk was full.
    assert asked_again(server) <= 4 * IN_FLIGHT
    assert len(held(tmp_path / "gristmill.duckdb")["outcomes"]) == 300


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_signal_that_python_swallowed_is_heard_when_the_run_begins() -> None:
    class Thing:
        pass

    drained: list[bool] = []
    with last_word(lambda: False):
        thing = Thing()
        heard = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
        del thing  # the handler raises within the callback, where no exception gets out
        assert heard() is None
        with two_signals(lambda: drained.append(True)):
            assert drained == [True]
    with last_word(lambda: False), two_signals(lambda: drained.append(True)):
        assert drained == [True]
