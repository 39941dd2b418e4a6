"""Calls on their way: the cache in front, equal calls sent once, answers kept before they are handed on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from gristmill.errors import ModelError, ModelUnavailableError
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.claims import Claims, keep_watch
from gristmill.models.cost import call_cost
from gristmill.models.counters import CallEvent
from gristmill.models.keys import request_key
from gristmill.models.line import Line
from gristmill.models.redo import Redo
from gristmill.models.telemetry import CallLog, Trip
from gristmill.models.types import PutsOff, Reply, Request
from gristmill.records import Call, clean

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Landed:
    """An answered request; ``cached`` when this asker caused nothing to be sent."""

    request: Request
    entry: Entry
    cached: bool


class _Flight:
    """A call on its way. Whoever waits has a future of its own: giving up takes nothing from the others."""

    __slots__ = ("elsewhere", "end", "key", "request", "role", "waiting")

    def __init__(self, key: str, role: str, request: Request) -> None:
        self.key, self.role, self.request = key, role, request
        self.elsewhere = False
        """Another process is asking this call."""
        self.end: Entry | Exception | None = None
        self.waiting: list[asyncio.Future[Entry]] = []

    async def wait(self) -> Entry:
        """The answer; raises the error that the call ended with."""
        if self.end is None:
            future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            return await future
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    async def outcome(self) -> Entry | Exception:
        """The answer or the error, once there is one."""
        try:
            return await self.wait()
        except Exception as error:  # noqa: BLE001 - handed on as a value
            return error

    def land(self, end: Entry | Exception) -> None:
        """Tell all who wait."""
        self.end = end
        for future in self.waiting:
            if future.done():
                continue  # cancelled
            if isinstance(end, Exception):
                future.set_exception(end)
            else:
                future.set_result(end)


class Airport:
    """Draws answers: from the cache, from an equal call already in flight, or by sending one."""

    def __init__(
        self,
        cache: Path | None,
        on_call: Callable[[CallEvent], None],
        *,
        redo: Redo | None = None,
        log: CallLog | None = None,
        deferrals: PutsOff | None = None,
    ) -> None:
        self._cache = ResponseCache(cache) if cache is not None else None
        self._on_call, self._redo, self._log = on_call, redo, log
        self._deferrals = deferrals
        self._flights: dict[str, _Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._claims = self._cache.claims if self._cache is not None else None
        self._met = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    async def draw(self, line: Line, role: str, requests: Sequence[Request]) -> list[Landed]:
        """Answers of requests that differ in ``sample`` only, in order; only missing ones are sent."""
        if self._claims is not None and not self._met.is_set():
            await self._meet(self._claims)
        claims = self._claim_all(line, role, requests)
        entries = await _wait([flight for flight, _ in claims])
        return [
            self._landed(line, role, Landed(request, entry, cached=not mine or flight.elsewhere))
            for request, entry, (flight, mine) in zip(requests, entries, claims, strict=True)
        ]

    async def draw_each(self, line: Line, role: str, requests: Sequence[Request]) -> list[Landed | Exception]:
        """As :meth:`draw`, but an error stands in its request's place instead of being raised."""
        if self._claims is not None and not self._met.is_set():
            await self._meet(self._claims)
        claims = self._claim_all(line, role, requests)
        entries = [await flight.outcome() for flight, _ in claims]
        return [
            entry
            if isinstance(entry, Exception)
            else self._landed(line, role, Landed(request, entry, cached=not mine or flight.elsewhere))
            for request, entry, (flight, mine) in zip(requests, entries, claims, strict=True)
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
        if self._watch is not None:
            self._watch.cancel()
        if self._cache is not None:
            await asyncio.to_thread(self._cache.close)
            self._cache = None

    def _claim_all(self, line: Line, role: str, requests: Sequence[Request]) -> list[tuple[_Flight, bool]]:
        if self._closed:
            raise _closed()
        # No await before the launch: between looking a call up and claiming it nobody else may.
        claims = [self._claim(line, role, request) for request in requests]
        self._launch(line, [flight for flight, mine in claims if mine])
        return claims

    def _claim(self, line: Line, role: str, request: Request) -> tuple[_Flight, bool]:
        key = request_key(line.backend, request)
        if (flying := self._flights.get(key)) is not None:
            return flying, False
        flight = _Flight(key, role, request)
        if self._claims is not None and self._claims.crowded:
            flight.elsewhere = not self._claims.take(key)
        if (entry := self._cached(key)) is not None:
            self._release(key)
            flight.land(entry)
            return flight, False
        self._flights[key] = flight
        return flight, True

    def _cached(self, key: str) -> Entry | None:
        entry = self._cache.get(key) if self._cache is not None else None
        return None if entry is not None and self._redo is not None and self._redo.drops(entry) else entry

    async def _meet(self, claims: Claims) -> None:
        """Before the first call: see who else uses the cache file, and go on looking."""
        if self._watch is None:
            self._watch = asyncio.create_task(keep_watch(claims, self._flights, self._met))
        await self._met.wait()

    async def _from_other(self, line: Line, flight: _Flight) -> bool:
        """Wait for the process that is asking this call; whether its answer came."""
        claims, deadline = self._claims, time.monotonic() + line.spec.timeout
        while claims is not None and not claims.take(flight.key) and time.monotonic() < deadline:
            if line.limits.stopped is not None:
                return False  # sending it says why
            await asyncio.sleep(POLL_SECONDS)
        entry = self._cached(flight.key)
        if entry is None:
            flight.elsewhere = False
            return False
        self._flights.pop(flight.key, None)
        self._release(flight.key)
        flight.land(entry)
        return True

    def _release(self, key: str) -> None:
        if self._claims is not None and self._claims.crowded:
            self._claims.release(key)

    def _landed(self, line: Line, role: str, landed: Landed) -> Landed:
        if landed.cached:
            line.tally.cached += 1
            if self._log is not None:
                self._log.hit(role, landed.entry.call.model)
            entry = landed.entry
            reason, took = entry.finish_reason, entry.seconds
            self._on_call(CallEvent(entry.call, role, cached=True, finish_reason=reason, seconds=took))
        return landed

    def _launch(self, line: Line, flights: Sequence[_Flight]) -> None:
        """Start sending: together where the backend can, else one by one."""
        if not flights:
            return
        if self._closed:
            self._crash(line, flights, _closed(), None)
            return
        if self._deferrals is not None and self._deferrals.takes(line.spec):
            self._put_off(line, flights, self._deferrals)
            return
        together = line.takes_many and not any(flight.elsewhere for flight in flights)
        groups = [flights] if together else [[flight] for flight in flights]
        for group in groups:
            # A task of its own: a call that was paid for is kept even when its asker is cancelled.
            task = asyncio.create_task(self._fly(line, group))
            self._tasks.add(task)

    def _put_off(self, line: Line, flights: Sequence[_Flight], deferrals: PutsOff) -> None:
        """Have calls asked in a batch: whoever wants them hears that now, or how it ended before."""
        replaces = self._redo.replaces if self._redo is not None else lambda _: ""
        calls = [(flight.key, flight.request, replaces(flight.key)) for flight in flights]
        errors = deferrals.put_off(line.spec, flights[0].role, calls)
        for flight, error in zip(flights, errors, strict=True):
            self._crash(line, [flight], error, None)

    async def _fly(self, line: Line, flights: Sequence[_Flight]) -> None:
        trip = Trip(line.spec, flights[0].request, len(flights))
        try:
            if flights[0].elsewhere and await self._from_other(line, flights[0]):
                return
            requests = [flight.request for flight in flights]
            replies, _ = await line.send(requests, trip, partial(self._keep, line, flights, trip))
        except asyncio.CancelledError:
            self._crash(line, flights, _closed(), trip)
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, a bug included
            self._crash(line, flights, error, trip)
        else:
            self._launch(line, flights[len(replies) :])
        finally:
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _keep(
        self, line: Line, flights: Sequence[_Flight], trip: Trip, replies: Sequence[Reply]
    ) -> None:
        if len(flights) == 1:
            await self._land(line, flights[0], replies[0], trip)
            return
        pairs = zip(flights, replies, strict=False)
        await asyncio.gather(*(self._land(line, flight, reply, trip) for flight, reply in pairs))

    async def _land(self, line: Line, flight: _Flight, reply: Reply, trip: Trip) -> None:
        request, usage, seconds = flight.request, reply.usage, trip.seconds
        cost = call_cost(usage, line.price)
        text = clean(reply.text)  # an answer cut inside an emoji ends with half a character
        call = Call(flight.key, request.model, request.messages, dict(request.params), text, usage, cost)
        line.tally.add_call(call)
        entry = Entry(call, reply.finish_reason, request.schema, request.sample, seconds)
        if reply.logprobs is not None:
            entry = replace(entry, logprobs=reply.logprobs)
        if self._redo is not None:
            entry = replace(entry, replaces=self._redo.replaces(flight.key))
        if self._cache is not None:
            entry = await self._cache.put(entry)
        if self._log is not None:
            self._log.answered(flight.role, call, reply.finish_reason, trip)
        self._flights.pop(flight.key, None)
        self._release(flight.key)
        self._on_call(
            CallEvent(
                entry.call, flight.role, cached=False, finish_reason=entry.finish_reason, seconds=seconds
            )
        )
        flight.land(entry)

    def _crash(self, line: Line, flights: Sequence[_Flight], error: Exception, trip: Trip | None) -> None:
        for flight in flights:
            if flight.end is not None:
                continue
            if isinstance(error, ModelError):
                error.key = error.key or flight.key
                line.tally.failed += 1
            if self._log is not None and trip is not None and trip.attempts:
                self._log.failed(flight.role, flight.key, error, trip)
            self._flights.pop(flight.key, None)
            self._release(flight.key)
            flight.land(error)


async def _wait(flights: Sequence[_Flight]) -> list[Entry]:
    """Answers of all flights once all have ended; the first error among them is raised then."""
    if len(flights) == 1:
        return [await flights[0].wait()]
    ends = [await flight.outcome() for flight in flights]
    entries = [end for end in ends if not isinstance(end, Exception)]
    if len(entries) < len(ends):
        raise next(end for end in ends if isinstance(end, Exception))
    return entries


def _closed() -> ModelUnavailableError:
    return ModelUnavailableError("the run is stopping: the call was not sent", kind="stopped")
