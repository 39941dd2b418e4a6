"""A limit on how long a run may ask: it drains then as with a spent budget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from gristmill.errors import BudgetError
from gristmill.pipeline.gateway import Gateway


@contextlib.contextmanager
def time_limit(door: Gateway, minutes: float | None) -> Iterator[None]:
    """After ``minutes`` nothing more is sent; what is on its way is awaited and kept. None is no limit."""
    if minutes is None:
        yield
        return
    error = BudgetError(
        f"the time is up: {minutes:g} minutes were allowed",
        cure="answered calls are kept: run again to go on from here, with more minutes if you like",
    )
    timer = asyncio.get_running_loop().call_later(60 * minutes, door.halt, error)
    try:
        yield
    finally:
        timer.cancel()
