"""The arrays of an index in the order in which the kernel takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.kernel.limits import BITS

Tables = tuple[Any, ...]


def tables(arrays: Arrays) -> Tables:
    """Runs of words; short questions; features and their postings; texts to retrieve.

    Everything is read-only, because compiled code is made for one kind of array and those mapped from a
    file cannot be written to.
    """
    for array in arrays.values():
        array.flags.writeable = False
    grams = (_table(arrays, "gram"), _bloom(arrays), arrays["gram_offsets"], arrays["gram_sides"])
    shorts = (
        _table(arrays, "short"),
        *(arrays[f"short_{name}"] for name in ("offsets", "sides", "sizes", "firsts")),
    )
    weights, offsets = arrays["weights"], arrays["posting_offsets"]
    postings = (weights, offsets, _near(arrays["postings"].view(np.uint32)), arrays["unseen"])
    lookup = _table(arrays, "feature"), *postings, _facts(weights, offsets)
    names = ("doc_roots", "doc_side", "forward_offsets", "forward", "groups", "side_docs")
    docs = [_near(arrays[name]) if name == "forward" else arrays[name] for name in names]
    roots = _fixed(arrays["doc_roots"].astype(np.float32))
    return grams, shorts, lookup, (*docs, roots, float(roots.max(initial=0.0)))


def _near(array: NDArray[Any]) -> NDArray[Any]:
    """A copy in memory: what is mapped from a file has no huge pages, and is looked up more slowly."""
    return _fixed(np.array(array))


def _facts(weights: NDArray[np.int32], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """What is asked of a feature, side by side, so that it comes from memory at once.

    Where its postings start, with the power of two of how many there are in the lowest bits; how many there
    are, and its weight in the lower half.
    """
    sizes = np.diff(offsets)
    powers = np.frexp(sizes.astype(np.float64))[1]
    starts = (offsets[:-1] << BITS) | powers
    return _fixed(np.column_stack([starts, (sizes << 32) | weights]))


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def _table(arrays: Arrays, name: str) -> Tables:
    return arrays[f"{name}_keys"], arrays[f"{name}_buckets"], np.uint64(arrays[f"{name}_shift"][0])


def _bloom(arrays: Arrays) -> Tables:
    return arrays["bloom"], np.uint64(arrays["bloom_shift"][0])
