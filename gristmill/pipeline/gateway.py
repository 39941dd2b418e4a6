"""What a run needs of the way to its models, be that a door of its own or a fleet of workers."""

from __future__ import annotations

from typing import Protocol

from gristmill.errors import GristmillError
from gristmill.models import Budget, Counters
from gristmill.models.limits import LimitView
from gristmill.models.telemetry import CallLog
from gristmill.pipeline.plan import Job


class Gateway(Protocol):
    """Implemented by :class:`gristmill.models.Door` and :class:`gristmill.pipeline.ray.fleet.Fleet`."""

    counters: Counters
    budget: Budget
    log: CallLog | None

    def limits(self) -> list[LimitView]:
        """The limits now in force."""

    def halt(self, error: GristmillError) -> None:
        """Send nothing more; calls on the wire go on."""


class Walks(Protocol):
    """Walks chunks, here or elsewhere."""

    async def walk(self, job: Job, skip: frozenset[int]) -> None:
        """Make and decide all rows of one chunk, except those of the tasks in ``skip``."""
