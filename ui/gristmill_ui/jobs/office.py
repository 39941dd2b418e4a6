"""Starting and stopping jobs. Only leads may: a run can cost money."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_data.store import Store
from gristmill_data.store.lives import read_lives
from gristmill_data.store.owner import read_owner_file
from gristmill_data.store.people import require
from gristmill_ui.jobs import files
from gristmill_ui.jobs.files import Job, Kind
from gristmill_ui.services.recipes import Found, inside

_children: dict[str, subprocess.Popen[bytes]] = {}
"""Processes started by this one: whoever starts a process must hear of its end."""


def start(store: Store, recipe: Found, kind: Kind, by: str, options: Mapping[str, Any]) -> Job:
    """Run a recipe, or count what it would cost, as a process of its own in the name of ``by``.

    Raises:
        NotAllowedError: ``by`` is no lead.
        UsageError: the recipe is not one of the project's, or is being run; this app cannot take rows.
        OSError: the process cannot be started.
    """
    with store.cursor() as cursor:
        require(cursor, by, "lead", "start runs")
    path = inside(store.path, recipe.path)
    if read_owner_file(store.path) is None:
        raise UsageError(
            "this app cannot take the rows of a run", cure="start it with: gristmill review --db FILE.duckdb"
        )
    if kind == "run" and (busy := running(store.path, recipe.name)):
        raise UsageError(f"the recipe {recipe.name!r} is being run already ({busy})", cure="wait for its end")
    job = files.make(store.path, kind, path, recipe.name, by, options)
    _children[job.id] = _launch(job)
    return job


def running(db: Path, name: str) -> str:
    """The run of a recipe that goes on, started wherever; empty when there is none."""
    lives = [life for life in read_lives(db) if life["name"] == name and life["state"] == "running"]
    mine = [job for job in files.jobs(db) if job.name == name and job.kind == "run"]
    going = [job.id for job in mine if job.state in ("starting", "running")]
    return lives[0]["run"] if lives else next(iter(going), "")


def _launch(job: Job) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gristmill_ui.jobs.child", str(job.folder)]
    with _output(job.folder / "log.txt") as log, _output(job.folder / "out.json") as out:
        return subprocess.Popen(  # noqa: S603 - our own program, the recipe checked to be in the project
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=Path(job.recipe).parent,
            start_new_session=True,  # it goes on when the app is stopped with Ctrl-C
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "110", "PYTHONUNBUFFERED": "1"},
        )


def _output(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def all_jobs(db: Path) -> list[Job]:
    """The jobs of a dataset, the newest first."""
    for key, child in list(_children.items()):
        if child.poll() is not None:
            del _children[key]
    return files.jobs(db)


def stop(store: Store, job: Job, by: str, *, now: bool = False) -> None:
    """Ask a job to end once the calls on their way are answered; asking again changes nothing.

    With ``now``, of a job that was asked to end: those calls are dropped.

    Raises:
        NotAllowedError: ``by`` is no lead.
    """
    with store.cursor() as cursor:
        require(cursor, by, "lead", "stop runs")
    process = job.process
    if not process or not files.is_alive(int(process["pid"]), str(process["born"])):
        return
    if now == bool(job.stopper):
        if not now:
            files.write(job.folder / "stop.json", {"by": by, "time": time.time()})
        os.kill(int(process["pid"]), signal.SIGINT)
