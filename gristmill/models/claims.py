"""Who is asking what: processes that share a cache file send a call once, also when they want it together.

Locks of the operating system on bytes of an empty file beside the cache: byte 0 says "I use this cache",
any other byte stands for the call of that number. Locks cost nothing on disk and end with their process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from gristmill.errors import StoreBusyError, StoreError

CHECK_SECONDS = 0.2
"""How often a process looks whether it still is alone; a newcomer waits for two such looks."""


def claims_path(cache: Path) -> Path:
    """The file of locks of a cache."""
    return cache.with_name(f"{cache.name}-claims")


class Claims:
    """This process's claims on calls of one cache file, shared by all its doors to that file.

    Alone (``crowded`` false), claiming is free. The system forgets a process's locks as soon as it closes
    the file once, therefore :meth:`of` opens it once a process.
    """

    _opened: ClassVar[dict[Path, Claims]] = {}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.crowded = False
        self._users = 0
        self._mine: set[str] = set()
        self._file = _open(path)
        if not _shared(self._file):
            os.close(self._file)
            raise _in_use(path, "is being tidied up by another process")

    @classmethod
    def of(cls, cache: Path) -> Claims:
        """The claims on ``cache``; every call needs its :meth:`close`.

        Raises:
            StoreBusyError: another process holds the cache for itself.
            StoreError: the file of locks cannot be made.
        """
        path = claims_path(cache).absolute()
        claims = cls._opened.get(path)
        if claims is None:
            claims = cls._opened[path] = cls(path)
        claims._users += 1
        return claims

    def close(self) -> None:
        """Give up what :meth:`of` gave; the last one releases everything."""
        self._users -= 1
        if self._users == 0:
            self._opened.pop(self.path, None)
            os.close(self._file)

    def look_around(self, wanted: Iterable[str]) -> bool:
        """Find out whether other processes use the cache; if so, the calls ``wanted`` are claimed."""
        was_crowded, self.crowded = self.crowded, not _upgraded(self._file)
        if self.crowded:
            for key in list(wanted):
                self.take(key)
        elif was_crowded:
            self._mine.clear()
            fcntl.lockf(self._file, fcntl.LOCK_UN, 0, 1)
        return self.crowded

    def take(self, key: str) -> bool:
        """Claim a call; False when another process is asking it."""
        if not self.crowded or key in self._mine:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
        except BlockingIOError:
            return False
        self._mine.add(key)
        return True

    def release(self, key: str) -> None:
        """Let others have a call."""
        if key in self._mine:
            self._mine.discard(key)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(key))


async def keep_watch(claims: Claims, flying: Iterable[str], met: asyncio.Event) -> None:
    """Look around until cancelled; ``met`` is set once those who were here first have made their claims."""
    try:
        if claims.look_around(flying):
            await asyncio.sleep(2 * CHECK_SECONDS)
    finally:
        met.set()
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        claims.look_around(flying)


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Hold a cache for oneself.

    Raises:
        StoreBusyError: a run uses it.
    """
    path = claims_path(cache).absolute()
    if path in Claims._opened:
        raise _in_use(path, "is in use by this process")
    file = _open(path)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
    except BlockingIOError as error:
        os.close(file)
        raise _in_use(path, "is in use by a run") from error
    try:
        yield
    finally:
        os.close(file)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        message = f"the response cache cannot be used: {error.strerror}"
        raise StoreError(message, where=str(path), cure="check the folder and its rights") from error


def _shared(file: int) -> bool:
    """Take a share of byte 0; others hold it for themselves for microseconds, or for a long time."""
    for _ in range(20):
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 0)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _upgraded(file: int) -> bool:
    """Whether nobody else holds byte 0; our own share of it is kept either way."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
    except BlockingIOError:
        return False
    fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, 0)
    return True


def _place(key: str) -> int:
    return 1 + int(key[:15], 16)


def _in_use(path: Path, what: str) -> StoreBusyError:
    cache = str(path).removesuffix("-claims")
    return StoreBusyError(f"the response cache {what}", where=cache, cure="wait until that is done")
