"""lm-eval tasks by name, folder or file, with what can be checked before anything is sent."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill.models import ModelSpec, can_score
from gristmill.models.scoring import no_scores
from gristmill_evals.lm_tasks import (
    SHOWN,
    leaves,
    manager,
    manager_with,
    quietly,
    source,
    templates_once,
    unknown,
)

SCORED = frozenset({"loglikelihood", "loglikelihood_rolling", "multiple_choice"})
_FILES = (".yaml", ".yml")


def by_name(name: str, folder: Path | None, where: str, *, allow_code: bool) -> Mapping[str, Any]:
    """The leaf tasks of a task, tag or group of lm-eval's, or of a folder of YAML files.

    Raises:
        UsageError: no such folder or name, code to be run, or it cannot be loaded.
    """
    if folder is not None and not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}", where=where, cure="check folder; it holds YAML files"
        )
    index = manager_with(name, folder.resolve() if folder else None)
    if name not in index.task_index:
        raise unknown(name, where, index)
    if not allow_code:  # before its own code is imported, which may fetch more
        _refuse([leaf for leaf in leaves(name, index) if _unsafe(index, leaf)], where)
    return loaded(index, name, where)


def by_file(path: Path, where: str) -> Mapping[str, Any]:
    """The tasks of one YAML file; others that it names are looked for beside it.

    Raises:
        UsageError: no such file, or it cannot be loaded.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}", where=where, cure="check task; a path ends in .yaml")
    return loaded(manager(path.resolve().parent, False), str(path.resolve()), where)


def is_file(task: str) -> bool:
    """Whether a task is given by a path."""
    return task.endswith(_FILES)


def loaded(index: Any, spec: str | dict[str, Any], where: str) -> Mapping[str, Any]:
    """Load tasks, data included.

    Raises:
        UsageError: data that cannot be reached, a metric that would have to be downloaded, broken files.
    """
    try:
        tasks: Mapping[str, Any] = index.load([spec])["tasks"]
    except ImportError as error:
        cure = "install what it needs beside lm-eval"
        raise UsageError(f"the task needs a package: {error}", where=where, cure=cure) from error
    except Exception as error:
        raise _unreachable(error, spec, index, where) from error
    if not tasks:
        raise UsageError("there is no task in it", where=where, cure="name a task, tag or group")
    for name, task in tasks.items():
        _check_metrics(name, task, where)
    return tasks


def check(tasks: Mapping[str, Any], spec: ModelSpec, where: str, *, allow_code: bool) -> None:
    """Make sure that a model can do these tasks, before it is asked anything.

    Raises:
        UsageError: log-likelihoods of a model that has none, code to be run, images.
    """
    scored = [name for name, task in tasks.items() if task.OUTPUT_TYPE in SCORED]
    if scored and not can_score(spec):
        raise no_scores(spec, f"{_some(scored)} {'needs' if len(scored) == 1 else 'need'} log-likelihoods")
    if not allow_code:
        _refuse([name for name, task in tasks.items() if getattr(task, "UNSAFE_CODE", False)], where)
    seen = [name for name, task in tasks.items() if getattr(task, "MULTIMODAL", False)]
    if seen:
        raise UsageError(f"{_some(seen)}: images and sounds cannot be sent", where=where, cure="leave it out")


@contextmanager
def as_told(seed: int, *, allow_code: bool) -> Iterator[None]:
    """lm-eval's surroundings: quiet, seeded as it seeds itself, nothing of Hugging Face's metrics fetched.

    Tasks may shuffle their documents when they are loaded, so that must be seeded too. What is of the whole
    process is put back at the end.
    """
    import evaluate  # type: ignore[import-untyped]
    import lm_eval.api.task as module
    import numpy as np

    state, numbers, bar = random.getstate(), np.random.get_state(), module.tqdm
    offline, code = evaluate.config.HF_EVALUATE_OFFLINE, os.environ.get("HF_ALLOW_CODE_EVAL")
    random.seed(seed)
    np.random.seed(seed)
    module.tqdm = partial(bar, disable=True)
    if allow_code:
        os.environ["HF_ALLOW_CODE_EVAL"] = "1"
    else:
        evaluate.config.HF_EVALUATE_OFFLINE = True
    try:
        with quietly(), templates_once(), _unasked():
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numbers)
        module.tqdm, evaluate.config.HF_EVALUATE_OFFLINE = bar, offline
        _restore("HF_ALLOW_CODE_EVAL", code)


@contextmanager
def _unasked() -> Iterator[None]:
    """Without the processes that lm-eval starts to describe the machine: nobody reads what they say."""
    import lm_eval.evaluator as module

    commit, environment = module.get_git_commit_hash, module.add_env_info
    module.get_git_commit_hash, module.add_env_info = str, lambda results: None
    try:
        yield
    finally:
        module.get_git_commit_hash, module.add_env_info = commit, environment


def _unsafe(index: Any, name: str) -> bool:
    entry = index.task_index.get(name)
    return bool(entry is not None and (entry.cfg or {}).get("unsafe_code"))


def _refuse(unsafe: list[str], where: str) -> None:
    if unsafe:
        raise UsageError(
            f"{_some(unsafe)}: to be scored, code that the model writes is run on this machine",
            where=where,
            cure="write allow_code: true for the task, best in a container without a network",
        )


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _check_metrics(name: str, task: Any, where: str) -> None:
    """lm-eval goes on without a metric that it cannot load, and fails at the first answer."""
    if getattr(task.config, "process_results", None) is not None:
        return
    known: Mapping[str, Callable[..., Any] | None] = getattr(task, "_metric_fn_list", {})
    if set(known) == {"bypass"}:
        cure = "take a task that measures its answers"
        raise UsageError(f"{name} has no metric (bypass)", where=where, cure=cure)
    missing = [metric for metric, function in known.items() if function is None]
    if missing:
        raise UsageError(
            f"{name}: the metric {_some(missing)} is code that would be downloaded from Hugging Face",
            where=where,
            cure="take a task with lm-eval's own metrics, or write allow_code: true to fetch and run it",
        )


def _unreachable(error: Exception, spec: str | dict[str, Any], index: Any, where: str) -> UsageError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    names = leaves(spec, index) if isinstance(spec, str) else []
    data = list(dict.fromkeys(filter(None, (source(name, index) for name in names))))
    shown = f"; its data: {', '.join(data[:SHOWN])}{', …' if len(data) > SHOWN else ''}" if data else ""
    if isinstance(error, FileNotFoundError) and "module script" in reason:
        said = f"it needs a metric that would be downloaded and run: {reason}"
        return UsageError(said, where=where, cure="write allow_code: true to have it fetched")
    offline = [name for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE") if os.environ.get(name)]
    return UsageError(
        f"the task cannot be loaded: {type(error).__name__}: {reason}{shown}",
        where=where,
        cure=f"{' and '.join(offline)} forbids downloads: unset it, or " * bool(offline)
        + "save the items as JSONL (id, question, answer, choices) and use jsonl",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
