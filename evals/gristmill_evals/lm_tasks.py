"""lm-eval's index of tasks: which names there are, where they lie, and no more of it read than is needed.

The index of all of lm-eval's own tasks takes seconds; that of a folder is made at once. Nothing here loads a
task's data. lm-eval is imported when a function is called.
"""

from __future__ import annotations

import difflib
import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError

SHOWN = 4
"""Sources of data that an error names."""


def manager_with(name: str, folder: Path | None) -> Any:
    """An index that knows the task: the folder's alone if that will do, for that of all takes seconds."""
    if folder is not None:
        own = manager(folder, False)
        if all(leaf in own.task_index for leaf in leaves(name, own)):
            return own
    return manager(folder, True)


@functools.cache
def manager(folder: Path | None, defaults: bool) -> Any:
    """lm-eval's ``TaskManager`` of a folder's tasks, of all of lm-eval's own, or both."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=None if folder is None else str(folder), include_defaults=defaults)


def leaves(name: str, index: Any) -> list[str]:
    """The tasks that a task, tag or group stands for, as far as the index tells; unknown names stay."""
    return list(dict.fromkeys(_leaves(name, index, set())))


def source(name: str, index: Any) -> str:
    """Where a task's data lie, in its own words; empty where it does not say."""
    entry = index.task_index.get(name)
    config = (entry.cfg if entry else None) or {}
    path, part = config.get("dataset_path"), config.get("dataset_name")
    files = (config.get("dataset_kwargs") or {}).get("data_files")
    if not path:
        return ""
    return str(path) + (f" ({part})" if part else "") + (f" {files}" if files else "")


def unknown(name: str, where: str, index: Any) -> UsageError:
    """The error for a name that is no task, tag or group."""
    near = difflib.get_close_matches(name, index.all_tasks, n=3)
    hint = f"; close: {', '.join(near)}" if near else ""
    return UsageError(
        f"lm-eval has no task {name!r}", where=where, cure=f"`lm-eval ls tasks` lists them{hint}"
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Without progress bars and remarks about few-shot settings, which are of no use here."""
    import datasets

    logger, shown = logging.getLogger("lm_eval"), not datasets.are_progress_bars_disabled()
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def templates_once() -> Iterator[None]:
    """Every template is compiled once, which lm-eval does anew for every document: most of its time."""
    from lm_eval.utils import env

    env.from_string = functools.lru_cache(4096)(env.from_string)
    try:
        yield
    finally:
        del env.from_string  # the class's own is back


def _leaves(name: str, index: Any, seen: set[str]) -> Iterator[str]:
    if name in seen:
        return
    seen.add(name)
    entry = index.task_index.get(name)
    if entry is None:
        yield name
        return
    members = entry.cfg.get("task") if entry.kind.name == "GROUP" and entry.cfg else None
    if entry.kind.name == "TAG":
        members = sorted(entry.tags)
    if not isinstance(members, list):
        yield name
        return
    for member in members:
        inner = member if isinstance(member, str) else member.get("task") or member.get("group")
        if isinstance(inner, str):
            yield from _leaves(inner, index, seen)
