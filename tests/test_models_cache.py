"""The response cache: real files, real processes, a real SIGKILL."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import StoreError
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.types import TokenLogprob
from gristmill.records import Call, Usage


def entry(key: str, response: str = "yes", finish: Any = "stop", **more: Any) -> Entry:
    call = Call(
        key, "openai:m", ({"role": "user", "content": "?"},), {"top_p": 1}, response, Usage(3, 1), 0.5
    )
    return Entry(call, finish, **more)


async def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "deep" / "calls.sqlite")
    put = entry("k", schema={"type": "object"}, sample=2, seconds=1.5)
    assert cache.get("k") is None
    assert await cache.put(put) == put
    cache.close()
    again = ResponseCache(tmp_path / "deep" / "calls.sqlite")
    assert again.get("k") == put
    again.close()


async def test_log_probabilities_come_back_those_of_impossible_tokens_too(tmp_path: Path) -> None:
    tokens = [TokenLogprob("a", -0.5, [("a", -0.5), ("b", -math.inf)]), TokenLogprob("c", -math.inf, [])]
    call = replace(entry("k").call, params={"logprobs": True})
    for _ in range(2):
        cache = ResponseCache(tmp_path / "c.sqlite")
        stored = await cache.put(Entry(call, "stop", logprobs=tokens))
        cache.close()
        assert stored.logprobs == tokens


async def test_many_at_once_are_all_committed_before_they_are_handed_on(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "c.sqlite")
    await asyncio.gather(*(cache.put(entry(f"k{i}")) for i in range(700)))
    other = sqlite3.connect(tmp_path / "c.sqlite")
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (700,)
    other.close()
    cache.close()


@pytest.mark.parametrize(
    ("finish", "text", "complete"),
    [("stop", "yes", 1), ("unknown", "yes", 1), ("length", "ye", 0), ("refusal", "no", 0), ("stop", " ", 0)],
)
async def test_unusable_answers_are_marked(tmp_path: Path, finish: str, text: str, complete: int) -> None:
    cache = ResponseCache(tmp_path / "c.sqlite")
    await cache.put(entry("k", text, finish))
    cache.close()
    rows = (
        sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT finish_reason, complete FROM calls").fetchall()
    )
    assert rows == [(finish, complete)]


async def test_a_usable_answer_stays_and_an_unusable_one_gives_way(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "c.sqlite")
    await cache.put(entry("k", "cut", "length"))
    assert (await cache.put(entry("k", "whole"))).call.response == "whole"
    # What another process stored first is handed on, so that lineage stays true.
    assert (await cache.put(entry("k", "other"))).call.response == "whole"
    assert cache.get("k") == entry("k", "whole")
    cache.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.types import TokenLogprob
from gristmill.records import Call, Usage

async def main(path, name):
    cache = ResponseCache(Path(path))
    for i in range(int(sys.argv[3])):
        call = Call(f"{name}-{i}", "m", (), {}, "yes", Usage(), None)
        await cache.put(Entry(call))
        print(call.key, flush=True)
    cache.close()

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_loses_nothing_it_was_told_is_stored(tmp_path: Path) -> None:
    process = writer(tmp_path / "c.sqlite", "p", 1_000_000)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(200)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.read().split("\n")[:-1]
    assert process.wait() == -signal.SIGKILL
    cache = ResponseCache(tmp_path / "c.sqlite")
    assert [key for key in told if cache.get(key) is None] == []
    cache.close()


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    processes = [writer(tmp_path / "c.sqlite", f"p{i}", 100) for i in range(4)]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    rows = sqlite3.connect(tmp_path / "c.sqlite").execute("SELECT count(*) FROM calls").fetchone()
    assert rows == (400,)


def test_a_file_that_is_no_cache_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "c.sqlite").write_text("not a database, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        ResponseCache(tmp_path / "c.sqlite")


def test_a_cache_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "c.sqlite") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StoreError, match="newer version"):
        ResponseCache(tmp_path / "c.sqlite")


async def test_a_write_that_fails_is_told_to_the_asker(tmp_path: Path) -> None:
    cache = ResponseCache(tmp_path / "c.sqlite")
    with sqlite3.connect(tmp_path / "c.sqlite") as saboteur:
        saboteur.execute("DROP TABLE calls")
    saboteur.close()
    with pytest.raises(StoreError, match="no such table"):
        await cache.put(entry("k"))
    cache.close()
