"""A forked command behaves like one that is started: what the other tests see is what people get."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engine_runs import held
from support.processes import Process, fresh, needs_a_start, run
from support.projects import make_project

Command = Callable[..., subprocess.CompletedProcess[str]]
BOTH: tuple[Command, Command] = (fresh, run)
NEVER_ALIKE = {"run", "seconds", "peak_rss_mb"}


def said(done: subprocess.CompletedProcess[str], folder: Path) -> tuple[int, str, str]:
    """Exit code and words, without what differs between any two runs."""
    out, err = (text.replace(str(folder), "HERE") for text in (done.stdout, done.stderr))
    return done.returncode, re.sub(r"\d+(\.\d+)?", "N", out), re.sub(r"\d+(\.\d+)?", "N", err)


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "run --help",
        "list generators",
        "run nothing.yaml",
        "run",
        "fly",
        "status --db none.duckdb",
        "run recipe.yaml --json --preview 1",
        "run recipe.yaml --dry-run",
    ],
)
def test_a_command_says_and_ends_the_same(tmp_path: Path, line: str) -> None:
    told = []
    for number, command in enumerate(BOTH):
        make_project(tmp_path / str(number))
        told.append(said(command(*line.split(), cwd=tmp_path / str(number)), tmp_path / str(number)))
    assert told[0] == told[1]
    assert told[0][1] or told[0][2]


def test_both_make_the_same_dataset(tmp_path: Path) -> None:
    ended, kept = [], []
    for number, command in enumerate(BOTH):
        recipe = make_project(tmp_path / str(number), copies=2)
        ended.append(command("run", recipe, "--json"))
        kept.append(held(tmp_path / str(number) / "gristmill.duckdb"))
    summaries: list[dict[str, Any]] = [json.loads(done.stdout) for done in ended]
    alike = [{key: value for key, value in one.items() if key not in NEVER_ALIKE} for one in summaries]
    assert alike[0] == alike[1]
    assert ended[0].returncode == ended[1].returncode == 0
    assert kept[0]["examples"] == kept[1]["examples"] != []


def test_its_environment_folder_and_arguments_are_its_own(tmp_path: Path) -> None:
    code = "import os, sys; print(sorted(os.environ), os.getcwd(), sys.path[0], sys.argv[1:]); sys.exit(7)"
    done = run("a b", "ü", before=code, cwd=tmp_path, env={**early(), "MILL": "1"})
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == f"{sorted({**early(), 'MILL': ''})} {tmp_path} {tmp_path} ['a b', 'ü']\n"


def early() -> dict[str, str]:
    """What a fork must have as its parent had it."""
    return {name: value for name, value in os.environ.items() if needs_a_start({**os.environ, name: "?"})}


ENDS = [
    ("sys.exit('so')", 1, "so\n"),
    ("sys.exit()", 0, ""),
    ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
    ("os._exit(9)", 9, ""),
    ("signal.raise_signal(signal.SIGTERM)", -signal.SIGTERM, ""),
    (
        "threading.Timer(0.1, print, ['late'], {'file': sys.stderr}).start(); sys.exit(3)",
        3,
        "late\n",
    ),
    ("atexit.register(print, 'last', file=sys.stderr); sys.exit(4)", 4, "last\n"),
]


@pytest.mark.parametrize(("code", "ends", "says"), ENDS)
def test_it_ends_as_a_process_does(code: str, ends: int, says: str) -> None:
    done = run(before=f"import atexit, os, signal, sys, threading, time; {code}")
    assert done.returncode == ends
    assert done.stderr.endswith(says)
    assert bool(done.stderr) == bool(says)


def test_signals_reach_it_and_its_streams_are_read(tmp_path: Path) -> None:
    nap = "import time; print('up', flush=True); time.sleep(60)"
    with Process(before=nap) as asleep:
        assert asleep.stdout is not None
        assert asleep.stdout.readline() == "up\n"
        assert asleep.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            asleep.wait(0.01)
        asleep.terminate()
        assert asleep.communicate(20) == ("", "")
        assert asleep.returncode == -signal.SIGTERM
    with Process(before=nap, start_new_session=True) as asleep:
        assert os.getpgid(asleep.pid) == asleep.pid != os.getpgid(0)
        asleep.kill()
        assert asleep.wait(20) == -signal.SIGKILL


def test_sets_are_not_always_in_the_same_order() -> None:
    if os.environ.get("PYTHONHASHSEED", "random") != "random":
        pytest.skip("PYTHONHASHSEED is set")
    orders = {run(before="print(hash('mill')); raise SystemExit").stdout for _ in range(4)}
    assert len(orders) == 2


def test_what_was_forked_ends_with_the_one_that_asked() -> None:
    code = (
        "import os; from support.processes import Process\n"
        "asleep = Process(before='import time; time.sleep(60)'); print(asleep.pid, flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", code]
    gone = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, timeout=60)
    limit = time.monotonic() + 20
    while Path(f"/proc/{gone.stdout.strip()}/cmdline").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    assert gone.stdout.strip().isdigit(), gone.stderr
    assert not Path(f"/proc/{gone.stdout.strip()}").exists()
