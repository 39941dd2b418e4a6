"""One vLLM engine: started when it is first wanted, started once more when it dies, shut down for good."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import GristmillError, ModelConfigError, ModelUnavailableError, copied
from gristmill.models.inprocess import faults
from gristmill.models.inprocess.host import Host
from gristmill.models.inprocess.launch import launch, shut_down
from gristmill.models.inprocess.sampling import bad_value
from gristmill.models.spec import ModelSpec

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.inputs import EngineInput
    from vllm.lora.request import LoRARequest
    from vllm.outputs import RequestOutput
    from vllm.v1.engine.async_llm import AsyncLLM

RESTARTS = 1
LOOK_SECONDS = 0.2
WATCH_SECONDS = 2.0


@dataclass(slots=True)
class EngineReport:
    """What an engine did. Tokens are of prompts; ``cached_tokens`` of them were in the prefix cache."""

    model: str
    starts: int = 0
    seconds_starting: float = 0.0
    deaths: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        rate = self.cached_tokens / self.prompt_tokens if self.prompt_tokens else None
        return {
            "model": self.model,
            "starts": self.starts,
            "seconds_starting": round(self.seconds_starting, 1),
            "deaths": self.deaths,
            "requests": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "prefix_cache_hit_rate": None if rate is None else round(rate, 4),
        }

    def line(self) -> str:
        """For people."""
        again = f" ({self.starts} times)" if self.starts > 1 else ""
        share = self.cached_tokens / max(1, self.prompt_tokens)
        hits = f", {share:.0%} of {self.prompt_tokens} prompt tokens from the prefix cache"
        seconds = f"loaded in {self.seconds_starting / max(1, self.starts):.0f} s"
        return f"{self.model}: {seconds}{again}, {self.requests} requests{hits}"


class Engine:
    """The engine of one model. ``roles`` are all specs that lead to it: they differ in adapter and template.

    ``overrides`` are engine arguments that the memory plan sets. Belongs to one event loop.
    """

    def __init__(self, roles: Sequence[ModelSpec], log: Path, overrides: Mapping[str, Any]) -> None:
        self.spec, self.log = roles[0], log
        self.report = EngineReport(self.spec.model)
        self.llm: AsyncLLM | None = None
        self._limits: set[asyncio.Timeout] = set()
        self._watch: asyncio.Task[None] | None = None
        self.idle = asyncio.Event()
        self.idle.set()
        self._roles, self._overrides = roles, overrides
        self._host: Host | None = None
        self._starting: asyncio.Task[None] | None = None
        self._failed: GristmillError | None = None
        self._log_start = 0

    @property
    def in_flight(self) -> int:
        """Requests that it works on."""
        return len(self._limits)

    @property
    def running(self) -> bool:
        """Whether it can take requests now."""
        return self.llm is not None

    async def start(self) -> None:
        """Have it running.

        Raises:
            ModelConfigError: it cannot be started, or died again after it was started anew.
        """
        if self._failed is not None:
            raise copied(self._failed)
        if self.llm is not None:
            return
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        await asyncio.shield(self._starting)

    async def generate(
        self, prompt: EngineInput, params: SamplingParams, lora: LoRARequest | None, seconds: float
    ) -> RequestOutput:
        """The finished output of one request.

        Raises:
            ModelUnavailableError: the engine died (``engine-died``), failed at it, or took too long.
            ModelConfigError: vLLM refused the parameters.
        """
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        llm, output = self.llm, None
        if llm is None:
            raise faults.died(self.spec)
        self.report.requests += 1
        limit = asyncio.timeout(seconds)
        self._enter(limit)
        try:
            async with limit:
                stream = llm.generate(prompt, params, str(self.report.requests), lora_request=lora)
                async for part in stream:
                    output = part  # one part in all: FINAL_ONLY
        except EngineDeadError as error:
            self._leave(limit)
            self._died(llm)
            raise faults.died(self.spec) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if not llm.errored or task is None or task.cancelling():
                raise  # whoever asks has gone
            self._leave(limit)
            self._died(llm)
            raise faults.died(self.spec) from error
        except VLLMClientError as error:
            raise bad_value(error, self.spec.model) from error
        except TimeoutError as error:
            if self.llm is not llm:
                raise faults.died(self.spec) from error
            message = f"no answer within {seconds:g} s"
            raise ModelUnavailableError(message, kind="time-out", where=self.spec.model) from error
        except EngineGenerateError as error:
            message = f"vLLM failed at the request: {error.__cause__ or error}"
            raise ModelUnavailableError(message, kind="engine-error", where=self.spec.model) from error
        finally:
            self._leave(limit)
        if output is None:
            raise faults.died(self.spec)
        return output

    async def stop(self) -> None:
        """Shut it down and free its memory; it may be started again."""
        if self._starting is not None:
            await self._abandon(self._starting)
        if self._watch is not None:
            self._watch.cancel()
        llm, self.llm = self.llm, None
        if llm is not None and self._host is not None:
            await self._host.run(partial(shut_down, llm))
        if self._host is not None:
            self._host.stop()
            self._host = None

    def halt(self, error: GristmillError) -> None:
        """Start no more."""
        self._failed = self._failed or error

    def _enter(self, limit: asyncio.Timeout) -> None:
        self._limits.add(limit)
        self.idle.clear()

    def _leave(self, limit: asyncio.Timeout) -> None:
        self._limits.discard(limit)
        if not self._limits:
            self.idle.set()

    async def _start(self) -> None:
        began, position = time.monotonic(), self.log.stat().st_size if self.log.exists() else 0
        self._log_start = position
        host = self._host = self._host or Host(f"gristmill-{self.spec.model}")
        before = _children()
        work = host.run(partial(launch, self._roles, self._overrides, self.log))
        try:
            async with asyncio.timeout(self.spec.engine.start_timeout):
                self.llm = await asyncio.shield(work)
        except (asyncio.CancelledError, TimeoutError) as error:
            await _kill_while(work, before)
            if isinstance(error, asyncio.CancelledError):
                raise
            late = TimeoutError(
                f"it was not ready after {self.spec.engine.start_timeout:g} s (start_timeout)"
            )
            self._failed = faults.not_started(late, self.spec, self.log, position)
        except ModelConfigError as error:
            self._failed = error
        except BaseException as error:  # noqa: BLE001 - whatever vLLM raises while it loads a model
            self._failed = faults.not_started(error, self.spec, self.log, position)
        finally:
            self._starting = None
        if self._failed is not None:
            raise copied(self._failed)
        self._watch = asyncio.create_task(self._keep_watch(self.llm))
        self.report.starts += 1
        self.report.seconds_starting += time.monotonic() - began

    async def _abandon(self, starting: asyncio.Task[None]) -> None:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, GristmillError):
            await starting

    async def _keep_watch(self, llm: AsyncLLM) -> None:
        """A request that was just being handed over when the engine died may never hear of it."""
        while not llm.errored:  # noqa: ASYNC110 - vLLM has no event for it
            await asyncio.sleep(WATCH_SECONDS)
        self._died(llm)

    def _died(self, llm: AsyncLLM) -> None:
        """The first to notice clears up; the next call that comes starts the engine again."""
        if self.llm is not llm:
            return
        self.llm = None
        for limit in self._limits:
            limit.reschedule(0.0)  # whoever still waits is told now
        self.report.deaths += 1
        if self.report.deaths > RESTARTS:
            self._failed = faults.died_again(self.spec, self.log, self._log_start)
        if self._host is not None:
            self._host.run(partial(shut_down, llm)).add_done_callback(_over)


def _over(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()  # it was dead: how its shutdown went is nobody's concern


def _children() -> set[int]:
    return {child.pid for child in multiprocessing.active_children() if child.pid is not None}


async def _kill_while(work: asyncio.Future[AsyncLLM], spared: set[int]) -> None:
    """Give up a start: its processes are killed until vLLM notices (it cannot be interrupted)."""
    while not work.done():
        for child in multiprocessing.active_children():
            if child.pid not in spared:
                child.kill()
        await asyncio.wait([work], timeout=LOOK_SECONDS)
    if not work.cancelled() and work.exception() is None:
        await asyncio.to_thread(shut_down, work.result())
