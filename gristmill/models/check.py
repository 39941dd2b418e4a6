"""Can each model of a recipe be reached, and what does it cost?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gristmill.errors import GristmillError
from gristmill.models.backends import create_backend
from gristmill.models.cost import price_of
from gristmill.models.scoring import raw_prompt
from gristmill.models.spec import ModelSpec, Price
from gristmill.models.types import Backend, Request
from gristmill.records import Message

CHECK_TIMEOUT = 30.0


@runtime_checkable
class ListingBackend(Protocol):
    """A backend that can say which models its server offers."""

    async def list_models(self, *, timeout: float) -> list[str] | None:  # noqa: ASYNC109 - as Backend
        """Names, or None when the server keeps no list."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Result for one role. ``detail`` is for people; ``price`` is None when unknown."""

    role: str
    model: str
    ok: bool
    detail: str
    price: Price | None
    seconds: float


async def check_models(specs: Mapping[str, ModelSpec]) -> list[ModelCheck]:
    """Try every role at the same time; a model that cannot be reached is a result, not an error."""
    return list(await asyncio.gather(*(_check(role, spec) for role, spec in specs.items())))


async def _check(role: str, spec: ModelSpec) -> ModelCheck:
    started = time.monotonic()
    try:
        backend = create_backend(spec)
        try:
            ok, detail = await _reach(spec, backend)
        finally:
            await backend.close()
    except GristmillError as error:
        ok, detail = False, str(error)
    return ModelCheck(role, spec.model, ok, detail, price_of(spec), time.monotonic() - started)


async def _reach(spec: ModelSpec, backend: Backend) -> tuple[bool, str]:
    if spec.backend == "offline":
        return True, "runs here by rules, without a model"
    if spec.backend == "vllm":
        from gristmill.models.inprocess.memory import looked_at

        return await asyncio.to_thread(looked_at, spec)
    timeout = min(spec.timeout, CHECK_TIMEOUT)
    if isinstance(backend, ListingBackend):
        names = await backend.list_models(timeout=timeout)
        if names is not None and spec.name in names:
            return True, "reached; the server lists it"
        if names:
            return False, f"reached, but the server does not list it; it has: {', '.join(sorted(names)[:10])}"
    hello: Message = {"role": "user", "content": "Say yes."}
    hello = raw_prompt("Say yes.") if spec.endpoint == "completions" else hello
    await backend.complete(Request(backend.name, (hello,), {"max_tokens": 16}), timeout=timeout)
    return True, "reached; it answers"
