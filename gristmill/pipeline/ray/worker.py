"""A worker: one process of the cluster that walks chunks, with its own models' clients and CPU."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from gristmill import __version__
from gristmill.errors import GristmillError, StoppedError
from gristmill.pipeline.collector import seldom_collected
from gristmill.pipeline.plan import Job
from gristmill.pipeline.ray import messages
from gristmill.pipeline.ray.link import Link
from gristmill.pipeline.ray.messages import Begin, Bye, Ended, Failure, Hello, Pulse, failure_of, unpack
from gristmill.pipeline.ray.parcel import Parcel, unwrap, version_of
from gristmill.pipeline.ray.remote import RemoteDoor
from gristmill.pipeline.ray.walker import RemotePlaces, RemoteWalker, RowPost
from gristmill.records import Chunk, Document

PULSE_SECONDS = 0.25


class Worker:
    """What runs in an actor. It writes no file, and forgets a chunk as soon as it is walked."""

    def __init__(self) -> None:
        self.link = Link()
        self._documents: dict[str, Document] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._full = False
        self._parcel: Parcel | None = None
        self._door: RemoteDoor | None = None
        self._handlers: dict[type, Callable[[Any], None]] = {
            messages.Reply: self.link.replied,
            messages.Begin: self._begin,
            messages.Forget: self._forget,
            messages.Share: lambda share: self._opened.pool.give(share),
            messages.Pause: lambda told: self._opened.pool.pause(told.place, told.seconds),
            messages.Halt: self._halt,
            messages.Full: self._reached,
        }

    async def start(self, parcel: bytes, environ: dict[str, str]) -> Hello | Failure:
        """Unpack the recipe and open the door; ``environ`` holds the models' keys.

        They come with this call and not with the actor's creation, which the cluster keeps on record.
        """
        import ray

        hello = Hello(__version__, ray.util.get_node_ip_address(), os.getpid())
        if version_of(parcel) != __version__:
            return hello
        os.environ.update(environ)
        try:
            self._parcel = found = unwrap(parcel)
            self._door = RemoteDoor(
                found.loaded.recipe.models,
                self.link,
                limited=found.limited,
                redo=found.remembered(),
                divided=found.divided,
            )
        except (GristmillError, ImportError, AttributeError) as error:
            return failure_of(error)
        self._collector = seldom_collected()
        self._collector.__enter__()
        self._pulse = asyncio.create_task(self._keep_pulse())
        return hello

    async def deliver(self, blob: bytes) -> None:
        """Messages from the driver, in the order it sent them."""
        for message in unpack(blob):
            self._handlers[type(message)](message)

    async def take(self) -> bytes:
        """The next messages for the driver; waits until there are any."""
        return await self.link.batch()

    async def close(self, grace: float) -> None:
        """Let calls on the wire end for ``grace`` seconds; their answers still go to the driver."""
        await self._opened.close(grace=grace)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        self._send_pulse()
        self.link.post(Bye())

    @property
    def _opened(self) -> RemoteDoor:
        if self._door is None:
            raise RuntimeError("the worker was not started")
        return self._door

    def _begin(self, told: Begin) -> None:
        if told.document is not None:
            self._documents[told.document_id] = told.document
        document = self._documents[told.document_id]
        job = Job(Chunk.make(document, *told.span), document, told.remakes, told.only_remakes)
        task = asyncio.create_task(self._walk(told, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _forget(self, told: messages.Forget) -> None:
        self._documents.pop(told.document_id, None)

    async def _walk(self, told: Begin, job: Job) -> None:
        failure: Failure | None = None
        try:
            await self._walker(told).walk(job, told.skip)
        except Exception as error:  # noqa: BLE001 - the driver decides what it means for the run
            failure = failure_of(error)
        self.link.post(Ended(told.walk, failure))

    def _walker(self, told: Begin) -> RemoteWalker:
        parcel = self._parcel
        if parcel is None:
            raise StoppedError
        names = {parcel.plan.tasks[index].name: reason for index, reason in told.closed.items()}
        return RemoteWalker(
            parcel.loaded,
            parcel.plan,
            self._opened,
            RowPost(self.link, told.walk),
            RemotePlaces(names, lambda: self._full) if parcel.targeted else None,
            link=self.link,
            number=told.walk,
            steps=parcel.steps,
        )

    def _halt(self, told: messages.Halt) -> None:
        error = messages.user_error(told.error)
        self._opened.halt(error or StoppedError())

    def _reached(self, told: messages.Full) -> None:
        self._full = told.full

    async def _keep_pulse(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            self._send_pulse()

    def _send_pulse(self) -> None:
        door = self._opened
        rows, hits = door.calls.drain()
        last, door.calls.last_error = door.calls.last_error, None
        counts = {
            model: {part.name: getattr(tally, part.name) for part in fields(tally)}
            for model, tally in door.counters.by_model.items()
        }
        self.link.post(Pulse(counts, door.pool.states(), rows, hits, last))
