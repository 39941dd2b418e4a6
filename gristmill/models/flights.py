"""Calls on their way: the cache in front, equal calls sent once, answers kept before they are handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import ModelError, ModelUnavailableError
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.cost import call_cost
from gristmill.models.counters import CallEvent
from gristmill.models.keys import request_key
from gristmill.models.line import Line
from gristmill.models.types import Reply, Request
from gristmill.records import Call, clean


@dataclass(frozen=True, slots=True)
class Landed:
    """An answered request; ``cached`` when this asker caused nothing to be sent."""

    request: Request
    entry: Entry
    cached: bool


@dataclass(frozen=True, slots=True)
class _Flight:
    key: str
    role: str
    request: Request
    done: asyncio.Future[Entry]


class Airport:
    """Draws answers: from the cache, from an equal call already in flight, or by sending one."""

    def __init__(self, cache: Path | None, on_call: Callable[[CallEvent], None], *, ask_again: bool) -> None:
        self._cache = ResponseCache(cache) if cache is not None else None
        self._on_call, self._ask_again = on_call, ask_again
        self._flights: dict[str, _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def draw(self, line: Line, role: str, requests: Sequence[Request]) -> list[Landed]:
        """Answers of requests that differ in ``sample`` only, in order; only missing ones are sent."""
        if self._closed:
            raise _closed()
        # No await before the launch: between looking a call up and claiming it nobody else may.
        claims = [self._claim(line, role, request) for request in requests]
        self._launch(line, [flight for flight, mine in claims if mine])
        entries = await _wait([flight.done for flight, _ in claims])
        return [
            self._landed(line, role, Landed(request, entry, cached=not mine))
            for request, entry, (_, mine) in zip(requests, entries, claims, strict=True)
        ]

    async def close(self, sending: Iterable[asyncio.Task[Any]], grace: float) -> None:
        """Let ``sending`` finish for ``grace`` seconds, drop everything else, close the cache."""
        self._closed = True
        wire = {task for task in sending if task in self._tasks}
        for task in self._tasks - wire:
            task.cancel()
        if wire:
            _, late = await asyncio.wait(wire, timeout=grace)
            for task in late:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._cache is not None:
            await asyncio.to_thread(self._cache.close)
            self._cache = None

    def _claim(self, line: Line, role: str, request: Request) -> tuple[_Flight, bool]:
        key = request_key(line.backend, request)
        if (flying := self._flights.get(key)) is not None:
            return flying, False
        flight = _Flight(key, role, request, asyncio.get_running_loop().create_future())
        if (entry := self._cached(key)) is not None:
            flight.done.set_result(entry)
            return flight, False
        self._flights[key] = flight
        return flight, True

    def _cached(self, key: str) -> Entry | None:
        entry = self._cache.get(key) if self._cache is not None else None
        return None if entry is not None and self._ask_again and not entry.complete else entry

    def _landed(self, line: Line, role: str, landed: Landed) -> Landed:
        if landed.cached:
            line.tally.cached += 1
            reason = landed.entry.finish_reason
            self._on_call(CallEvent(landed.entry.call, role, cached=True, finish_reason=reason))
        return landed

    def _launch(self, line: Line, flights: Sequence[_Flight]) -> None:
        """Start sending: together where the backend can, else one by one."""
        if not flights:
            return
        if self._closed:
            self._crash(line, flights, _closed())
            return
        groups = [flights] if line.takes_many else [[flight] for flight in flights]
        for group in groups:
            # A task of its own: a call that was paid for is kept even when its asker is cancelled.
            task = asyncio.create_task(self._fly(line, group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fly(self, line: Line, flights: Sequence[_Flight]) -> None:
        try:
            replies, seconds = await line.send([flight.request for flight in flights])
            for flight, reply in zip(flights, replies, strict=False):
                await self._land(line, flight, reply, seconds)
        except asyncio.CancelledError:
            self._crash(line, flights, _closed())
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, a bug included
            self._crash(line, flights, error)
        else:
            self._launch(line, flights[len(replies) :])

    async def _land(self, line: Line, flight: _Flight, reply: Reply, seconds: float) -> None:
        request, usage = flight.request, reply.usage
        cost = call_cost(usage, line.price)
        text = clean(reply.text)  # an answer cut inside an emoji ends with half a character
        call = Call(flight.key, request.model, request.messages, dict(request.params), text, usage, cost)
        line.tally.add_call(call)
        entry = Entry(call, reply.finish_reason, request.schema, request.sample, seconds)
        if self._cache is not None:
            entry = await self._cache.put(entry)
        self._flights.pop(flight.key, None)
        self._on_call(
            CallEvent(
                entry.call, flight.role, cached=False, finish_reason=entry.finish_reason, seconds=seconds
            )
        )
        flight.done.set_result(entry)

    def _crash(self, line: Line, flights: Sequence[_Flight], error: Exception) -> None:
        for flight in flights:
            if flight.done.done():
                continue
            if isinstance(error, ModelError):
                error.key = error.key or flight.key
                line.tally.failed += 1
            self._flights.pop(flight.key, None)
            flight.done.set_exception(error)
            # Read here once, or asyncio complains when the asker is already gone.
            flight.done.exception()


async def _wait(waiting: Sequence[asyncio.Future[Entry]]) -> list[Entry]:
    """Results of all futures once all are done; the first error among them is raised then.

    Shielded: a cancelled asker must not cancel a flight that others wait for.
    """
    if not all(future.done() for future in waiting):
        await asyncio.gather(*(asyncio.shield(future) for future in waiting), return_exceptions=True)
    return [future.result() for future in waiting]


def _closed() -> ModelUnavailableError:
    return ModelUnavailableError("the run is stopping: the call was not sent", kind="stopped")
