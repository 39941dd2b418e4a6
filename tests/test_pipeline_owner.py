"""While the review app owns the file, every other command goes on working."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.projects import gristmill, make_project, run_json


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[Path]:
    """A project with one run, and the review app open on its store."""
    recipe = make_project(tmp_path)
    run_json(recipe)
    command = [sys.executable, "-u", "-m", "gristmill", "review", "--no-browser", "--port", "0"]
    command += ["--db", str(tmp_path / "gristmill.duckdb")]
    app = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert app.stdout is not None
    said = app.stdout.readline()
    assert re.search(r"http://127\.0\.0\.1:\d+", said), said
    yield recipe
    app.send_signal(signal.SIGTERM)
    app.wait(20)


def test_run_report_export_backup_and_status_beside_the_app(reviewed: Path) -> None:
    folder, db = reviewed.parent, reviewed.parent / "gristmill.duckdb"
    (folder / "documents" / "new.md").write_text("# Weir\n\nA weir is a low dam that raises a river.\n")
    summary = run_json(reviewed)
    assert (summary["balanced"], summary["pending"]) == (True, 0)
    assert summary["resumed"] > 0
    done = gristmill("report", "--db", db, "--out", folder / "report.html")
    assert done.returncode == 0, done.stderr
    assert "A weir is a low dam" in (folder / "report.html").read_text()
    done = gristmill("export", "--db", db, "--format", "chat", "--out", folder / "sft.jsonl")
    assert done.returncode == 0, done.stderr
    assert "A weir is a low dam" in (folder / "sft.jsonl").read_text()
    assert gristmill("backup", "--db", db, folder / "copy.duckdb").returncode == 0
    assert '"segments_waiting": 0' in gristmill("status", "--db", db, "--json").stdout


def test_the_app_refuses_other_addresses_and_closes_tidily(reviewed: Path) -> None:
    db = reviewed.parent / "gristmill.duckdb"
    done = gristmill("review", "--db", db, "--host", "0.0.0.0", "--no-browser")
    assert done.returncode == 2
    assert "authentication" in done.stderr
    owner = reviewed.parent / "gristmill.duckdb.owner.json"
    assert os.stat(owner).st_mode & 0o777 == 0o600
