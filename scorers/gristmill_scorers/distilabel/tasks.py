"""Loads distilabel's tasks, once each and only when first used, and runs one row through them."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic.warnings import UnsupportedFieldAttributeWarning

from gristmill_scorers.distilabel.bridge import Bridge

Row = dict[str, Any]
_loading = threading.Lock()
_loaded: dict[tuple[str, str], Any] = {}


def run_rows(task: str, args: Mapping[str, Any], row: Row, samples: int, bridge: Bridge) -> list[Row]:
    """What the task named ``task`` (a class of ``distilabel.steps.tasks``) makes of ``row``. Blocks.

    One row for each of ``samples`` answers, in their order; empty of results where one failed.
    """
    prototype = _prototype(task, args)
    from gristmill_scorers.distilabel.llm import DoorLLM

    # a copy shares the loaded template: 0.03 ms instead of 2 ms, and threads share nothing that changes
    mine = prototype.model_copy(update={"llm": DoorLLM.over(bridge), "num_generations": samples})
    return [dict(result) for result in next(mine.process([row]))]


def _prototype(task: str, args: Mapping[str, Any]) -> Any:
    key = (task, repr(sorted(args.items())))
    # two threads inside one slow import can see half of a package
    with _loading:
        if key not in _loaded:
            _loaded[key] = _load(task, args)
        return _loaded[key]


def _load(task: str, args: Mapping[str, Any]) -> Any:
    with _contained():
        from distilabel.steps import tasks

        from gristmill_scorers.distilabel.llm import DoorLLM
    logging.getLogger(f"distilabel.step.{task}").addFilter(_not_about_pipelines)
    loaded = getattr(tasks, task)(name=task, llm=DoorLLM(), add_raw_input=False, **args)
    loaded.load()
    return loaded


@contextmanager
def _contained() -> Iterator[None]:
    """Undo what distilabel's import does to the whole process."""
    hook = sys.excepthook
    try:
        with warnings.catch_warnings():
            # its own field types, not the user's affair
            warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
            yield
    finally:
        # it installs tracebacks that show local variables, and some of those are API keys
        sys.excepthook = hook


def _not_about_pipelines(record: logging.LogRecord) -> bool:
    return "hasn't received a pipeline" not in record.getMessage()
