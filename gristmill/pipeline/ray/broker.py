"""The calls of all workers: looked up, asked by one of them, stored before the asker gives its place on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gristmill.errors import GristmillError
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.claims import CHECK_SECONDS
from gristmill.models.counters import Counters
from gristmill.pipeline.ray.messages import Keep, Look, Reply, failure_of
from gristmill.records import Call

if TYPE_CHECKING:
    from gristmill.pipeline.ray.hand import Hand

POLL_SECONDS = 0.05
LONGEST_ELSEWHERE = 900.0


@dataclass(slots=True)
class _Asked:
    """A look-up on the table; ``left`` of its keys wait for somebody's answer."""

    hand: Hand
    look: Look
    found: list[Entry | None]
    left: int = 0


@dataclass(slots=True)
class _Held:
    """A call that is being asked, by a worker or (None) by another process on this machine."""

    hand: Hand | None
    waiting: list[tuple[_Asked, int]] = field(default_factory=list)


class Broker:
    """Belongs to the driver's event loop. ``on_call`` hears of every answer that a row may rest on.

    A look-up takes all the calls that nobody else is asking, in one step; so whoever waits, waits for those
    who looked before, and never in a circle.
    """

    def __init__(self, cache: ResponseCache, counters: Counters, on_call: Callable[[Call], None]) -> None:
        self.cache, self._counters, self._on_call = cache, counters, on_call
        self._held: dict[str, _Held] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """See who else uses the cache file, and go on looking."""
        if self.cache.claims.look_around(self._held):
            await asyncio.sleep(2 * CHECK_SECONDS)
        self._watch = asyncio.create_task(self._keep_watch())

    async def close(self) -> None:
        """Store what is being stored, then close the file."""
        storing = [task for task in self._tasks if not task.get_name().startswith("elsewhere")]
        if storing:
            await asyncio.wait(storing)
        for task in (*self._tasks, *((self._watch,) if self._watch else ())):
            task.cancel()
        await asyncio.to_thread(self.cache.close)

    def look(self, hand: Hand, look: Look) -> None:
        """Answer a look-up once every key is found, or the asker's to send (None)."""
        asked = _Asked(hand, look, [None] * len(look.keys))
        for place, key in enumerate(look.keys):
            if (held := self._held.get(key)) is not None:
                held.waiting.append((asked, place))
                asked.left += 1
            elif self.cache.claims.crowded and not self.cache.claims.take(key):
                self._held[key] = _Held(None, [(asked, place)])
                asked.left += 1
                self._run(self._elsewhere(key), f"elsewhere {key}")
            else:
                self._take(asked, place)
        self._answer(asked)

    def keep(self, hand: Hand, keep: Keep) -> None:
        """Store an answer, tell the worker, and everybody who waits for it."""
        self._run(self._keep(hand, keep), "keep")

    def drop(self, key: str) -> None:
        """A call came to nothing: whoever waits first may ask it."""
        self._free(key, None)

    def lost(self, hand: Hand) -> None:
        """A worker is gone; what it was asking is anybody's again."""
        for held in self._held.values():
            held.waiting = [pair for pair in held.waiting if pair[0].hand is not hand]
        for key in [key for key, held in self._held.items() if held.hand is hand]:
            self._free(key, None)

    async def _keep(self, hand: Hand, keep: Keep) -> None:
        entry, key = keep.entry, keep.entry.call.key
        try:
            stored = await self.cache.put(entry)
        except GristmillError as error:
            self._free(key, None)
            hand.post(Reply(keep.ask, failure_of(error)))
            return
        self._counters.of(entry.call.model).add_call(entry.call)
        self._on_call(stored.call)
        hand.post(Reply(keep.ask, None if stored is entry else _light(stored)))
        self._free(key, stored)

    def _take(self, asked: _Asked, place: int) -> None:
        """Find a call or claim it."""
        key, since = asked.look.keys[place], asked.look.replaces[place]
        entry = self.cache.get(key)
        if entry is None or (since and entry.created < since):
            self._held[key] = _Held(asked.hand)
            return
        self._release(key)
        self._found(asked, place, entry)

    def _found(self, asked: _Asked, place: int, entry: Entry) -> None:
        asked.found[place] = _light(entry)
        self._on_call(entry.call)

    def _free(self, key: str, entry: Entry | None) -> None:
        held = self._held.pop(key, None)
        self._release(key)
        waiting = held.waiting if held is not None else []
        while waiting:
            asked, place = waiting.pop(0)
            if entry is not None:
                self._found(asked, place, entry)
            else:
                self._take(asked, place)
            asked.left -= 1
            self._answer(asked)
            if key in self._held:  # it is this asker's now; the others go on waiting
                self._held[key].waiting = waiting
                return

    def _answer(self, asked: _Asked) -> None:
        if asked.left == 0:
            asked.hand.post(Reply(asked.look.ask, tuple(asked.found)))

    def _release(self, key: str) -> None:
        if self.cache.claims.crowded:
            self.cache.claims.release(key)

    async def _elsewhere(self, key: str) -> None:
        """Wait for the process that is asking this call."""
        limit = time.monotonic() + LONGEST_ELSEWHERE
        while not self.cache.claims.take(key) and time.monotonic() < limit:  # noqa: ASYNC110 - a file lock
            await asyncio.sleep(POLL_SECONDS)
        self._free(key, None)

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.cache.claims.look_around(self._held)

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _light(entry: Entry) -> Entry:
    """Without the question: the worker that wants the answer asked it."""
    return replace(entry, call=replace(entry.call, messages=(), params={}), schema=None)
