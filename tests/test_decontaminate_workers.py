"""gristmill decontaminate with several processes: the same output, and orderly ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from gristmill.cli import app
from gristmill.errors import UsageError
from gristmill.pipeline.processes import WorkersLostError, on_processes

ITEM = (
    "How many hectares of meadow does a shepherd with ninety-one sheep and four dogs rent for a dry summer?"
)


@dataclass(frozen=True)
class Doubling:
    """A job for workers; what a batch holds may make it fail."""

    broken: bool = False

    def open(self) -> Callable[[list[int]], list[int]]:
        if self.broken:
            raise UsageError("cannot be opened", where="here", cure="mend it")
        return self.work

    @staticmethod
    def work(batch: list[int]) -> list[int]:
        if -1 in batch:
            os.kill(os.getpid(), signal.SIGKILL)
        if -2 in batch:
            raise UsageError("a wrong number", where="batch", cure="other numbers")
        time.sleep(0.02 * (batch[0] % 3))
        return [2 * number for number in batch]


def test_results_come_in_order_and_no_further_ahead_than_needed() -> None:
    read = 0

    def batches() -> Iterator[list[int]]:
        nonlocal read
        for n in range(40):
            read += 1
            yield [n]

    found = on_processes(Doubling(), batches(), 2)
    assert next(found) == [0]
    assert read <= 7
    assert list(found) == [[2 * n] for n in range(1, 40)]


def test_errors_arrive_as_they_were() -> None:
    with pytest.raises(UsageError, match="a wrong number") as caught:
        list(on_processes(Doubling(), iter([[1], [-2]]), 2))
    assert caught.value.cure == "other numbers"
    with pytest.raises(UsageError, match="cannot be opened"):
        list(on_processes(Doubling(broken=True), iter([[1]]), 2))


def test_workers_do_not_run_the_program_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = ModuleType("__main__")
    program.__file__ = str(tmp_path / "program.py")
    Path(program.__file__).write_text("raise SystemExit('a script without a guard')", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "__main__", program)
    assert list(on_processes(Doubling(), iter([[1], [2]]), 2)) == [[2], [4]]
    assert sys.modules["__main__"] is program


def test_a_killed_worker_is_told() -> None:
    with pytest.raises(WorkersLostError, match="a worker process died") as caught:
        list(on_processes(Doubling(), iter([[1], [-1], [2]]), 2))
    assert "--workers" in caught.value.cure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bench.jsonl").write_text(json.dumps({"id": "q", "question": ITEM}), encoding="utf-8")
    texts = (ITEM if n % 97 == 0 else f"Loaf {n} is baked at dawn in oven {n % 7}." for n in range(3000))
    lines = ("broken" if n % 501 == 500 else json.dumps({"text": text}) for n, text in enumerate(texts))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def command(folder: Path, source: str, name: str, *more: str) -> list[str]:
    outputs = ["--out", f"{name}.jsonl", "--clean-out", f"{name}.clean", *more]
    return [
        sys.executable,
        "-m",
        "gristmill",
        "decontaminate",
        source,
        "--benchmark",
        "bench.jsonl",
        *outputs,
    ]


def test_two_workers_write_what_one_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = command(folder, "rows.jsonl", "2", "--workers", "2")
    subprocess.run(wanted, cwd=folder, check=True, capture_output=True)
    monkeypatch.chdir(folder)
    app(command(folder, "rows.jsonl", "1", "--workers", "1")[3:], standalone_mode=False)
    for suffix in (".jsonl", ".clean", ".jsonl.malformed.jsonl"):
        one, two = ((folder / f"{workers}{suffix}").read_bytes() for workers in "12")
        assert one == two
        assert one


@pytest.fixture
def busy(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A scan with two workers that has far more rows than it gets through."""
    (folder / "rows.jsonl").write_bytes(b'{"text": "rye and barley"}\n' * 1_500_000)
    wanted = command(folder, "rows.jsonl", "m", "--workers", "2")
    process = subprocess.Popen(wanted, cwd=folder, stderr=subprocess.PIPE, start_new_session=True)
    _wait_for(lambda: (folder / "m.jsonl.part").exists() and _children(process.pid) >= 2)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_scan_leaves_nothing_behind(
    folder: Path, busy: subprocess.Popen[bytes], number: int
) -> None:
    # To the whole group, as a terminal does with Ctrl-C; SIGTERM comes to the process alone.
    (os.killpg if number == signal.SIGINT else os.kill)(busy.pid, number)
    _, said = busy.communicate(timeout=60)
    assert busy.returncode == 1
    assert said.startswith(b"error: interrupted after ")
    assert b"Traceback" not in said
    assert sorted(path.name for path in folder.iterdir()) == ["bench.jsonl", "rows.jsonl"]
    _wait_for(lambda: not _group(busy.pid))


def test_workers_end_with_a_parent_that_was_killed(busy: subprocess.Popen[bytes]) -> None:
    busy.kill()
    busy.wait()
    _wait_for(lambda: not _group(busy.pid))


def _wait_for(ready: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < limit
        time.sleep(0.05)


def _children(pid: int) -> int:
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def _group(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, 0)
        return True
    return False
