"""One cache, several askers: coroutines, doors of one process, processes; a call is asked once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.openai_server import OpenAIServer

from gristmill.errors import StoreBusyError
from gristmill.models import Door, ModelSpec
from gristmill.models.cache import ResponseCache
from gristmill.models.claims import Claims, alone

ASKER = """
import asyncio, sys
from pathlib import Path
from gristmill.models import Door, ModelSpec

async def main(url, cache, first, last):
    spec = ModelSpec(model="openai:test-model", base_url=url, concurrency=64, timeout=20)
    async with Door({"writer": spec}, cache=Path(cache)) as door:
        ask = door.ask_for("writer")
        print("open", flush=True)
        got = await asyncio.gather(*(
            ask([{"role": "user", "content": str(i)}]) for i in range(int(first), int(last))
        ))
        total = door.counters.total
        print(total.sent, total.cached, sum(a.cached for [a] in got), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def asker(server: OpenAIServer, cache: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ASKER, server.url, str(cache), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_ask_each_call_once(tmp_path: Path) -> None:
    with OpenAIServer(latency=1.5) as server:
        both = [asker(server, tmp_path / "c.sqlite", first, first + 40) for first in (0, 10)]
        ended = [process.communicate(timeout=60)[0].split("\n")[1].split() for process in both]
    sent, cached, flagged = (sum(int(line[i]) for line in ended) for i in range(3))
    assert (sent, cached, flagged) == (50, 30, 30)
    assert server.repeated == {}


def test_a_latecomer_waits_for_calls_that_were_on_their_way_before_it_came(tmp_path: Path) -> None:
    with OpenAIServer(latency=2.5) as server:
        first = asker(server, tmp_path / "c.sqlite", 0, 20)
        while server.active < 20:
            time.sleep(0.02)
        second = asker(server, tmp_path / "c.sqlite", 0, 20)
        ended = [process.communicate(timeout=60)[0].split() for process in (first, second)]
    assert ended == [["open", "20", "0", "0"], ["open", "0", "20", "20"]]
    assert server.seen.total() == 20


def test_claims_of_a_killed_process_are_taken_over(tmp_path: Path) -> None:
    with OpenAIServer(latency=2.0) as server:
        first = asker(server, tmp_path / "c.sqlite", 0, 5)
        while server.active < 5:
            time.sleep(0.02)
        second = asker(server, tmp_path / "c.sqlite", 0, 5)
        time.sleep(1.0)
        os.kill(first.pid, signal.SIGKILL)
        out, _ = second.communicate(timeout=60)
        first.communicate()
    assert out.split() == ["open", "5", "0", "0"]


async def test_two_doors_of_one_process_share_what_they_know(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        spec = {"writer": ModelSpec(model="openai:test-model", base_url=server.url)}
        cache = tmp_path / "c.sqlite"
        async with Door(spec, cache=cache) as one, Door(spec, cache=cache) as two:
            for door in (one, two):
                await door.ask_for("writer")([{"role": "user", "content": "the same"}])
            await one.close()
            await two.ask_for("writer")([{"role": "user", "content": "another"}])
    assert server.seen.total() == 2


HOLDER = """
import sys, time
from pathlib import Path
from gristmill.models.claims import Claims, alone
path = Path(sys.argv[2])
if sys.argv[1] == "alone":
    with alone(path):
        print("held", flush=True)
        sys.stdin.read()
else:
    claims = Claims.of(path)
    claims.look_around([])
    claims.crowded = True
    print("held", claims.take("ab" * 16), flush=True)
    sys.stdin.read()
"""


def holder(how: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, how, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("held")
    return process


def test_claims_are_seen_by_others_and_end_with_their_process(tmp_path: Path) -> None:
    other = holder("claim", tmp_path / "c.sqlite")
    claims = Claims.of(tmp_path / "c.sqlite")
    assert claims.look_around([])
    assert not claims.take("ab" * 16)
    assert claims.take("cd" * 16)
    other.kill()
    other.communicate()
    assert claims.take("ab" * 16)
    assert not claims.look_around([])
    claims.close()


def test_whoever_tidies_up_is_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    other = holder("alone", path)
    with pytest.raises(StoreBusyError, match="tidied up"):
        ResponseCache(path)
    other.communicate("")
    cache = ResponseCache(path)
    with pytest.raises(StoreBusyError, match="in use"), alone(path):
        pass
    cache.close()
    other = holder("claim", path)
    with pytest.raises(StoreBusyError, match="in use"), alone(path):
        pass
    other.communicate("")


async def test_alone_nothing_is_claimed(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        spec = {"writer": ModelSpec(model="openai:test-model", base_url=server.url)}
        async with Door(spec, cache=tmp_path / "c.sqlite") as door:
            ask = door.ask_for("writer")
            await asyncio.gather(*(ask([{"role": "user", "content": str(i)}]) for i in range(20)))
            claims = Claims.of(tmp_path / "c.sqlite")
            assert not claims.look_around(["ab" * 16])
            assert not claims.crowded
            claims.close()
    assert (tmp_path / "c.sqlite-claims").stat().st_size == 0
