"""While the review app owns the file, every other command goes on working."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engine_runs import review
from support.projects import gristmill, make_project, run_json


@pytest.fixture
def reviewed(tmp_path: Path) -> Iterator[Path]:
    """A project with one run, and the review app open on its store."""
    recipe = make_project(tmp_path)
    run_json(recipe)
    app = review(tmp_path / "gristmill.duckdb")
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
    assert "without a sign-in" in done.stderr
    owner = reviewed.parent / "gristmill.duckdb.owner.json"
    assert os.stat(owner).st_mode & 0o777 == 0o600


DIES = """
import os, socket, sys
from pathlib import Path
from gristmill_data.store import Store, write_owner_file
with Store.open(sys.argv[1]), socket.create_server(("127.0.0.1", 0)) as server:
    write_owner_file(Path(sys.argv[1]), f"http://127.0.0.1:{server.getsockname()[1]}", "token")
    print("ready", flush=True)
    server.accept()[0].recv(100)
    os._exit(1)
"""


def test_an_app_that_dies_while_it_is_asked_does_not_stop_a_run(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    run_json(recipe)
    command = [sys.executable, "-c", DIES, str(tmp_path / "gristmill.duckdb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n"
        threading.Thread(target=app.wait).start()  # as a shell does: a process nobody waits for stays listed
        again = run_json(recipe)
    assert again["resumed"] == again["planned"]
