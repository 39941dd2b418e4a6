"""How the choices of items begin: what tells lists in a row that may be an item's from all others.

A list of choices is an item's when all of its choices are. So the first one has to be known, and its first
bytes tell that without a look at the rest.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.kernel.batch import Hashes
from gristmill_evals.contamination.kernel.folding import BEGINNING, WHOLE, reduced
from gristmill_evals.contamination.kernel.hashing import OFFSET, PRIME
from gristmill_evals.contamination.kernel.runs_numpy import mixed
from gristmill_evals.contamination.normalise import squash


def beginnings(items: Iterable[BenchmarkItem]) -> Hashes:
    """A table by open addressing (0: free) of how each choice begins, or of the whole of a short one.

    Empty when no item has a set of choices.
    """
    choices = {choice for item in items if len(item.choices) > 1 for choice in item.choices}
    return _table(_hashes(sorted({kept for choice in choices if (kept := _kept(choice)) is not None})))


def _kept(choice: str) -> bytes | None:
    """First bytes of what the skimming kernel keeps of a choice: :func:`normalise.squash`, reduced.

    None for a choice with what is :data:`folding.UNUSUAL`: it has no say in rows that have it too.
    """
    kept = reduced(squash(choice))
    return None if kept is None else kept.replace(" ", "").encode()[:BEGINNING]


def _hashes(starts: list[bytes]) -> Hashes:
    if not starts:
        return np.empty(0, dtype=np.uint64)
    sizes = np.array([len(start) for start in starts])
    letters = np.frombuffer(b"".join(start.ljust(BEGINNING, b"\0") for start in starts), dtype=np.uint8)
    state = np.full(len(starts), OFFSET, dtype=np.uint64)
    for at, column in enumerate(letters.reshape(-1, BEGINNING).T):
        inside = sizes > at
        state[inside] = (state[inside] ^ column[inside].astype(np.uint64)) * PRIME
    return np.unique(np.where(sizes == BEGINNING, mixed(state), mixed(state) ^ WHOLE))


def _table(keys: Hashes) -> Hashes:
    """``keys`` by open addressing; less than half of the places are taken."""
    size = 1 << (2 * len(keys)).bit_length() if len(keys) else 0
    table = [0] * size
    for key in keys.tolist():
        slot = key & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
    return np.array(table, dtype=np.uint64)
