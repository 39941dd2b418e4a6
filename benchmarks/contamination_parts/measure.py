"""A command in a process of its own: its time, and the memory of it and everything it starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

PAUSE = 0.05
MB = 1_000_000
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """Wall and CPU seconds of a process with its children, and the largest resident size of all together.

    ``own_mb`` counts a page that several processes share once (PSS).
    """

    seconds: float
    cpu: float
    rss_mb: float
    own_mb: float


class CommandFailedError(Exception):
    """A client ended with an error; the text is the end of what it printed."""


def run(command: list[str], folder: Path, cores: int) -> Used:
    """Run ``command`` on ``cores`` of the cores that are allowed here.

    Raises:
        CommandFailedError: it ended with another status than 0.
    """
    allowed = set(sorted(os.sched_getaffinity(0))[:cores])
    environment = {**os.environ, "RAYON_NUM_THREADS": str(cores), "PYTHONDONTWRITEBYTECODE": ""}
    output = folder / "output.txt"
    before = os.times()
    started = time.perf_counter()
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        rss, own = _watch(process)
    seconds = time.perf_counter() - started
    after = os.times()
    if process.returncode != 0:
        raise CommandFailedError(output.read_text(encoding="utf-8", errors="replace")[-3000:])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Used(seconds, cpu, rss / MB, own / MB)


def _watch(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    rss = own = looks = 0
    while process.poll() is None:
        family = _family(process.pid)
        rss = max(rss, sum(map(_resident, family)))
        if looks % 10 == 0:  # the kernel walks all pages for this one
            own = max(own, sum(map(_proportional, family)))
        looks += 1
        time.sleep(PAUSE)
    return rss, own


def _family(root: int) -> list[int]:
    """``root`` and all its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _read(entry / "stat")
            if stat:
                children[int(stat.rpartition(")")[2].split()[1])].append(int(entry.name))
    family = [root]
    for member in family:
        family += children[member]
    return family


def _resident(process: int) -> int:
    fields = _read(Path(f"/proc/{process}/statm")).split()
    return int(fields[1]) * _PAGE if fields else 0


def _proportional(process: int) -> int:
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(path: Path) -> str:
    """The text, or "" when the process has ended meanwhile."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def check_platform() -> None:
    """Leave with the reason where processes cannot be watched or bound to a core."""
    if not (Path("/proc/self/statm").exists() and hasattr(os, "sched_setaffinity")):
        sys.exit("this benchmark reads /proc and binds processes to cores: it runs on Linux only")
