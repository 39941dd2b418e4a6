"""Servers that Gristmill starts itself, played by the test server or by a line of Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from gristmill.models.spec import ModelSpec

TESTS = Path(__file__).resolve().parents[1]
TEST_SERVER = (sys.executable, "-m", "support.openai_server", "--port", "{port}")


def serve(**more: Any) -> dict[str, Any]:
    """``serve`` of a recipe: the test server, which asks for the key that it finds in its environment."""
    return {
        "engine": "command",
        "command": [*TEST_SERVER],
        "api_key_variable": "OPENAI_SERVER_KEY",
        "env": {"PYTHONPATH": str(TESTS)},
        "start_timeout": 30,
        **more,
    }


def script(code: str, **more: Any) -> dict[str, Any]:
    """``serve`` of a recipe: some Python, with the port in ``sys.argv[1]``."""
    return {
        "engine": "command",
        "command": [sys.executable, "-c", code, "{port}"],
        "start_timeout": 20,
        **more,
    }


def spec(folder: Path, how: dict[str, Any] | None = None, **more: Any) -> ModelSpec:
    """A model whose server runs in ``folder``."""
    made = ModelSpec(model="openai:test-model", serve=how or serve(), **more)
    assert made.serve is not None
    made.serve.place(folder, folder / "x.duckdb")
    return made


def log_of(folder: Path) -> str:
    """What the server wrote."""
    return (folder / "x.duckdb.server-test-model.log").read_text(encoding="utf-8")


def running_in(folder: Path) -> dict[int, str]:
    """Processes whose current folder is ``folder``: keepers and servers, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(folder.resolve()):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z":
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(entry.name)] = words.decode()
        except OSError:
            continue  # it has just ended
    return found


def servers_in(folder: Path) -> list[int]:
    """Those of :func:`running_in` that are no keepers."""
    return [pid for pid, words in running_in(folder).items() if "keeper.py" not in words]


def environment(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
