"""Signs of life: while a run lasts it keeps a small file beside the dataset that says how far it is.

``X.duckdb.live/RUN.json`` is replaced every second, so that anybody may look at a run without the dataset,
which the run, or the review app, may have open. A file whose process is gone tells of a killed run.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from gristmill_data.store.owner import born_at
from gristmill_data.store.segments import alive, dataset_path

LOST_S = 60.0
"""A run on another machine that was silent for so long is taken for lost."""


def live_folder(db: Path | str) -> Path:
    """Where the runs into the dataset ``db`` say how far they are."""
    path = dataset_path(db)
    return path.with_name(path.name + ".live")


def this_process() -> dict[str, Any]:
    """What tells this process from any other: host, id and when it was born."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": born_at(os.getpid())}


def write_life(db: Path, run_id: str, told: Mapping[str, Any]) -> None:
    """Replace the file of a run; only this user can read it (0600).

    Raises:
        OSError: it cannot be written.
    """
    folder = live_folder(db)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f".{run_id}.{uuid4().hex[:8]}.tmp"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(told, default=str))
        temporary.replace(folder / f"{run_id}.json")
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def remove_life(db: Path, run_id: str) -> None:
    """Remove the file of a run, and the folder when it was the last one."""
    folder = live_folder(db)
    (folder / f"{run_id}.json").unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        return  # other runs are there, or it is gone already


def read_lives(db: Path | str) -> list[dict[str, Any]]:
    """What each run said last, the newest run first, with ``state`` and ``age`` (seconds since).

    ``state`` is ``running``; ``killed`` when its process is gone without a word; ``lost`` when it ran on
    another machine and is silent; else how the run said that it ended early: ``interrupted``, ``failed``.
    """
    told = [life for path in sorted(_files(live_folder(db)), reverse=True) if (life := _read(path))]
    for life in told:
        life["age"] = round(max(0.0, time.time() - life["updated"]), 1)
        life["state"] = _state(life)
    return told


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix == ".json"]
    except OSError:
        return []


def _read(path: Path) -> dict[str, Any] | None:
    try:
        told = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None  # it ended this moment; or the file is of something else
    needed = {"run", "updated", "host", "pid"}
    return told if isinstance(told, dict) and needed <= told.keys() else None


def _state(life: Mapping[str, Any]) -> str:
    if life.get("ended"):
        return str(life["ended"])
    if life["host"] != socket.gethostname():
        return "running" if life["age"] < LOST_S else "lost"
    mine = alive(life["pid"]) and born_at(life["pid"]) == life.get("born")
    return "running" if mine else "killed"
