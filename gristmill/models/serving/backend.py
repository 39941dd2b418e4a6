"""A model behind a server of our own: an OpenAI endpoint that is started when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from gristmill.errors import ModelUnavailableError
from gristmill.models.backends.openai_api import OpenAIBackend
from gristmill.models.serving.command import Launch
from gristmill.models.serving.server import Server
from gristmill.models.serving.settings import ServeSpec
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Reply, Request

KEY_VARIABLE = "GRISTMILL_SERVER_KEY"
"""Where the client looks for the key, in a mapping of its own: not in the environment."""
MAYBE_ITS_END = frozenset({"connection", "server-error", "bad-response"})

_SERVERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Server]] = WeakKeyDictionary()


class ServedBackend:
    """Answers through the server of ``spec.serve``. Starts it in :meth:`prepare`, or with the first call.

    The server is shared with all roles of equal ``serve`` and model, and stopped when the last one closes.
    """

    uses_task = False

    def __init__(self, spec: ModelSpec, serve: ServeSpec) -> None:
        self.name = spec.model
        self._spec, self._serve = spec, serve
        self._server: Server | None = None
        self._inner: OpenAIBackend | None = None
        self._generation = 0

    @property
    def many(self) -> bool:
        """As long as the server was not seen to ignore ``n``."""
        return self._inner is None or self._inner.many

    @property
    def ready(self) -> bool:
        """Whether its server runs, and is the one that was connected to."""
        server = self._server
        return server is not None and self._generation == server.generation and server.up

    async def prepare(self) -> None:
        """Have the server run.

        Raises:
            ModelConfigError: it cannot be started.
        """
        await self._reach()

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the contract
        """Answer one request; see :class:`gristmill.models.types.Backend`."""
        inner = self._inner or await self._reach()
        try:
            return await inner.complete(request, timeout=timeout)
        except ModelUnavailableError as error:
            raise self._explained(error) from None

    async def complete_many(self, requests: Sequence[Request], *, timeout: float) -> list[Reply]:  # noqa: ASYNC109
        """Draw several samples in one request."""
        inner = self._inner or await self._reach()
        try:
            return await inner.complete_many(requests, timeout=timeout)
        except ModelUnavailableError as error:
            raise self._explained(error) from None

    async def list_models(self, *, timeout: float) -> list[str] | None:  # noqa: ASYNC109
        """Names the server lists."""
        return await (await self._reach()).list_models(timeout=timeout)

    async def close(self) -> None:
        """Release connections, and stop the server when nobody else uses it."""
        server, self._server = self._server, None
        if self._inner is not None:
            await self._inner.close()
            self._inner = None
        if server is not None:
            await _give_back(server)

    async def _reach(self) -> OpenAIBackend:
        server = self._server = self._server or _borrow(self._serve, self._spec.name)
        launch = await server.ready()
        if self._inner is None or self._generation != server.generation:
            return await self._connect(launch, server.generation)
        return self._inner

    async def _connect(self, launch: Launch, generation: int) -> OpenAIBackend:
        old, self._generation = self._inner, generation
        key = KEY_VARIABLE if launch.key else None
        here = {"base_url": launch.url, "serve": None, "api_key_env": key}
        self._inner = OpenAIBackend(self._spec.model_copy(update=here), {KEY_VARIABLE: launch.key})
        if old is not None:
            await old.close()  # it leads to a server that is no more
        return self._inner

    def _explained(self, error: ModelUnavailableError) -> ModelUnavailableError:
        server = self._server
        if server is not None and error.kind in MAYBE_ITS_END:
            server.doubt()
            if not server.alive:
                error.message += f" (its server has ended; log: {server.log_file})"
        return error


def _borrow(serve: ServeSpec, name: str) -> Server:
    servers = _SERVERS.setdefault(asyncio.get_running_loop(), {})
    server = servers.get(serve.identity(name))
    if server is None:
        server = servers[serve.identity(name)] = Server(serve, name)
    server.users += 1
    return server


async def _give_back(server: Server) -> None:
    server.users -= 1
    if server.users == 0:
        servers = _SERVERS.get(asyncio.get_running_loop(), {})
        servers.pop(server.serve.identity(server.name), None)
        await server.close()


@asynccontextmanager
async def running(spec: ModelSpec) -> AsyncIterator[Launch]:
    """The server of a model with ``serve``, for use by something else than Gristmill's own calls.

    Raises:
        ModelConfigError: it cannot be started.
    """
    assert spec.serve is not None
    server = _borrow(spec.serve, spec.name)
    try:
        yield await server.ready()
    finally:
        await _give_back(server)
