"""What is kept of a job: a folder ``X.duckdb.jobs/ID``, for this user only, that outlives page and app.

| file | holds |
|---|---|
| ``job.json`` | what was asked for, by whom, when |
| ``process.json`` | which process does it (host, id, birth) |
| ``log.txt`` | what the command said |
| ``out.json`` | its result |
| ``stop.json`` | who asked it to end, and when |
| ``exit.json`` | the exit code and when that was; missing when it was killed |
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import orjson

from gristmill_data.store.lives import this_process
from gristmill_data.store.owner import born_at
from gristmill_data.store.places import jobs_folder
from gristmill_data.store.segments import alive

Kind = Literal["run", "preview"]
State = Literal["starting", "running", "ended", "killed"]
STARTING_S = 20.0
"""How long a process may take before it says that it is there."""
KEPT = 40
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class Job:
    """A command that was started in the browser. ``arguments`` are those of ``gristmill``."""

    id: str
    folder: Path
    kind: Kind
    recipe: str
    name: str
    arguments: tuple[str, ...]
    by: str
    started: float
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def process(self) -> Mapping[str, Any]:
        """Host, pid and birth of its process; empty before it said so."""
        return _read(self.folder / "process.json")

    @property
    def code(self) -> int | None:
        """The exit code; None before the end, and when it was killed."""
        told = _read(self.folder / "exit.json").get("code")
        return told if isinstance(told, int) else None

    @property
    def ended(self) -> float | None:
        """When it ended, in seconds since 1970; None while it lasts, and when it was killed."""
        told = _read(self.folder / "exit.json").get("time")
        return float(told) if told is not None else None

    @property
    def stopper(self) -> str:
        """Who asked it to end; empty while nobody has."""
        return str(_read(self.folder / "stop.json").get("by") or "")

    @property
    def state(self) -> State:
        """What can be said of it from its files and its process."""
        if self.code is not None:
            return "ended"
        process = self.process
        if not process:
            return "starting" if time.time() - self.started < STARTING_S else "killed"
        if is_alive(int(process["pid"]), str(process["born"])):
            return "running"
        return "ended" if self.code is not None else "killed"

    @property
    def log(self) -> str:
        """What the command said so far, the last 64 kB of it."""
        return _tail(self.folder / "log.txt")

    @property
    def result(self) -> Mapping[str, Any]:
        """What it printed for machines; empty before the end."""
        return _read(self.folder / "out.json")


def make(db: Path, kind: Kind, recipe: Path, name: str, by: str, options: Mapping[str, Any]) -> Job:
    """A new job in a folder of its own; nothing is started yet.

    Raises:
        OSError: the folder cannot be written.
    """
    parent = jobs_folder(db)
    parent.mkdir(mode=0o700, exist_ok=True)
    _prune(db)
    key = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:6]}"
    (parent / key).mkdir(mode=0o700)
    arguments = ("run", str(recipe), "--json", *_flags(kind, options))
    job = Job(key, parent / key, kind, str(recipe), name, arguments, by, time.time(), dict(options))
    told = {n: getattr(job, n) for n in ("kind", "recipe", "name", "arguments", "by", "started", "options")}
    write(job.folder / "job.json", told)
    return job


def _flags(kind: Kind, options: Mapping[str, Any]) -> list[str]:
    flags = ["--dry-run"] if kind == "preview" else []
    if options.get("regenerate"):
        flags.append("--regenerate")
    for name in ("limit", "max_cost"):
        if options.get(name) is not None and not (name == "max_cost" and kind == "preview"):
            flags += [f"--{name.replace('_', '-')}", str(options[name])]
    return flags


def jobs(db: Path) -> list[Job]:
    """All jobs of a dataset that are kept, the newest first."""
    folder = jobs_folder(db)
    names = sorted((p.name for p in folder.glob("*") if _ID.fullmatch(p.name)), reverse=True)
    return [job for name in names if (job := _job(folder / name)) is not None]


def write(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a small file at once; only this user can read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(value))
    temporary.replace(path)


def is_alive(pid: int, born: str) -> bool:
    """Whether this very process lives; one that ended and was not waited for does not."""
    if born_at(pid) != born:
        return False
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    except OSError:
        return not born and alive(pid)  # without /proc: whether the process takes signals
    return stat.rpartition(")")[2].split()[0] != "Z"


def announce(folder: Path) -> None:
    """Say that this process does the job."""
    write(folder / "process.json", this_process())


def _job(folder: Path) -> Job | None:
    told = _read(folder / "job.json")
    if not told:
        return None  # it is being made, or was never finished
    return Job(
        folder.name,
        folder,
        told["kind"],
        told["recipe"],
        told["name"],
        tuple(told["arguments"]),
        told["by"],
        told["started"],
        told["options"],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        told = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _tail(path: Path, size: int = 65_536) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _prune(db: Path) -> None:
    """Forget the oldest jobs that are over."""
    over = [job for job in jobs(db) if job.state in ("ended", "killed")]
    for job in over[KEPT:]:
        shutil.rmtree(job.folder, ignore_errors=True)
