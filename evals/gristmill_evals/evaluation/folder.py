"""The run folder of one model: ``run.json`` and ``samples.jsonl``, written so that nothing is lost by a kill.

Samples are written as they come. A folder that holds a finished evaluation keeps it until its successor is
finished too: that one's samples go to another name first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from gristmill.errors import GristmillError, UsageError
from gristmill.records import clean, to_json
from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.jsonl import objects

RUN, SAMPLES, NEW_SAMPLES, LOCK = "run.json", "samples.jsonl", "samples.new.jsonl", ".lock"
_CURE = "name the folder of an evaluation, as gristmill eval writes it"


class RunWriter:
    """Writes a run folder; a context manager that holds the folder for this process.

    Raises:
        UsageError: another process writes there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = 0
        self._held = contextlib.ExitStack()

    def __enter__(self) -> RunWriter:
        with contextlib.ExitStack() as stack:
            self.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(_only_one(self.folder))
            earlier = peek_run(self.folder)
            finished = earlier is not None and bool(earlier.finished)
            self._path = self.folder / (NEW_SAMPLES if finished else SAMPLES)
            self._keep_run = finished
            self._file = stack.enter_context(self._path.open("wb"))
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def add(self, sample: EvalSample) -> None:
        """Write one sample; it is in the file when this returns, so that a killed process loses none."""
        self._file.write(to_json(dataclasses.asdict(sample)) + b"\n")
        self._file.flush()
        self.written += 1

    def save(self, run: EvalRun) -> None:
        """Write ``run.json`` as it stands. A finished run takes the place of the one before it."""
        if not run.finished and self._keep_run:
            return
        if run.finished:
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._path.name != SAMPLES:
                os.replace(self._path, self.folder / SAMPLES)
        _replace(self.folder / RUN, to_json(dataclasses.asdict(run), orjson.OPT_INDENT_2) + b"\n")


def read_run(folder: Path) -> tuple[EvalRun, list[EvalSample]]:
    """What a run folder holds, finished or not; the last line of a killed run may be cut off and is left out.

    Raises:
        UsageError: no run folder, or a file in it that cannot be read.
    """
    run = peek_run(folder)
    if run is None:
        raise UsageError(f"no {RUN} here", where=str(folder), cure=_CURE)
    return run, list(_samples(folder / SAMPLES, whole=bool(run.finished)))


def peek_run(folder: Path) -> EvalRun | None:
    """``run.json`` alone; None where there is none.

    Raises:
        UsageError: it is there and cannot be read.
    """
    path = folder / RUN
    try:
        data = orjson.loads(path.read_bytes())
        return _run(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"not the record of an evaluation: {error}", where=str(path), cure=_CURE) from error


def _run(data: Mapping[str, Any]) -> EvalRun:
    tasks = tuple(
        TaskInfo(**{**task, "metrics": tuple(MetricInfo(**metric) for metric in task["metrics"])})
        for task in data["tasks"]
    )
    return EvalRun(**{**data, "tasks": tasks})


def _samples(path: Path, *, whole: bool) -> Iterator[EvalSample]:
    try:
        for where, row in objects(path, _CURE):
            try:
                yield EvalSample(**{**row, "choices": tuple(row.get("choices") or ())})
            except TypeError as error:
                raise UsageError(f"not a sample: {error}", where=where, cure=_CURE) from error
    except FileNotFoundError:
        return
    except UsageError as error:
        # only the last line can have been cut, and only in a run that did not end
        if whole or not error.message.startswith("not JSON") or not _is_last(path, error.where):
            raise


def _is_last(path: Path, where: str) -> bool:
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    return where.endswith(f":{lines}")


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "this evaluation is being run already", where=str(folder), cure="wait until that one is done"
            ) from None
        yield


def write_failure(folder: Path, error: OSError) -> GristmillError:
    """A disk that is full or may not be written, in our words."""
    return GristmillError(
        f"the results cannot be written: {error.strerror}",
        where=str(folder),
        cure="what was answered is kept: make room or check the rights, then run again",
    )


def safe_name(text: str) -> str:
    """A text as a part of a file name."""
    kept = "".join(c if c.isalnum() or c in "._-" else "-" for c in clean(text)).strip("-.")
    return kept or "run"
