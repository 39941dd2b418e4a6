"""All engines of a recipe: one for each model, side by side or one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.models.inprocess.engine import Engine, EngineReport
from gristmill.models.inprocess.memory import MemoryPlan, by_model, plan_memory
from gristmill.models.inprocess.places import adapter_folder
from gristmill.models.inprocess.surroundings import log_beside, need_vllm
from gristmill.models.spec import ModelSpec


class Engines:
    """The engines that a door's models run in. Roles of one model share one, whatever their adapters.

    With a plan that says ``separate`` at most one is loaded: another one's turn comes when it has nothing
    left to do.

    Raises:
        MissingExtraError: vLLM is not installed.
    """

    def __init__(
        self, specs: Iterable[ModelSpec], cache: Path | None, plan: MemoryPlan | None = None
    ) -> None:
        need_vllm()
        self._roles = by_model(specs)
        self.plan = plan or plan_memory(first for first, *_ in self._roles.values())
        self.log = log_beside(cache)
        self._engines: dict[str, Engine] = {}
        self._turns = asyncio.Lock()

    def of(self, spec: ModelSpec) -> Engine:
        """The engine of a model, running or not."""
        engine = self._engines.get(spec.model)
        if engine is None:
            share = self.plan.overrides(spec.model) if self.plan is not None else {}
            engine = self._engines[spec.model] = Engine(self._roles[spec.model], self.log, share)
        return engine

    def adapter_number(self, spec: ModelSpec) -> int:
        """vLLM wants adapters numbered from 1."""
        roles: Sequence[ModelSpec] = self._roles[spec.model]
        folders = list(dict.fromkeys(adapter_folder(role) for role in roles if role.lora is not None))
        return 1 + folders.index(adapter_folder(spec))

    async def turn(self, engine: Engine) -> None:
        """Have ``engine`` running; where only one fits, as soon as the others are idle.

        Raises:
            ModelConfigError: it cannot be started.
        """
        # One start at a time: each engine looks at the free memory to see how much it may take.
        async with self._turns:
            if engine.running:
                return
            if self.plan is not None and self.plan.separate:
                for other in self._engines.values():
                    if other is not engine:
                        await other.idle.wait()
                        await other.stop()
            await engine.start()

    async def free(self) -> None:
        """Unload all engines; the next call loads what it needs."""
        async with self._turns:
            for engine in self._engines.values():
                await engine.stop()

    def halt(self, error: GristmillError) -> None:
        """Start no further engine."""
        for engine in self._engines.values():
            engine.halt(error)

    async def close(self) -> None:
        """Shut everything down, a start under way included."""
        await asyncio.gather(*(engine.stop() for engine in self._engines.values()))

    def reports(self) -> list[EngineReport]:
        """What the engines did, those that were started."""
        return [engine.report for engine in self._engines.values() if engine.report.starts]
