"""The driver's end of the channel to one worker."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from gristmill.pipeline.plan import Job
from gristmill.pipeline.ray import messages
from gristmill.pipeline.ray.messages import Begin, Failure, Hello, pack, unpack

LINGER_SECONDS = 0.001
BATCH = 256
# Documents that a worker keeps for the chunks to come, in characters.
DOCUMENT_CHARS = 16_000_000


class WorkerLostError(Exception):
    """The worker's process or node is gone, or cannot be reached any more."""


class Hand:
    """One worker: what it was told, what it has to do. ``on_message`` hears everything it says."""

    def __init__(self, number: int, actor: Any, on_message: Callable[[Hand, Any], None]) -> None:
        self.number, self.actor = number, actor
        self.node, self.pid = "", 0
        self.lost = False
        self.ready = False
        self.alone = False
        """It walks a chunk that others were lost with, and nothing else."""
        self.walks: set[int] = set()
        self._on_message = on_message
        self._out: list[object] = []
        self._filled = asyncio.Event()
        self._documents: OrderedDict[str, int] = OrderedDict()
        self._chars = 0

    async def start(self, parcel: Any, secrets: dict[str, str]) -> Hello | Failure:
        """Bring the worker up; ``parcel`` is a reference to what :func:`parcel.wrap` gave.

        Raises:
            WorkerLostError: it died before it was up.
        """
        hello: Hello | Failure = await self._reached(self.actor.start.remote(parcel, secrets))
        return hello

    async def talk(self) -> None:
        """Carry messages both ways until the worker is lost (raised) or this is cancelled.

        Raises:
            WorkerLostError: see there.
        """
        both = asyncio.gather(self._read(), self._write())
        try:
            await both
        finally:
            both.cancel()

    def post(self, message: object) -> None:
        """Tell the worker something; messages arrive in order."""
        if not self.lost:
            self._out.append(message)
            self._filled.set()

    def begin(self, walk: int, job: Job, skip: frozenset[int], closed: dict[int, str]) -> None:
        """Hand out a chunk; its document travels once, as long as the worker remembers it."""
        document, chunk = job.document, job.chunk
        new = document.id not in self._documents
        if new:
            self._documents[document.id] = len(document.text)
            self._chars += len(document.text)
        self._documents.move_to_end(document.id)
        self.walks.add(walk)
        span = (chunk.start, chunk.end, chunk.heading_path)
        told = document if new else None
        self.post(Begin(walk, document.id, told, span, skip, closed, job.remakes, job.only_remakes))
        while self._chars > DOCUMENT_CHARS and len(self._documents) > 1:
            oldest, chars = self._documents.popitem(last=False)
            self._chars -= chars
            self.post(messages.Forget(oldest))

    def knows(self, job: Job) -> bool:
        """Whether the worker has the chunk's document."""
        return job.document.id in self._documents

    async def close(self, grace: float) -> None:
        """Ask the worker to end its calls; :meth:`talk` must still carry their answers."""
        await self._reached(self.actor.close.remote(grace))

    def kill(self) -> None:
        """End the worker's process at once."""
        import ray

        ray.kill(self.actor, no_restart=True)

    async def _read(self) -> None:
        while True:
            for message in unpack(await self._reached(self.actor.take.remote())):
                self._on_message(self, message)

    async def _write(self) -> None:
        while True:
            await self._filled.wait()
            await asyncio.sleep(LINGER_SECONDS)
            batch, self._out = self._out[:BATCH], self._out[BATCH:]
            if not self._out:
                self._filled.clear()
            # Awaited: a worker that cannot follow makes the messages wait here, not in its memory.
            await self._reached(self.actor.deliver.remote(pack(batch)))

    async def _reached(self, call: Any) -> Any:
        from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, WorkerCrashedError

        try:
            return await call
        except (RayActorError, WorkerCrashedError, ObjectLostError, GetTimeoutError) as error:
            raise WorkerLostError(str(error).strip().splitlines()[0][:300]) from error
