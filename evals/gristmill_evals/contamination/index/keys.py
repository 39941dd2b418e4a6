"""Stable keys of choice sets, and sorted tables that are looked up by the top bits of a key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.batch import Hashes, Places
from gristmill_evals.contamination.normalise import SEPARATOR
from gristmill_evals.contamination.options import option_key

Buckets = NDArray[np.int32]
_FIRST_MARKS = [f"{mark}{after}" for mark in "Aa1" for after in ").:"]
_FIRST = re.compile(r"(?:^|[\s(])[Aa1][).:]\s", re.M)
_BULLETS = [f"{bullet}{blank}" for bullet in "-*•" for blank in " \t"]


def options_key(choices: Iterable[str]) -> int:
    """Order-free 64-bit key of a set of choices."""
    return key_of(option_key(choices))


def key_of(folded: Iterable[str]) -> int:
    """64-bit key of an :func:`options.option_key`; never 0."""
    text = SEPARATOR.join(folded).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") | 1


def may_hold_options(text: str) -> bool:
    """Whether :func:`options.find_options` could find anything: a first letter or number, or two bullets.

    Five times faster than looking; texts without a list, which are most, need no more.
    """
    if any(mark in text for mark in _FIRST_MARKS) and _FIRST.search(text):
        return True
    return sum(text.count(bullet) for bullet in _BULLETS) > 1


def bucketed(keys: Hashes) -> tuple[Buckets, np.uint64]:
    """Where the keys with the same top bits start in sorted ``keys``, and the shift that gives them."""
    bits = max(1, len(keys).bit_length() - 1)
    shift = np.uint64(64 - bits)
    counts = np.bincount((keys >> shift).astype(np.int64), minlength=1 << bits)
    return np.concatenate([np.zeros(1), np.cumsum(counts)]).astype(np.int32), shift


def place_of(keys: Hashes, key: int) -> int | None:
    """Place of one key in sorted ``keys``."""
    at = int(np.searchsorted(keys, np.uint64(key)))
    return at if at < len(keys) and int(keys[at]) == key else None


def grouped(keys: Hashes, values: NDArray[np.int32]) -> tuple[Hashes, Places, NDArray[np.int32]]:
    """Sorted distinct keys, where the values of each start (one more than keys), and values in that order."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(
        np.concatenate([np.ones(1, dtype=bool), ordered[1:] != ordered[:-1]])[: len(ordered)]
    )
    offsets = np.concatenate([first, [len(ordered)]]).astype(np.int64)
    return ordered[first], offsets, values[order]
