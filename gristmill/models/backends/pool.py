"""The lean transport's connections to one host: opened when needed, kept while used, no more than allowed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque

from aiohappyeyeballs import start_connection

from gristmill.models.backends.addresses import Addresses
from gristmill.models.backends.wire import NEVER, PIECE, Answer, Connection

IDLE = 4.0
"""Seconds that an unused connection is kept: servers close it after 5 (uvicorn) or more."""
NEXT_ADDRESS = 0.25
"""Seconds after which the next address is tried beside one that does not answer (RFC 8305)."""
BUFFER = 128 * 2**10
CLOSED = "the transport was closed"


class Pool:
    """At most ``width`` connections to ``host`` and ``port``; the one used last is used next.

    ``trust`` makes it TLS. Answers of more than ``most`` bytes are refused.
    """

    def __init__(self, host: str, port: int, trust: ssl.SSLContext | None, width: int, most: int) -> None:
        self._host, self._trust, self._most = host, trust, most
        self._loop = asyncio.get_running_loop()
        self._addresses = Addresses(host, port)
        self._buffer = memoryview(bytearray(BUFFER))
        self._free = width
        self._open: set[Connection] = set()
        self._idle: dict[Connection, float] = {}
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NEVER
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def post(self, head: bytes, body: bytes, deadline: float) -> Answer:
        """Send a request and wait for its answer, until ``deadline`` of the loop's clock.

        Raises:
            TimeoutError: the deadline has passed.
            AnswerTooLong: the answer has more than ``most`` bytes.
            OSError: no connection, or it was lost; nothing is sent twice.
        """
        connection = self._kept() or await self._new(deadline)
        if deadline < self._alarm_at:
            self._set_alarm(deadline)
        try:
            if len(body) <= PIECE:
                answer = await connection.ask(head, body, deadline)
            else:
                answer = await connection.ask_at_length(head, body, deadline)
        except BaseException:
            self._drop(connection)
            raise
        connection.deadline = NEVER
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Drop all connections, and fail the calls that use them or wait for one."""
        self._closed = True
        for timer in (self._alarm, self._sweep):
            if timer is not None:
                timer.cancel()
        self._idle.clear()
        for connection in [*self._open]:
            connection.fail(ConnectionError(CLOSED))
        while (waiting := self._next_waiting()) is not None:
            waiting.set_exception(ConnectionError(CLOSED))

    def _kept(self) -> Connection | None:
        oldest = self._loop.time() - IDLE
        while self._idle:
            connection, since = self._idle.popitem()
            if connection.usable and since > oldest:
                return connection
            self._drop(connection)
        return None

    def _give_back(self, connection: Connection) -> None:
        if not connection.usable or self._closed:
            self._drop(connection)
        elif (waiting := self._next_waiting()) is not None:
            waiting.set_result(connection)
        else:
            self._idle[connection] = self._loop.time()
            if self._sweep is None:
                self._sweep = self._loop.call_later(IDLE, self._close_idle)

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._open.discard(connection)
        self._vacated()

    def _lost(self, connection: Connection) -> None:
        if self._idle.pop(connection, None) is not None:
            self._open.discard(connection)
            self._vacated()

    def _vacated(self) -> None:
        """There is room for one more connection: for who waits longest, or for later."""
        waiting = self._next_waiting()
        if waiting is None:
            self._free += 1
        else:
            waiting.set_result(None)

    def _next_waiting(self) -> asyncio.Future[Connection | None] | None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                return waiting
        return None

    async def _new(self, deadline: float) -> Connection:
        """A connection that was opened, or that another call gave back."""
        async with asyncio.timeout_at(deadline):
            if self._free:
                self._free -= 1
            elif (connection := await self._turn()) is not None:
                if connection.usable:
                    return connection
                connection.abort()
                self._open.discard(connection)
            try:
                return await self._connected()
            except BaseException:
                self._vacated()
                raise

    async def _turn(self) -> Connection | None:
        """Wait for a connection that is given back, None for room to open one."""
        waiting: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                given = waiting.result()
                if given is None:
                    self._vacated()
                else:
                    self._give_back(given)
            raise

    async def _connected(self) -> Connection:
        try:
            sock = await start_connection(await self._addresses.get(), happy_eyeballs_delay=NEXT_ADDRESS)
        except OSError:
            self._addresses.forget()
            raise
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._lost, self._buffer, self._most),
            sock=sock,
            ssl=self._trust,
            server_hostname=self._host.rstrip(".") if self._trust else None,
        )
        self._open.add(connection)
        return connection

    # One timer for the deadlines of all calls and one for what is idle: a timer for each would cost more
    # than the call. Calls of one model have the same time-out, so this alarm rings about once in it.

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._ring) if at < NEVER else None

    def _ring(self) -> None:
        now = self._loop.time()
        for connection in [each for each in self._open if each.deadline <= now]:
            connection.deadline = NEVER
            connection.fail(TimeoutError())
        self._set_alarm(min((each.deadline for each in self._open), default=NEVER))

    def _close_idle(self) -> None:
        oldest = self._loop.time() - IDLE
        for connection in [each for each, since in self._idle.items() if since <= oldest]:
            connection.close()
        self._sweep = None
        left = next((since for each, since in self._idle.items() if each.usable), None)
        if left is not None:
            self._sweep = self._loop.call_at(left + IDLE, self._close_idle)
