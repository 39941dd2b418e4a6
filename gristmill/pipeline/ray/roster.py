"""The workers of a run: hired, served, replaced when they are lost, dismissed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from gristmill import __version__
from gristmill.errors import GristmillError
from gristmill.pipeline.ray.cluster import ClusterError
from gristmill.pipeline.ray.hand import Hand, WorkerLostError
from gristmill.pipeline.ray.messages import Bye, Failure, Hello, user_error

log = logging.getLogger("gristmill.pipeline")
# With fewer workers than wanted the run starts after so long, without any it ends after START_SECONDS.
GATHER_SECONDS = 10.0
START_SECONDS = 90.0
# More losses than this for every worker are no accident.
LOSSES_A_WORKER = 4
BACK_OFF = 0.5
LONGEST_BACK_OFF = 15.0


@dataclass(frozen=True, slots=True)
class Hiring:
    """How a worker is had: ``launch`` makes an actor, ``parcel`` is a reference to what it works with."""

    launch: Callable[[], Any]
    number: int
    parcel: Any
    secrets: dict[str, str]
    needs: str


class Roster:
    """``joined`` and ``left`` hear of workers, ``told`` of messages, ``failed`` when nobody is left."""

    def __init__(
        self,
        joined: Callable[[Hand], None],
        left: Callable[[Hand, WorkerLostError], None],
        told: Callable[[Hand, Any], None],
        failed: Callable[[GristmillError], None],
    ) -> None:
        self._joined, self._left, self._told, self._failed = joined, left, told, failed
        self._hiring: Hiring | None = None
        self._numbers = count(1)
        self._hands: dict[Hand, asyncio.Task[None]] = {}
        self._byes: dict[Hand, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._refusal: GristmillError | None = None
        self._losses = 0
        self._closing = False
        self._timers: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> list[Hand]:
        """Workers that are up."""
        return [hand for hand in self._hands if hand.ready]

    @property
    def size(self) -> int:
        """Workers wanted."""
        return self._hiring.number if self._hiring is not None else 0

    async def open(self, hiring: Hiring) -> None:
        """Start the workers; returns once all are up, or some after a while.

        Raises:
            GristmillError: none came up in time, or one cannot run the recipe.
        """
        self._hiring = hiring
        for _ in range(hiring.number):
            self._hire(hiring)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._until(hiring.number), GATHER_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._until(1), START_SECONDS - GATHER_SECONDS)
        if self._refusal is not None:
            raise self._refusal
        if not self.ready:
            raise self._nobody("no worker could be started")
        if len(self.ready) < hiring.number:
            log.warning(
                "%d of %d workers are up; the others join as they come", len(self.ready), hiring.number
            )

    def tell(self, message: object) -> None:
        """Tell all workers."""
        for hand in self.ready:
            hand.post(message)

    async def close(self, grace: float) -> None:
        """Dismiss all workers, after their calls on the wire have had ``grace`` seconds."""
        self._closing = True
        ready = self.ready
        for hand in ready:
            self._byes[hand] = asyncio.Event()
        if grace:
            await asyncio.gather(*(self._dismiss(hand, grace) for hand in ready))
        self.kill()
        await asyncio.gather(*self._hands.values(), *self._timers, return_exceptions=True)

    def kill(self) -> None:
        """End all workers at once."""
        self._closing = True
        for hand, serving in self._hands.items():
            serving.cancel()
            hand.kill()
        for timer in self._timers:
            timer.cancel()

    async def _dismiss(self, hand: Hand, grace: float) -> None:
        with contextlib.suppress(WorkerLostError, TimeoutError):
            await asyncio.wait_for(hand.close(grace), 2 * grace + 5)
            await asyncio.wait_for(self._byes[hand].wait(), grace)

    def _hire(self, hiring: Hiring) -> None:
        hand = Hand(next(self._numbers), hiring.launch(), self._message)
        self._hands[hand] = asyncio.create_task(self._serve(hand, hiring))

    def _message(self, hand: Hand, message: Any) -> None:
        if isinstance(message, Bye):
            if (event := self._byes.get(hand)) is not None:
                event.set()
            return
        self._told(hand, message)

    async def _serve(self, hand: Hand, hiring: Hiring) -> None:
        try:
            hello = await hand.start(hiring.parcel, hiring.secrets)
            if self._unfit(hello):
                return
            if isinstance(hello, Hello):
                hand.node, hand.pid = hello.node, hello.pid
            hand.ready = True
            self._joined(hand)
            self._changed.set()
            await hand.talk()
        except WorkerLostError as why:
            was_ready, hand.ready, hand.lost = hand.ready, False, True
            hand.kill()
            if was_ready and not self._closing:
                self._left(hand, why)
            self._replace(hiring, why)
        except Exception as error:  # noqa: BLE001 - a bug in a worker or here must end the run, not hang it
            self._failed(ClusterError(f"a worker broke: {type(error).__name__}: {error}"[:1000]))
        finally:
            if hand.lost:
                self._hands.pop(hand, None)

    def _unfit(self, hello: Hello | Failure) -> bool:
        if isinstance(hello, Failure):
            error = user_error(hello)
            text = f"{hello.kind.__name__}: {', '.join(map(str, hello.args))}"
            self._refuse(error or ClusterError(f"a worker cannot load the recipe: {text}", cure=_SAME))
            return True
        if hello.version != __version__:
            message = f"node {hello.node} has gristmill {hello.version}, here it is {__version__}"
            self._refuse(ClusterError(message, cure=_SAME))
            return True
        return False

    def _refuse(self, error: GristmillError) -> None:
        self._refusal = self._refusal or error
        self._changed.set()
        self._failed(error)

    def _replace(self, hiring: Hiring, why: WorkerLostError) -> None:
        self._losses += 1
        if self._closing or self._refusal is not None:
            return
        if self._losses > LOSSES_A_WORKER * hiring.number:
            if not self.ready:
                self._failed(self._nobody(f"workers are lost again and again, the last one: {why}"))
            return
        again = asyncio.create_task(self._hire_later(hiring))
        self._timers.add(again)
        again.add_done_callback(self._timers.discard)

    async def _hire_later(self, hiring: Hiring) -> None:
        await asyncio.sleep(min(LONGEST_BACK_OFF, BACK_OFF * 2 ** min(self._losses - 1, 10)))
        self._hire(hiring)
        if self.ready:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._until(1), START_SECONDS)
        if not self.ready:
            self._failed(self._nobody("all workers are lost, and no other could be started"))

    async def _until(self, number: int) -> None:
        while len(self.ready) < number and self._refusal is None:
            self._changed.clear()
            await self._changed.wait()

    def _nobody(self, message: str) -> ClusterError:
        import ray

        needs = self._hiring.needs if self._hiring is not None else ""
        free = ray.available_resources() if ray.is_initialized() else {}
        shown = f"{free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs"
        return ClusterError(
            f"{message} (each needs {needs}; free on the cluster: {shown})",
            cure="free some of the cluster, add a node, or ask for fewer workers with --ray-workers",
        )


_SAME = "install the same gristmill, with the same plugins, on every node"
