"""Ctrl-C and SIGTERM: the first asks a run to drain and save, the second stops it at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

NAMES = (signal.SIGINT, signal.SIGTERM)
# Signals that interrupted this process. One that is still here when a run begins has been swallowed: an
# exception raised in a destructor or a weak reference's callback is printed and forgotten by Python.
_noted: list[int] = []


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

    before = {name: signal.getsignal(name) for name in NAMES}
    try:
        for name in NAMES:
            loop.add_signal_handler(name, signalled)
    except (RuntimeError, NotImplementedError):
        yield
        return
    if _noted:
        signalled()
    try:
        yield
    finally:
        _give_back(loop, before)


def _give_back(loop: asyncio.AbstractEventLoop, before: dict[signal.Signals, signal._HANDLER]) -> None:
    """The handlers of before; a signal that comes in between waits for them."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, NAMES)
    try:
        for name, handler in before.items():
            loop.remove_signal_handler(name)
            if handler is not None:  # it was not set from Python
                signal.signal(name, handler)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextlib.contextmanager
def last_word(is_over: Callable[[], bool]) -> Iterator[None]:
    """For a process that ends with its run: a signal that comes when everything is saved changes nothing.

    Before that, and outside of :func:`two_signals`, both signals raise KeyboardInterrupt. After a run that
    is over they are ignored for the rest of the process: the shutdown of the interpreter would die of them.
    Does nothing outside of the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def signalled(number: int, frame: object) -> None:
        if not is_over():
            _noted.append(number)
            raise KeyboardInterrupt

    _noted.clear()
    before = {name: signal.signal(name, signalled) for name in NAMES}
    try:
        yield
    finally:
        _noted.clear()
        for name, handler in before.items():
            signal.signal(name, signal.SIG_IGN if is_over() else handler)
