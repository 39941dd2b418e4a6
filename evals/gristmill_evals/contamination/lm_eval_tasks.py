"""Benchmarks out of lm-eval tasks, rendered through the task's own templates."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from gristmill.errors import MissingExtraError, UsageError
from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem


def load_task(name: str) -> Benchmark:
    """The evaluation documents of the lm-eval task, tag or group ``name`` as a benchmark.

    Raises:
        MissingExtraError: lm-eval is not installed.
        UsageError: no such task, or its data cannot be reached; the cure says which file to give instead.
    """
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtraError(f"benchmark lm-eval:{name}", "eval")
    manager = _manager()
    if name not in manager.task_index:
        raise UsageError(
            f"lm-eval has no task {name!r}", where=f"lm-eval:{name}", cure="`lm-eval ls tasks` lists them"
        )
    try:
        tasks: Mapping[str, Any] = manager.load([name])["tasks"]
    except Exception as error:
        raise _unreachable(name, error) from error
    return Benchmark.make(name, [item for key, task in sorted(tasks.items()) for item in _items(key, task)])


@functools.cache
def _manager() -> Any:
    """The index of all tasks, which takes seconds to make."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _items(name: str, task: Any) -> Iterator[BenchmarkItem]:
    multiple = task.OUTPUT_TYPE == "multiple_choice"
    for number, document in enumerate(task.eval_docs):
        choices = tuple(str(choice) for choice in task.doc_to_choice(document)) if multiple else ()
        target = task.doc_to_target(document)
        answer = choices[target] if isinstance(target, int) and target < len(choices) else str(target)
        yield BenchmarkItem(f"{name}-{number}", str(task.doc_to_text(document)), answer, choices)


def _unreachable(name: str, error: Exception) -> UsageError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return UsageError(
        f"the data of the lm-eval task {name!r} cannot be loaded: {reason}",
        where=f"lm-eval:{name}",
        cure=f"save its test split as {name}.jsonl (one object a line: id, question, answer, choices) "
        f"and give that path instead of lm-eval:{name}",
    )
