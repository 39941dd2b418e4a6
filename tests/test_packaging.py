"""The wheel installs only our packages, and works from another folder without the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


def test_top_level_names_are_ours_alone(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {re.sub(r"-.*", "", top) for top in tops} == {
        "gristmill",
        "gristmill_generators",
        "gristmill_scorers",
        "gristmill_evals",
        "gristmill_data",
        "gristmill_ui",
    }


def test_wheel_carries_samples_rubrics_and_markers(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "gristmill_data/samples/recipe.yaml" in names
    assert "gristmill_scorers/rubrics/answer.yaml" in names
    assert sum(name.endswith("/py.typed") for name in names) == 6
    assert any(name.startswith("gristmill_data/store/migrations/") for name in names)


def test_command_line_runs_out_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import gristmill, sys; assert gristmill.__file__.startswith(sys.argv.pop(1));"
        "from gristmill.cli import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": str(site)}

    def run(*args: str) -> None:
        command = [sys.executable, "-c", code, str(site), *args]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    run("init", "project")
    run("run", "project/recipe.yaml")
    run("export", "--db", "project/gristmill.duckdb", "--format", "chat", "--out", "sft.jsonl")
    assert (tmp_path / "sft.jsonl").read_text().count("\n") > 5


def test_locks_name_no_index_and_no_local_path() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert not re.search(r"://|--index|--find-links|file:|^/", text, re.MULTILINE)
        assert "--hash=sha256:" in text
