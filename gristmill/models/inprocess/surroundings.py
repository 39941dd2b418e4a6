"""What vLLM finds around it: no telemetry, no downloads, a log of its own, engines that end with us."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import shlex
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from multiprocessing import spawn
from pathlib import Path

from gristmill.errors import MissingExtraError
from gristmill.models.inprocess import child

# vLLM reads these once, when it is imported; what the user has set stays.
QUIET = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_STARTING = threading.Lock()


def need_vllm() -> None:
    """Make sure that the package is there, without importing it.

    Raises:
        MissingExtraError: it is not.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError("a vllm: model", "vllm")


def log_beside(cache: Path | None) -> Path:
    """The file that vLLM's words go to: beside the dataset, or a temporary one."""
    if cache is None:
        return Path(tempfile.gettempdir()) / f"gristmill-{os.getpid()}.vllm.log"
    return cache.with_name(f"{cache.name.removesuffix('.cache.sqlite')}.vllm.log")


def set_up(start_timeout: float) -> None:
    """Prepare this process for importing vLLM."""
    for name, value in {**QUIET, **OFFLINE, "VLLM_ENGINE_READY_TIMEOUT_S": f"{start_timeout:.0f}"}.items():
        os.environ.setdefault(name, value)
    # A forked copy of a process with threads and an event loop can lock up.
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
    _stay_offline()


def _stay_offline() -> None:
    """huggingface_hub may have been imported before: then it has read the variable already."""
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None and os.environ["HF_HUB_OFFLINE"] not in {"", "0", "false"}:
        constants.__dict__["HF_HUB_OFFLINE"] = True


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Within, what packages say while they are imported does not reach the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@contextlib.contextmanager
def own_children(log: Path) -> Iterator[None]:
    """Within, processes started by multiprocessing have a session and a log of their own, as has vLLM here.

    They end when the thread ends that started them.
    """
    with _STARTING, tempfile.TemporaryDirectory(prefix="gristmill-") as folder:
        script = Path(folder) / "engine-python"
        command = shlex.join([sys.executable, "-I", child.__file__])
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        told = {"GRISTMILL_ENGINE_LOG": str(log), "GRISTMILL_ENGINE_OWNER": str(os.getpid())}
        if "VLLM_LOGGING_CONFIG_PATH" not in os.environ:
            told["VLLM_LOGGING_CONFIG_PATH"] = str(_logging_config(log, Path(folder)))
        os.environ.update(told)
        before = spawn.get_executable()
        spawn.set_executable(str(script))
        try:
            yield
        finally:
            spawn.set_executable(before)
            for name in told:
                os.environ.pop(name, None)


def _logging_config(log: Path, folder: Path) -> Path:
    handler = {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain", "delay": True}
    plain = {"format": "%(levelname)s %(asctime)s [%(processName)s %(process)d] %(message)s"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": plain},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    path = folder / "vllm-logging.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path
