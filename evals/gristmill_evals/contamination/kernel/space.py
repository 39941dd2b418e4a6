"""Arrays in which compiled code adds up what items have in common with a row; made once and used again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.limits import BUDGET

SLOTS = 8192
"""Places of the window's hash table; a window has at most half as many features."""
_LINE = 64
Space = tuple[NDArray[Any], ...]


class Spaces:
    """Spaces for one index of so many ``docs``, ``sides`` and ``features``; each thread gets its own."""

    def __init__(self, docs: int, sides: int, features: int) -> None:
        self._parts: tuple[tuple[tuple[int, ...], str], ...] = (
            ((docs,), "u4"),  # what each item has in common with the window, above that the window's number
            ((max(docs, 9 * BUDGET) + 1,), "u4"),  # items listed, some more than once
            ((2, SLOTS), "i8"),  # stamps of the slots; the present stamp, the number of the window
            ((SLOTS,), "u8"),  # keys in the slots
            ((SLOTS,), "i4"),  # the window's distinct features
            ((sides,), "i4"),  # sides found by runs, short questions, choices
            ((sides,), "u1"),  # whether a side was found; 0 in between
            ((sides, 5), "f8"),  # best window of each of these
            ((features,), "i4"),  # weights of the window's features; 0 in between
        )
        self._free: list[Space] = []

    @contextmanager
    def one(self) -> Iterator[Space]:
        """A space that nobody else uses; one that was left in the middle of work does not come back."""
        try:
            space = self._free.pop()
        except IndexError:
            space = self._new()
        yield space
        self._free.append(space)

    def _new(self) -> Space:
        """All in one piece: for large ones numpy asks for huge pages, which save a quarter of the time."""
        sizes = [-(-prod(shape) * np.dtype(kind).itemsize // _LINE) * _LINE for shape, kind in self._parts]
        block = np.zeros(sum(sizes) + _LINE, dtype=np.uint8)
        at = -block.ctypes.data % _LINE
        space = []
        for (shape, kind), size in zip(self._parts, sizes, strict=True):
            room = prod(shape) * np.dtype(kind).itemsize
            space.append(block[at : at + room].view(kind).reshape(shape))
            at += size
        return tuple(space)
