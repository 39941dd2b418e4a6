"""Processes of vLLM engines that a program started for itself."""

from __future__ import annotations

import os
from pathlib import Path


def running(folder: Path) -> list[int]:
    """Engine processes whose log is in ``folder``; not the tracker of the program, which ends with it."""
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is(entry, folder)
    ]


def _is(process: Path, folder: Path) -> bool:
    try:
        # their names hide what they were started with, but what they write to stays open
        log = Path(os.readlink(process / "fd" / "1"))
        words = (process / "cmdline").read_text(errors="replace")
    except OSError:  # it has just ended
        return False
    return log.parent == folder and log.name.endswith(".vllm.log") and "resource_tracker" not in words


def descendants(pid: int) -> list[int]:
    """Processes below ``pid``, whatever they are."""
    below = [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(task)]
    return below + [one for child in below for one in descendants(child)]


def alive(pid: int) -> bool:
    """Whether the process runs: one that only waits to be reaped does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:  # it has just ended
        return []
