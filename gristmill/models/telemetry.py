"""What became of every request that was sent: a row each, kept in memory until somebody takes them.

Appending a tuple is all that a call pays for it. Answers from the cache are only counted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gristmill.errors import ModelError
from gristmill.models.spec import ModelSpec
from gristmill.models.types import FinishReason, Request
from gristmill.records import Call

if TYPE_CHECKING:
    from gristmill.models.tracing import Tracing

MAX_MESSAGE = 300


class Trip:
    """One request on its way. The line fills it in; it is read when the request has landed or is lost.

    ``request`` is the first of its samples.

    ``asked`` and ``sent`` (of the last attempt) are on the monotonic clock, ``seconds`` is how long the
    last attempt took. ``causes`` are the kinds of the errors that it was sent again for.
    """

    __slots__ = ("asked", "attempts", "causes", "request", "samples", "seconds", "sent", "spec")

    def __init__(self, spec: ModelSpec, request: Request, samples: int) -> None:
        self.spec, self.request, self.samples = spec, request, samples
        self.asked = self.sent = time.monotonic()
        self.attempts = 0
        self.seconds = 0.0
        self.causes: tuple[str, ...] = ()

    @property
    def waited(self) -> float:
        """Seconds from asking to the last attempt: queue, rate limits, back-off and failed attempts."""
        return self.sent - self.asked


class CallRow(NamedTuple):
    """A row of the store's ``call_log``, in the order of its columns (``run_id`` is added there).

    ``sent`` is in microseconds since 1970 (UTC). ``samples`` is how many calls travelled in the request:
    they share its time and attempts. ``finish_reason`` is None for a failed call, ``error`` (its kind) for
    an answered one. ``retried_for`` holds the kinds of the errors before, comma-separated.
    """

    key: str
    role: str
    model: str
    sent: int
    seconds: float
    waited: float
    attempts: int
    samples: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    finish_reason: str | None
    error: str | None
    retried_for: str | None


@dataclass(frozen=True, slots=True)
class LastError:
    """The latest error of a model; ``time`` in seconds since 1970. ``final`` when the call failed by it."""

    time: float
    role: str
    model: str
    kind: str
    message: str
    final: bool


class CallLog:
    """Collects :class:`CallRow` of sent calls and counts the others; belongs to the event loop's thread."""

    __slots__ = ("hits", "last_error", "rows", "tracing")

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing
        self.rows: list[CallRow] = []
        self.hits: dict[tuple[str, str], int] = {}
        self.last_error: LastError | None = None

    def answered(self, role: str, call: Call, finish_reason: FinishReason, trip: Trip) -> None:
        """A sent call came back."""
        usage, causes = call.usage, None
        if trip.causes:
            causes = ",".join(trip.causes)
            self._remember(role, call.model, trip.causes[-1], "answered after another attempt", final=False)
        # Built by tuple.__new__: the named constructor would cost as much as all the rest of this.
        row = (
            call.key,
            role,
            call.model,
            _sent(trip),
            trip.seconds,
            trip.sent - trip.asked,
            trip.attempts,
            trip.samples,
            usage.input_tokens,
            usage.output_tokens,
            call.cost,
            finish_reason,
            None,
            causes,
        )
        self.rows.append(tuple.__new__(CallRow, row))
        if self.tracing is not None:
            self.tracing.answered(role, call, finish_reason, trip)

    def failed(self, role: str, key: str, error: Exception, trip: Trip) -> None:
        """A sent call is lost: its last attempt failed, or the run did not wait for it."""
        kind = error.kind if isinstance(error, ModelError) else f"crash:{type(error).__name__}"
        message = error.message if isinstance(error, ModelError) else str(error)
        model = trip.request.model
        self._remember(role, model, kind, message, final=True)
        trip.seconds = time.monotonic() - trip.sent
        where = (key, role, model, _sent(trip), trip.seconds, trip.waited, trip.attempts, trip.samples)
        self.rows.append(CallRow(*where, 0, 0, None, None, kind, ",".join(trip.causes) or None))
        if self.tracing is not None:
            self.tracing.failed(role, kind, trip)

    def hit(self, role: str, model: str) -> None:
        """A call was answered without sending anything."""
        place = (role, model)
        self.hits[place] = self.hits.get(place, 0) + 1

    def drain(self) -> tuple[list[CallRow], dict[tuple[str, str], int]]:
        """Rows and hits since the last time; they are the caller's now."""
        rows, hits = self.rows, self.hits
        self.rows, self.hits = [], {}
        return rows, hits

    def _remember(self, role: str, model: str, kind: str, message: str, *, final: bool) -> None:
        self.last_error = LastError(time.time(), role, model, kind, message[:MAX_MESSAGE], final)


def _sent(trip: Trip) -> int:
    return int((time.time() - time.monotonic() + trip.sent) * 1e6)
