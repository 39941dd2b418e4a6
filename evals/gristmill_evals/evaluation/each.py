"""The items of a task side by side: one that fails is a row, what concerns all of them ends the task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from gristmill.errors import BudgetError, GristmillError, ModelConfigError, StoppedError

T = TypeVar("T")
STOPS = (BudgetError, StoppedError, ModelConfigError)
"""Errors that are not one item's own: the budget is spent, the run is stopping, the model cannot be asked."""
WIDTH = 512


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], *, width: int = WIDTH) -> None:
    """Do ``work`` on all items, ``width`` at once; how many calls that makes at once, the door decides.

    Raises:
        GristmillError: the first of :data:`STOPS`, once everything under way has ended; nothing else begins.
        Exception: what else ``work`` raised first, then as well.
    """
    places, stopped = asyncio.Semaphore(width), list[GristmillError]()

    async def one(item: T) -> None:
        async with places:
            if stopped:
                return
            try:
                await work(item)
            except STOPS as error:
                stopped.append(error)

    results = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    if stopped:
        raise stopped[0]
