"""The arrays of an index in the order in which the kernel takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.index.shard import Arrays

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
    postings = (arrays["weights"], arrays["posting_offsets"], arrays["postings"], arrays["unseen"])
    names = ("doc_roots", "doc_side", "forward_offsets", "forward", "groups", "side_docs")
    return grams, shorts, (_table(arrays, "feature"), *postings), tuple(arrays[name] for name in names)


def _table(arrays: Arrays, name: str) -> Tables:
    return arrays[f"{name}_keys"], arrays[f"{name}_buckets"], np.uint64(arrays[f"{name}_shift"][0])


def _bloom(arrays: Arrays) -> Tables:
    return arrays["bloom"], np.uint64(arrays["bloom_shift"][0])
