"""The model door of a worker: calls are sent from here, but the driver keeps cache, budget and shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gristmill.errors import ModelUnavailableError
from gristmill.models import Budget, Door
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.cost import prompt_tokens
from gristmill.models.flights import Airport, Landed
from gristmill.models.keys import request_key
from gristmill.models.line import MAYBE_BILLED, Keep, Line
from gristmill.models.redo import Redo
from gristmill.models.sharing import Place, Pool, Shared, place_of
from gristmill.models.spec import ModelSpec
from gristmill.models.telemetry import CallLog, Trip
from gristmill.models.types import Reply, Request
from gristmill.pipeline.ray import messages
from gristmill.pipeline.ray.link import Link
from gristmill.pipeline.ray.messages import Share, State


class RemoteCache(ResponseCache):
    """The driver's cache: answers are looked up before a call is claimed, and stored before it is over."""

    def __init__(self, link: Link) -> None:
        # Not the constructor of a file: everything it opens is at the driver.
        self.path = Path("driver")
        self._link = link
        self.found: dict[str, Entry] = {}
        self.mine: set[str] = set()
        self.roles: dict[str, str] = {}

    def get(self, key: str) -> Entry | None:
        """What the look-up just before found."""
        return self.found.pop(key, None)

    async def put(self, entry: Entry) -> Entry:
        """Store at the driver; returns what is stored there."""
        key = entry.call.key
        role = self.roles.pop(key, "")
        self.mine.discard(key)  # the driver gives it free together with storing it
        kept = await self._link.ask(messages.Keep(self._link.number(), role, entry))
        return entry if kept is None else kept

    def close(self) -> None:
        """Nothing is open here."""

    async def look(self, role: str, keys: Sequence[str], redo: Redo | None) -> None:
        """Ask for stored answers; calls that have none are this worker's to send from now on."""
        replaces = tuple(redo.replaces(key) for key in keys) if redo is not None else ("",) * len(keys)
        entries = await self._link.ask(messages.Look(self._link.number(), role, tuple(keys), replaces))
        for key, entry in zip(keys, entries, strict=True):
            if entry is None:
                self.mine.add(key)
                self.roles[key] = role
            else:
                self.found[key] = entry

    def release(self, key: str) -> None:
        """The call is not answered: others may send it."""
        if key in self.mine:
            self.mine.discard(key)
            self.roles.pop(key, None)
            self._link.post(messages.Drop(key))


class RemoteAirport(Airport):
    """Flights of a worker: two workers that want one call send it once."""

    def __init__(self, link: Link, redo: Redo | None, log: CallLog) -> None:
        super().__init__(None, lambda _: None, redo=redo, log=log)
        self._cache: RemoteCache = RemoteCache(link)

    async def draw(self, line: Line, role: str, requests: Sequence[Request]) -> list[Landed]:
        await self._look(line, role, requests)
        return await super().draw(line, role, requests)

    async def draw_each(self, line: Line, role: str, requests: Sequence[Request]) -> list[Landed | Exception]:
        await self._look(line, role, requests)
        return await super().draw_each(line, role, requests)

    async def _look(self, line: Line, role: str, requests: Sequence[Request]) -> None:
        keys = [request_key(line.backend, request) for request in requests]
        if not all(key in self._flights for key in keys):
            # All of them: one that flies now may have landed before the reply is here.
            await self._cache.look(role, keys, self._redo)

    def _release(self, key: str) -> None:
        self._cache.release(key)


class RemoteBudget(Budget):
    """Says whether the run has a limit; calls are held at the driver (:class:`RemoteLine`)."""


class RemoteLine(Line):
    """Holds every attempt in the budget of the whole run, at a projection learnt from all its workers."""

    link: Link
    role: str

    async def _within_budget(
        self, requests: Sequence[Request], trip: Trip, until: float | None, keep: Keep | None
    ) -> tuple[list[Reply], float]:
        if not self._budget.limited:
            return await super()._within_budget(requests, trip, until, keep)
        first, number = requests[0], self.link.number()
        limit = first.params.get("max_completion_tokens") or first.params.get("max_tokens")
        prompt = prompt_tokens(first.messages)
        need = await self.link.ask(messages.Hold(number, self.role, prompt, limit, len(requests)))
        usages: tuple[tuple[int, int], ...] = ()
        lost = False
        try:
            replies, seconds = await self._once(requests, need[0], trip, until, keep)
            usages = tuple((reply.usage.input_tokens, reply.usage.output_tokens) for reply in replies)
        except ModelUnavailableError as error:
            lost = error.kind in MAYBE_BILLED
            raise
        finally:
            self.link.post(messages.Spent(number, usages, lost))
        return replies, seconds


class SharedPool(Pool):
    """Limits of a worker's models: its shares of what all workers have together."""

    def __init__(self, specs: Sequence[ModelSpec], divided: frozenset[Place]) -> None:
        super().__init__(specs)
        self._shares = {place: Share(place, 0, 0.0, 0) for place in divided}

    def of(self, spec: ModelSpec) -> Shared:
        """As :class:`Pool`; a model that is divided starts with the share that was last given."""
        place = place_of(spec)
        new = place not in self._shared
        shared = super().of(spec)
        if new and (share := self._shares.get(place)) is not None:
            shared.limits.reshare(share.calls, share.fraction)
        return shared

    def give(self, share: Share) -> None:
        """Another share from now on."""
        self._shares[share.place] = share
        if (shared := self._shared.get(share.place)) is not None:
            shared.limits.reshare(share.calls, share.fraction)

    def pause(self, place: Place, seconds: float) -> None:
        """The model asked for a wait."""
        if (shared := self._shared.get(place)) is not None:
            shared.limits.pause(seconds)

    def states(self) -> dict[Place, State]:
        """The limits as they are, of divided models that were not asked yet too."""
        found = {p: State(s.serial, s.calls, s.calls, 0, 0, 0.0, 0) for p, s in self._shares.items()}
        for place, shared in self._shared.items():
            view = shared.limits.view(place.model, place.host)
            serial = found[place].serial if place in found else 0
            calls, waits = (view["limit"], view["allowed"]), (view["paused_for"], view["throttled"])
            found[place] = State(serial, *calls, view["in_flight"], view["waiting"], *waits)
        return found


class RemoteDoor(Door):
    """A door whose answers are stored, and whose limits are decided, by the driver."""

    line_type = RemoteLine

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        link: Link,
        *,
        limited: bool,
        redo: Redo | None,
        divided: frozenset[Place],
    ) -> None:
        # Whether it can be kept was checked at the driver; the amount is none of a worker's business.
        super().__init__(specs, cache=None, budget=RemoteBudget(tokens=0 if limited else None), log=CallLog())
        self.redo = redo
        self.pool = SharedPool(list(specs.values()), divided)
        self.calls = self.log or CallLog()
        self._link = link
        self._pool = self.pool
        self._airport: RemoteAirport = RemoteAirport(link, redo, self.calls)

    def _new_line(self, role: str, spec: ModelSpec) -> Line:
        line = super()._new_line(role, spec)
        if isinstance(line, RemoteLine):
            line.link, line.role = self._link, role
        return line
