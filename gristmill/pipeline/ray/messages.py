"""What a driver and its workers say to each other: tuples, pickled in batches by ourselves.

Ray carries bytes untouched, while every object of its own accord would go through a slower pickler.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gristmill.errors import GristmillError
from gristmill.models.cache import Entry
from gristmill.models.sharing import Place
from gristmill.models.telemetry import CallRow, LastError
from gristmill.pipeline.plan import Remake
from gristmill.pipeline.walk import Decision
from gristmill.records import Document, Example, Lineage, Match, Outcome, Score


class Failure(NamedTuple):
    """An exception on its way: its class, arguments and attributes (many cannot be pickled as they are)."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: Mapping[str, Any]


class Hello(NamedTuple):
    """A worker is up: which gristmill it runs, and where."""

    version: str
    node: str
    pid: int


# From the driver


class Begin(NamedTuple):
    """Walk a chunk. ``document`` is None when the worker has it; ``closed`` has reasons by task index."""

    walk: int
    document_id: str
    document: Document | None
    span: tuple[int, int, Sequence[str]]
    skip: frozenset[int]
    closed: Mapping[int, str]
    remakes: Mapping[int, tuple[Remake, ...]]
    only_remakes: bool


class Forget(NamedTuple):
    """A document that is not needed any more."""

    document_id: str


class Share(NamedTuple):
    """The part of a model's limits that the worker has: of the concurrency, and as a fraction.

    ``serial`` grows; the worker's :class:`State` says which one it follows.
    """

    place: Place
    calls: int
    fraction: float
    serial: int


class Pause(NamedTuple):
    """A model asked another worker to wait."""

    place: Place
    seconds: float


class Halt(NamedTuple):
    """Send nothing more."""

    error: Failure


class Full(NamedTuple):
    """Whether the target of the run is reached."""

    full: bool


class Reply(NamedTuple):
    """The answer to a question of a worker; a :class:`Failure` is raised there."""

    ask: int
    value: Any


# From a worker


class Look(NamedTuple):
    """Which of these calls are stored? The others are the asker's to send. See :class:`Broker`."""

    ask: int
    role: str
    keys: tuple[str, ...]
    replaces: tuple[str, ...]
    """By key: only an answer stored since then counts; empty: any."""


class Keep(NamedTuple):
    """Store an answer; the reply is what is stored, or None when that is this one."""

    ask: int
    role: str
    entry: Entry


class Drop(NamedTuple):
    """A call that was the worker's to send was not answered: it is free again."""

    key: str


class Hold(NamedTuple):
    """May a call be sent? The reply is its need, reserved in the run's budget."""

    ask: int
    role: str
    prompt: int
    limit: int | None
    samples: int


class Spent(NamedTuple):
    """What became of a hold: usage by reply, or ``lost``: it may be billed though nothing came back."""

    ask: int
    usages: tuple[tuple[int, int], ...]
    lost: bool


class Check(NamedTuple):
    """Gates with a memory, from ``first`` up to ``last``, and the target: may this row go on?"""

    ask: int
    walk: int
    slot: str
    first: int
    last: int
    example: Example


class Checked(NamedTuple):
    """The reply to :class:`Check`; ``decision`` None lets the row pass."""

    decision: Decision | None
    matches: tuple[Match, ...]


class Decided(NamedTuple):
    """A row is decided; ``records`` are to be stored with its outcome."""

    walk: int
    records: tuple[Example | Lineage | Score | Match, ...]
    outcome: Outcome


class Ended(NamedTuple):
    """A walk is over."""

    walk: int
    error: Failure | None


class State(NamedTuple):
    """A model's limits at a worker; ``calls`` is the share that it follows, with that share's ``serial``."""

    serial: int
    calls: int
    allowed: int
    in_flight: int
    waiting: int
    paused_for: float
    throttled: int


class Pulse(NamedTuple):
    """How a worker is: counts so far by model, limits now, and the log of calls since the last pulse."""

    counts: Mapping[str, Mapping[str, int]]
    states: Mapping[Place, State]
    rows: list[CallRow]
    hits: Mapping[tuple[str, str], int]
    last_error: LastError | None


class Bye(NamedTuple):
    """The last word of a worker that was dismissed."""


def pack(messages: Sequence[object]) -> bytes:
    """A batch of messages as bytes."""
    return pickle.dumps(messages, pickle.HIGHEST_PROTOCOL)


def unpack(blob: bytes) -> list[Any]:
    """The messages of a batch; they come from processes that this run started."""
    found: list[Any] = pickle.loads(blob)  # noqa: S301 - see above
    return found


def failure_of(error: BaseException) -> Failure:
    """An exception as it travels; one that cannot becomes a :class:`RuntimeError` that names it."""
    found = Failure(type(error), error.args, dict(vars(error)))
    try:
        pickle.loads(pickle.dumps(found))  # noqa: S301 - made in the line before
    except Exception:  # noqa: BLE001 - whatever its parts do when they are pickled
        return Failure(RuntimeError, (f"{type(error).__name__}: {error}",), {})
    return found


def error_of(failure: Failure) -> BaseException:
    """The exception again; constructors are not called, they want other arguments."""
    error = failure.kind.__new__(failure.kind, *failure.args)
    error.args = failure.args
    error.__dict__.update(failure.state)
    return error


def user_error(failure: Failure) -> GristmillError | None:
    """The exception if it is one meant for users."""
    error = error_of(failure)
    return error if isinstance(error, GristmillError) else None
