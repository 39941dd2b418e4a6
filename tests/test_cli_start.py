"""The command line starts fast, explains itself, and answers mistakes without a traceback."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest


def gristmill(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gristmill", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


def test_help_is_light() -> None:
    # What it loads is what it costs; the bound on CPU is generous because machines differ.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = gristmill("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert "run" in done.stdout
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 2.0


def test_help_imports_no_heavy_package() -> None:
    heavy = {
        "pandas",
        "duckdb",
        "streamlit",
        "distilabel",
        "lm_eval",
        "openai",
        "kreuzberg",
        "altair",
        "vllm",
    }
    code = "import sys, gristmill.cli; print(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert heavy & set(done.stdout.split()) == set()


@pytest.mark.parametrize("kind", ["generators", "scorers", "gates", "readers", "exports", "rubrics"])
def test_list_gives_every_component_a_line_of_help(kind: str) -> None:
    done = gristmill("list", kind)
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines
    assert all(len(line.split(None, 1)) == 2 for line in lines), lines


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["list", "nonsense"], "known: generators"),
        (["run", "none.yaml"], "no such file"),
        (["status", "--db", "none.duckdb"], "no such file"),
        (["status"], "which store?"),
        (["run"], "Missing argument"),
        (["fly"], "No such command"),
        (["decontaminate", "none.jsonl", "--benchmark", "b", "--out", "o"], "no such file"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_message(tmp_path: Path, args: list[str], says: str) -> None:
    done = gristmill(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_is_documented() -> None:
    from typer.main import get_command

    from gristmill.cli import app

    page = (Path(__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"gristmill {name}" not in page] == []
