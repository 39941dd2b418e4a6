"""A run killed in the middle, and the offline backend, through the whole door."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.openai_server import OpenAIServer

from gristmill.errors import ModelConfigError
from gristmill.models import Door, ModelSpec, Task

IN_FLIGHT = 8
ASKER = """
import asyncio, sys
from pathlib import Path
from gristmill.models import Door, ModelSpec, RetryPolicy

async def main(url, cache, count, concurrency):
    spec = ModelSpec(model="openai:test-model", base_url=url, concurrency=concurrency)
    async with Door({"writer": spec}, cache=Path(cache), retry=RetryPolicy(base=0.01)) as door:
        ask = door.ask_for("writer")
        await asyncio.gather(*(ask([{"role": "user", "content": str(i)}]) for i in range(count)))
        print(door.counters.total.sent, door.counters.total.cached)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def asker(server: OpenAIServer, cache: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ASKER, server.url, str(cache), str(count), str(IN_FLIGHT)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_after_a_kill_only_calls_in_flight_are_sent_again(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.02, p429=0.1, p500=0.05) as server:
        process = asker(server, tmp_path / "c.sqlite", 300)
        while server.answered.total() < 100 and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        before = server.answered.total()
        done, _ = asker(server, tmp_path / "c.sqlite", 300).communicate(timeout=120)
        sent, cached = map(int, done.split())
        assert sent + cached == 300
        assert before - IN_FLIGHT <= cached <= before
        assert sum(server.repeated.values()) - len(server.repeated) <= IN_FLIGHT


async def test_offline_answers_are_addressed_by_the_task_too(tmp_path: Path) -> None:
    passages = [
        "A tide mill is a water mill that is driven by the rise and fall of the sea.",
        "A post mill is a windmill whose whole body turns on a single upright post.",
    ]
    keys = set()
    for _ in range(2):
        specs = {"writer": ModelSpec(model="offline:extractive")}
        async with Door(specs, cache=tmp_path / "c.sqlite") as door:
            ask = door.ask_for("writer")
            for passage in passages:
                task = Task("answer", {"question": "What is it?", "passage": passage, "heading_path": []})
                [answer] = await ask([{"role": "user", "content": "the same words"}], task=task)
                assert answer.text in passage
                keys.add(answer.key)
    assert len(keys) == 2
    assert (door.counters.total.sent, door.counters.total.cached) == (0, 2)
    assert door.counters.total.unpriced == 0


async def test_offline_refuses_a_free_prompt() -> None:
    async with Door({"writer": ModelSpec(model="offline:extractive")}, cache=None) as door:
        with pytest.raises(ModelConfigError) as caught:
            await door.ask_for("writer")([{"role": "user", "content": "Tell me a joke."}])
    assert caught.value.kind == "unsupported-task"
