"""A server that says what it is told to, byte by byte, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Answer = bytes | Callable[["Asked", Streams], Awaitable[None]]
GOOD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Good day."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came; header names in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return orjson.loads(self.body)


def http(
    body: bytes | object = b"",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    kind: str | None = "application/json",
) -> bytes:
    """A whole HTTP response; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    head = {
        "Content-Length": str(len(content)),
        **({"Content-Type": kind} if kind else {}),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + content


class Wire:
    """``async with Wire(answers…) as wire``: the n-th request gets the n-th answer, later ones the last.

    An answer is bytes, after which the connection stays open, or a coroutine function that does what it
    likes with the streams. ``asked`` are the requests, ``opened`` counts connections, ``ended`` those that
    the client closed.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers) or [http(GOOD)]
        self.asked: list[Asked] = []
        self.opened = self.ended = 0
        self._tls = tls
        self._news = asyncio.Condition()
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        while self._open:
            await asyncio.gather(*filter(None, self._open))

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"{self.origin}/v1"

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait for what the next requests or the end of connections make true."""
        async with self._news:
            await self._news.wait_for(wanted)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number, me = self.opened, asyncio.current_task()
        self._open[me] = writer
        with contextlib.suppress(ConnectionError):
            while (asked := await read_request(reader, number)) is not None:
                self.asked.append(asked)
                await self._tell()
                answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
                if not isinstance(answer, bytes):
                    await answer(asked, (reader, writer))
                    break
                writer.write(answer)
        self.ended += 1
        del self._open[me]
        writer.close()
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


async def read_request(reader: asyncio.StreamReader, connection: int) -> Asked | None:
    """The next request of a connection, None when the client has closed it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(line, headers, body, connection)


def after(*parts: bytes, gap: float = 0.0) -> Answer:
    """Send ``parts`` with ``gap`` seconds before each, then close the connection."""

    async def send(_: Asked, streams: Streams) -> None:
        for part in parts:
            await asyncio.sleep(gap)
            if streams[1].is_closing():  # uvloop refuses to write then
                return
            streams[1].write(part)
            await streams[1].drain()

    return send


def reset() -> Answer:
    """Abort the connection."""

    async def abort(_: Asked, streams: Streams) -> None:
        streams[1].transport.abort()

    return abort
