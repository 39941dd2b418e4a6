"""Where a host is reached: its addresses, looked up once for all connections."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

KEPT = 300.0
"""Seconds for which the addresses of a name are believed."""


class Addresses:
    """The addresses of ``host``. All who ask while a name is looked up wait for the same answer."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._lookup: asyncio.Task[list[AddrInfoType]] | None = None
        self._until = 0.0
        self._turn = 0

    async def get(self) -> list[AddrInfoType]:
        """All addresses, every time another one first, so that a name with many spreads the load.

        Raises:
            OSError: the name is not known.
            UnicodeError: it cannot be a name.
        """
        loop = asyncio.get_running_loop()
        if self._lookup is None or loop.time() > self._until:
            self._lookup = loop.create_task(self._found())
            self._until = loop.time() + KEPT
        found = await asyncio.shield(self._lookup)
        first, self._turn = self._turn % len(found), self._turn + 1
        return found[first:] + found[:first]

    def forget(self) -> None:
        """Look the name up again next time."""
        self._until = 0.0

    async def _found(self) -> list[AddrInfoType]:
        loop, kind = asyncio.get_running_loop(), socket.SOCK_STREAM
        try:  # an address is no question for the threads that look up names
            found = socket.getaddrinfo(self._host, self._port, type=kind, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            flags = socket.AI_ADDRCONFIG
            found = await loop.getaddrinfo(self._host, self._port, type=kind, flags=flags)
        return cast("list[AddrInfoType]", found)
