"""A server that Gristmill starts: when, how often, and what is left of it."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest
from support.served import environment, log_of, running_in, script, serve, servers_in, spec

from gristmill.errors import ModelConfigError
from gristmill.models import Door, RetryPolicy, check_models

ASKED = [{"role": "user", "content": "What is a mill?"}]
QUICK = RetryPolicy(base=0.01, longest=0.05)
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(60)"])
from support.openai_server import OpenAIServer
server = OpenAIServer().start(int(sys.argv[1]))
time.sleep(60)
"""


async def test_it_runs_as_long_as_it_is_needed(tmp_path: Path) -> None:
    async with Door({"writer": spec(tmp_path)}, cache=None) as door:
        assert running_in(tmp_path) == {}  # nothing was asked yet
        [answer] = await door.ask_for("writer")(ASKED)
        assert answer.text
        assert answer.model == "openai:test-model"
        [pid] = servers_in(tmp_path)
        key = environment(pid)["OPENAI_SERVER_KEY"]
        assert key not in " ".join(running_in(tmp_path).values())
    assert running_in(tmp_path) == {}
    log = tmp_path / "x.duckdb.server-test-model.log"
    assert key not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_roles_share_it_and_the_cache_ignores_it(tmp_path: Path) -> None:
    specs = {"writer": spec(tmp_path), "judge": spec(tmp_path, params={"temperature": 0})}
    for _ in range(2):
        async with Door(specs, cache=tmp_path / "c.sqlite") as door:
            for role in specs:
                await door.ask_for(role)(ASKED)
            assert door.counters.total.sent + door.counters.total.cached == 2
    assert log_of(tmp_path).count("gristmill starts") == 1  # the second time everything was in the cache


async def test_one_that_dies_is_started_again(tmp_path: Path) -> None:
    async with Door({"writer": spec(tmp_path)}, cache=None, retry=QUICK) as door:
        ask = door.ask_for("writer")
        await ask(ASKED)
        [first] = servers_in(tmp_path)
        os.kill(first, signal.SIGKILL)
        [answer] = await ask([{"role": "user", "content": "And a pump?"}])
        assert answer.text
        [second] = servers_in(tmp_path)
        assert second != first
    assert log_of(tmp_path).count("gristmill starts") == 2


async def test_one_that_dies_too_often_stops_the_run(tmp_path: Path) -> None:
    how = serve(restarts=0)
    async with Door({"writer": spec(tmp_path, how)}, cache=None, retry=QUICK) as door:
        ask = door.ask_for("writer")
        await ask(ASKED)
        os.kill(servers_in(tmp_path)[0], signal.SIGKILL)
        with pytest.raises(ModelConfigError, match=r"ended by itself \(signal 9\)"):
            await ask([{"role": "user", "content": "And a pump?"}])
    assert running_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (script("print('no such model: x'); raise SystemExit(3)"), ["exit code 3", "no such model: x"]),
        (
            {"engine": "command", "command": ["no-such-server", "{port}"]},
            ["cannot start no-such-server: No such file", "exit code 127"],
        ),
        (
            script("import time; print('loading', flush=True); time.sleep(60)", start_timeout=0.5),
            ["did not answer", "within 0.5 s", "loading", "raise start_timeout"],
        ),
        ({"python": "/nowhere/python"}, ["cannot start /nowhere/python"]),
        (
            script("print('ValueError: too little room'); print('frame\\n' * 40); raise SystemExit(1)"),
            ["(exit code 1): ValueError: too little room; the end of its log:"],
        ),
    ],
)
async def test_one_that_does_not_start(tmp_path: Path, how: dict[str, object], said: list[str]) -> None:
    async with Door({"writer": spec(tmp_path, how)}, cache=None) as door:
        with pytest.raises(ModelConfigError) as caught:
            await door.ask_for("writer")(ASKED)
    assert caught.value.kind == "server"
    assert all(words in str(caught.value) for words in said), str(caught.value)
    assert str(tmp_path / "x.duckdb.server-test-model.log") in str(caught.value)
    assert running_in(tmp_path) == {}


async def test_all_it_started_ends_with_it(tmp_path: Path) -> None:
    how = {**script(STUBBORN, stop_timeout=0.2), "env": serve()["env"]}
    async with Door({"writer": spec(tmp_path, how)}, cache=None) as door:
        await door.ask_for("writer")(ASKED)
        assert len(servers_in(tmp_path)) == 2
    assert running_in(tmp_path) == {}


async def test_models_check_starts_it(tmp_path: Path) -> None:
    specs = {"writer": spec(tmp_path), "judge": spec(tmp_path), "broken": spec(tmp_path, script("1/0"))}
    results = {result.role: result for result in await check_models(specs)}
    assert results["writer"].ok
    assert results["judge"].ok
    assert "ZeroDivisionError" in results["broken"].detail
    assert running_in(tmp_path) == {}
