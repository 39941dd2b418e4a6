"""The tasks of one model, one after another, with what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import platform
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from gristmill import __version__
from gristmill.errors import BudgetError, GristmillError, ModelConfigError, StoppedError, UsageError
from gristmill.models.spec import ModelSpec
from gristmill_evals.evaluation.doors import Doors
from gristmill_evals.evaluation.folder import RunWriter
from gristmill_evals.evaluation.plan import PlannedTask
from gristmill_evals.evaluation.records import EvalContext, EvalRun, EvalSample, TaskInfo
from gristmill_evals.evaluation.usage import Usage

if TYPE_CHECKING:
    from gristmill_evals.evaluation.runner import Evaluation

SAVE_SECONDS = 5.0
GOING = ("done", "failed")
"""States of an evaluation in which it goes on: a task that failed stops no other."""
_PACKAGES = ("lm_eval", "vllm", "openai")


class ModelRun:
    """The tasks of one model, one after another."""

    def __init__(self, job: Evaluation, role: str, doors: Doors, writer: RunWriter, usage: Usage) -> None:
        self._job, self._doors, self._writer, self._usage = job, doors, writer, usage
        self._lock, self._owners = threading.Lock(), dict[str, str]()
        specs = job.loaded.specs(role)
        self._run = EvalRun(
            id=job.loaded.run_id(role, job.limit),
            name=job.loaded.plan.name,
            model={"role": role, **public_spec(specs.pop(role))},
            tasks=(),
            started=_now(),
            versions=_versions(),
            status="running",
            judges={name: public_spec(spec) for name, spec in specs.items()},
        )
        self._role = role

    async def evaluate(self) -> EvalRun:
        """Run the tasks; a task that cannot be run leaves its reason, the others go on."""
        self._save()
        async with self._saving():
            for planned in self._job.loaded.tasks:
                if self._job.status not in GOING:
                    break
                await self._task(planned)
        stopped = self._job.status if self._job.status in ("interrupted", "budget") else ""
        status = stopped or ("failed" if self._run.failures else "done")
        self._run = dataclasses.replace(self._run, status=status, finished="" if stopped else _now())
        self._save()
        return self._run

    async def _task(self, planned: PlannedTask) -> None:
        job, begun = self._job, time.monotonic()
        context = EvalContext(
            self._doors.door,
            self._role,
            job.loaded.root,
            lambda sample: self._emit(planned.label, sample),
            job.progress.expect,
            job.limit,
        )
        try:
            infos = await planned.task.evaluate(context)
            self._keep(infos, time.monotonic() - begun)
        except BudgetError as error:
            job.failed("budget", error)
        except StoppedError:
            job.failed("interrupted", None)
        except ModelConfigError as error:
            self._failed(planned, str(error))
            await self._doors.anew()
        except GristmillError as error:
            self._failed(planned, str(error))
        except Exception as error:  # noqa: BLE001 - kept, the other tasks go on, raised at the end
            self._failed(planned, f"crash: {type(error).__name__}: {error}")
            job.crashed(error)

    def _keep(self, infos: tuple[TaskInfo, ...], seconds: float) -> None:
        timed = tuple(
            dataclasses.replace(info, settings={**info.settings, "seconds": round(seconds, 3)})
            for info in infos
        )
        self._run = dataclasses.replace(self._run, tasks=(*self._run.tasks, *timed))
        self._save()

    def _failed(self, planned: PlannedTask, reason: str) -> None:
        failures = {**self._run.failures, planned.label: reason}
        self._run = dataclasses.replace(self._run, failures=failures)
        self._job.failed("failed", None)
        self._save()

    def _emit(self, label: str, sample: EvalSample) -> None:
        with self._lock:
            if self._owners.setdefault(sample.task, label) != label:
                raise UsageError(
                    f"two tasks are called {sample.task!r}: {self._owners[sample.task]} and {label}",
                    cure="give one of them another name: in the plan",
                )
            self._writer.add(sample)
        self._job.progress.add(sample)

    def _save(self) -> None:
        with self._lock:
            self._run = dataclasses.replace(self._run, usage=self._usage.as_json(self._doors.counters))
            self._writer.save(self._run)

    @contextlib.asynccontextmanager
    async def _saving(self) -> AsyncIterator[None]:
        async def often() -> None:
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                self._save()

        saver = asyncio.create_task(often())
        try:
            yield
        finally:
            saver.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saver


def public_spec(spec: ModelSpec) -> dict[str, Any]:
    """A model as it may be shown: what is not at its default, and no variable that a server was given."""
    shown = spec.model_dump(mode="json", exclude_defaults=True)
    if spec.serve is not None:
        shown["serve"] = spec.serve.model_dump(mode="json", exclude_defaults=True, exclude={"env"})
    return shown


def _versions() -> dict[str, str]:
    found = {"gristmill": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
