"""The garbage collector during a run.

A row leaves no reference cycles behind (``tests/test_engine_memory.py``), so what Python's collector finds is
next to nothing. By default, though, it looks through all young objects after every 700 new ones, and with a
thousand calls in flight nearly all of those are alive: a quarter of a run's CPU, measured.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Cycles of components that others wrote are still found, some hundred chunks later.
THRESHOLDS = (100_000, 10, 10)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within, the collector runs seldom, and never over what was there before.

    Afterwards it is as it was; where the caller had frozen objects already, all stay frozen.
    """
    before, frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if not frozen:
            gc.unfreeze()
