"""One keep-alive HTTP/1.1 connection of the lean transport: a request out, its answer in.

The parser is llhttp (``httptools``), as lenient as aiohttp sets it for answers. Everything here runs for
every call: the usual one, a small request and an answer that comes in one piece, is one write, one read
into a buffer that all connections share, and no object that is not needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD, MAX_FIELD = 64 * 2**10, 16 * 2**10
"""Bytes of all headers of an answer, and of one."""
PIECE = 128 * 2**10
"""Bytes of a large request that are handed to the transport at once."""
NEVER = float("inf")
DISCONNECTED = "Server disconnected"


class AnswerTooLong(Exception):  # noqa: N818 - told apart from errors of the connection
    """An answer holds more bytes than the caller wants to see."""


class Answer:
    """A whole answer. Header names are in lower case; ``body`` is as it came, maybe compressed."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def header(self, name: bytes) -> str:
        """A header's value, empty when there is none."""
        return self.headers.get(name, b"").decode("utf-8", "replace").strip()

    def texts(self) -> dict[str, str]:
        """All headers as text."""
        return {name.decode("latin-1"): self.header(name) for name in self.headers}


class Connection(asyncio.BufferedProtocol):
    """One request at a time. ``usable`` turns False when there may be no other after the present one.

    ``lost`` is called once when the connection is gone. ``buffer`` is where bytes arrive; connections of
    one event loop may share it. ``deadline`` (of the loop's clock) is the present request's: whoever made
    the connection calls :meth:`fail` when it has passed. ``most`` bounds an answer's bytes on the wire.
    """

    __slots__ = (
        "_answer",
        "_call",
        "_fields",
        "_head",
        "_headed",
        "_headers",
        "_loop",
        "_lost",
        "_most",
        "_parser",
        "_parts",
        "_received",
        "_resumed",
        "_status",
        "_transport",
        "_view",
        "deadline",
        "on_body",
        "on_header",
        "usable",
    )

    def __init__(self, lost: Callable[[Connection], None], buffer: memoryview, most: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost, self._view, self._most = lost, buffer, most
        self._transport: asyncio.Transport | None = None
        self._call: asyncio.Future[Answer] | None = None
        self._resumed: asyncio.Future[None] | None = None
        self._answer: Answer | None = None
        self._headers: dict[bytes, bytes] = {}
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._status = self._received = self._head = 0
        self._headed = False
        self.usable, self.deadline = True, NEVER
        # What the parser finds goes into the containers without passing through Python.
        self.on_header, self.on_body = self._headers.__setitem__, self._parts.append
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )

    def ask(self, head: bytes, body: bytes, deadline: float) -> asyncio.Future[Answer]:
        """Send a request; the answer, or a ``ConnectionError`` or what :meth:`fail` is given.

        After cancelling the future call :meth:`abort`.
        """
        call = self._begun(deadline)
        cast("asyncio.Transport", self._transport).write(head + body)
        return call

    async def ask_at_length(self, head: bytes, body: bytes, deadline: float) -> Answer:
        """As :meth:`ask`, without another copy of a large ``body`` in the transport's memory."""
        call = self._begun(deadline)
        transport = cast("asyncio.Transport", self._transport)
        transport.write(head)
        whole = memoryview(body)
        for start in range(0, len(whole), PIECE):
            if self._resumed is not None:
                await self._resumed
            if call.done():  # lost, or answered by a server that wants no more
                self.usable = False
                break
            transport.write(whole[start : start + PIECE])
        return await call

    def fail(self, error: Exception) -> None:
        """End the request with ``error``, if there is one, and the connection."""
        call, self._call = self._call, None
        self.abort()
        if call is not None and not call.done():
            call.set_exception(error)

    def abort(self) -> None:
        """Drop the connection without saying goodbye, and forget the request."""
        self.usable, self._call = False, None
        if self._transport is not None:
            self._transport.abort()
        self.resume_writing()

    def close(self) -> None:
        """End a connection that no request uses."""
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def _begun(self, deadline: float) -> asyncio.Future[Answer]:
        if not self.usable:  # some servers close before they are asked
            raise ConnectionError(DISCONNECTED)
        self.deadline = deadline
        self._received = 0
        self._call = call = self._loop.create_future()
        return call

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go; they are parsed before anything else is read."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what came in, and end the request when the answer is whole."""
        if self._call is None or self._parser is None:
            self.abort()  # nobody asked for it
            return
        self._received += nbytes
        try:
            self._parser.feed_data(self._view[:nbytes])
        except HttpParserUpgrade:
            self.usable = False
        except HttpParserError as error:
            if self._answer is None or self._status != 101:
                self.fail(ConnectionError(f"the answer is broken HTTP ({error})"))
                return
            self.usable = False
        if self._head >= 0 and not self._head_is_small(nbytes):
            self.fail(ConnectionError("the answer's headers are too long"))
        elif self._received > self._most + MAX_HEAD:
            self.fail(AnswerTooLong())
        elif self._answer is not None:
            self._deliver()

    def eof_received(self) -> None:
        """End the request: HTTP knows no half-closed connections."""
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request, and let go of what refers back to this object."""
        self._ended(exc)
        self._lost(self)
        self._transport = self._parser = None

    def pause_writing(self) -> None:
        """Let :meth:`ask_at_length` wait."""
        if self._resumed is None:
            self._resumed = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let :meth:`ask_at_length` go on."""
        resumed, self._resumed = self._resumed, None
        if resumed is not None and not resumed.done():
            resumed.set_result(None)

    # What the parser calls, with on_header and on_body

    def on_message_begin(self) -> None:
        """Start afresh; a second answer to one request ends the connection."""
        if self._answer is not None:
            self.usable = False
            return
        self._headers.clear()
        self._head, self._headed = 0, False

    def on_headers_complete(self) -> None:
        """Remember what the parser forgets, and what trailers must not change."""
        if self._answer is None:
            parser = cast("HttpResponseParser", self._parser)
            self._headed, self._status = True, parser.get_status_code()
            self._fields = {name.lower(): value for name, value in self._headers.items()}
            if not parser.should_keep_alive():
                self.usable = False

    def on_message_complete(self) -> None:
        """Take the answer, unless it only promises one."""
        if self._answer is None and not self._only_promised():
            self._answer = Answer(self._status, self._fields, b"".join(self._parts))

    def _deliver(self) -> None:
        call, self._call = self._call, None
        answer, self._answer = self._answer, None
        self._parts.clear()
        self.resume_writing()
        if call is not None and answer is not None and not call.done():
            if len(answer.body) > self._most:
                call.set_exception(AnswerTooLong())
            else:
                call.set_result(answer)

    def _only_promised(self) -> bool:
        return 100 <= self._status < 200 and self._status != 101

    def _head_is_small(self, nbytes: int) -> bool:
        """Count a head until it is whole; ``_head`` is negative from then on."""
        self._head += nbytes
        if not self._headed:
            return self._head <= MAX_HEAD
        small = self._head <= MAX_FIELD
        self._head = -1
        return small or self._fields_are_small()

    def _fields_are_small(self) -> bool:
        sizes = [len(name) + len(value) for name, value in self._fields.items()]
        return sum(sizes) <= MAX_HEAD and max(sizes, default=0) <= MAX_FIELD

    def _ended(self, exc: Exception | None) -> None:
        self.usable = False
        if self._call is None:
            return
        if not self._headed or self._only_promised():
            self.fail(exc or ConnectionError(DISCONNECTED))
        elif exc is None and self._ends_with_the_connection():
            self.on_message_complete()
            self._deliver()
        else:
            self.fail(exc or ConnectionError(f"the answer was cut off{self._missing()}"))

    def _ends_with_the_connection(self) -> bool:
        chunked = b"chunked" in self._fields.get(b"transfer-encoding", b"").lower()
        return b"content-length" not in self._fields and not chunked

    def _missing(self) -> str:
        length, came = self._fields.get(b"content-length"), sum(map(len, self._parts))
        return f" (received {came} of {length.decode()} bytes)" if length else f" after {came} bytes"
