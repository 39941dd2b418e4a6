"""Benchmarks out of lm-eval tasks, rendered through the task's own templates."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import MissingExtraError, UsageError
from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.lm_eval_render import frame_of, rendered
from gristmill_evals.lm_tasks import SHOWN, leaves, manager_with, quietly, source, unknown


def load_task(name: str, folder: Path | None = None) -> Benchmark:
    """The evaluation documents of the lm-eval task, tag or group ``name`` as a benchmark.

    ``folder`` holds YAML task files beside lm-eval's own. Examples for few-shot prompts are no part of it.

    Raises:
        MissingExtraError: lm-eval is not installed.
        UsageError: no such task or folder, or its data cannot be reached; the cure says which file to give.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtraError(f"benchmark lm-eval:{name}", "eval")
    where = f"lm-eval:{name}" + (f"@{folder}" if folder else "")
    if folder is not None and not folder.is_dir():
        raise UsageError("there is no such folder of tasks", where=where, cure="write lm-eval:TASK@FOLDER")
    manager = manager_with(name, folder.resolve() if folder else None)
    if name not in manager.task_index:
        raise unknown(name, where, manager)
    try:
        with quietly():
            tasks: Mapping[str, Any] = manager.load([name])["tasks"]
            return _benchmark(name, tasks)
    except UsageError:
        raise
    except Exception as error:
        raise _unreachable(name, where, manager, error) from error


def _benchmark(name: str, tasks: Mapping[str, Any]) -> Benchmark:
    items: list[BenchmarkItem] = []
    unusable: list[str] = []
    for key, task in sorted(tasks.items()):
        for where, item in _items(key, task):
            if isinstance(item, str):
                unusable.append(f"{where} {item}")
            else:
                items.append(item)
    if not items:
        reason = f": {unusable[0]}" if unusable else ""
        raise UsageError(f"the task has no usable documents{reason}", where=f"lm-eval:{name}")
    return Benchmark.make(
        name,
        items,
        split=_common(_split(task) for task in tasks.values()),
        version=_common(_version(task) for task in tasks.values()),
        unusable=unusable,
    )


def _items(name: str, task: Any) -> Iterator[tuple[str, BenchmarkItem | str]]:
    """Every document with its place; a text instead of an item says why it cannot be used."""
    frame = frame_of(task)
    for number, document in enumerate(task.eval_docs):
        where = f"{name}:{number}"
        try:
            question, answer, choices = rendered(task, document, frame)
        except Exception as error:  # noqa: BLE001 - per-item boundary: templates are code of strangers
            yield where, f"the template fails ({type(error).__name__}: {error})"[:200]
            continue
        if question.strip():
            yield where, BenchmarkItem(f"{name}-{number}", question, answer, choices)
        else:
            yield where, "blank question"


def _split(task: Any) -> str:
    config = task.config
    split = config.test_split if task.has_test_docs() else config.validation_split
    return str(split or ("test" if task.has_test_docs() else "validation"))


def _version(task: Any) -> str:
    metadata = getattr(task.config, "metadata", None)
    version = metadata.get("version") if isinstance(metadata, Mapping) else task.VERSION
    return "" if version in (None, "Yaml") else str(version)


def _common(values: Iterator[str]) -> str:
    """All that differ, in order of appearance: mostly one."""
    return ", ".join(dict.fromkeys(value for value in values if value))


def _unreachable(name: str, where: str, manager: Any, error: Exception) -> UsageError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    sources = list(dict.fromkeys(filter(None, (source(leaf, manager) for leaf in leaves(name, manager)))))
    more = ", …" if len(sources) > SHOWN else ""
    data = f"; its data: {', '.join(sources[:SHOWN])}{more}" if sources else ""
    return UsageError(
        f"the data of the lm-eval task {name!r} cannot be loaded: {reason}{data}",
        where=where,
        cure=f"save its test split as {name}.jsonl (one object a line: id, question, answer, choices) "
        f"and give that path instead of {where}",
    )
