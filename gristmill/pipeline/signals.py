"""Ctrl-C and SIGTERM: the first asks a run to drain and save, the second stops it at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

NAMES = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def two_signals(drain: Callable[[], None]) -> Iterator[None]:
    """Within, the first signal calls ``drain``; each further one raises KeyboardInterrupt in the event loop.

    Outside of the main thread this does nothing: the embedding program handles its own signals.
    """
    loop = asyncio.get_running_loop()
    got = 0

    def signalled() -> None:
        nonlocal got
        got += 1
        if got > 1:
            raise KeyboardInterrupt
        drain()

    try:
        for name in NAMES:
            loop.add_signal_handler(name, signalled)
    except (RuntimeError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        for name in NAMES:
            loop.remove_signal_handler(name)
