"""The door of one model's evaluation, and a new one after a task that shut it.

A wrong key or an unknown parameter shuts a door for its model, so that the queue behind is not sent. Here the
next task may ask otherwise, so it begins with a door of its own; the cache, the budget and the counts go on.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from gristmill.errors import GristmillError
from gristmill.models import Counters, Door


class Doors:
    """An async context manager. ``counters`` are those of all doors so far."""

    def __init__(self, make: Callable[[], Door]) -> None:
        self._make, self._before = make, Counters()
        self.door = make()

    async def __aenter__(self) -> Doors:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.door.close()

    async def anew(self) -> None:
        """Close the door and open another; an engine in this process is loaded anew with the next call."""
        await self.door.close()
        self._before = self.counters
        self.door = self._make()

    @property
    def counters(self) -> Counters:
        """What went through."""
        return self._before.plus(self.door.counters)

    def halt(self, error: GristmillError) -> None:
        """Send nothing more."""
        self.door.halt(error)
