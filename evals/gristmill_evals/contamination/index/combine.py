"""From the arrays of all benchmarks of a set to the tables that rows are looked up in.

What more than :data:`COMMON_GRAM` differently worded items share is boilerplate and leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.index.keys import bucketed, grouped
from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.kernel.batch import Hashes, Places
from gristmill_evals.contamination.kernel.runs_numpy import starts_of

COMMON_GRAM = 3
"""A run of words found in more distinct items than this is boilerplate."""
PAIR_WEIGHT = 0.7
"""Pairs weigh less than words and numbers: much of what they say, their parts have said."""
SCALE = 1024
"""Weights are whole multiples of 1/SCALE, so that sums of them are exact."""
BLOOM_BITS = 16
Numbers = NDArray[np.int32]


def combined(shards: Sequence[Arrays]) -> Arrays:
    """The tables of a set of benchmarks; sides and items are numbered through in the order of the shards."""
    items = np.cumsum([0, *(len(shard["blob_ends"]) for shard in shards)]).astype(np.int64)
    sides = np.cumsum([0, *(len(shard["side_item"]) for shard in shards)]).astype(np.int64)
    joined = {name: _all(shards, name) for name in ("side_kind", "side_head", "side_short", "side_options")}
    numbered = [s["side_item"] + first for s, first in zip(shards, items, strict=False)]
    words = _all(shards, "side_words")
    groups, first = _groups(words)
    return {
        "item_starts": items,
        "side_starts": sides,
        "side_item": np.concatenate(numbered).astype(np.int32),
        **joined,
        "groups": groups,
        **_gram_tables(_all(shards, "grams"), _ends(shards, "gram_ends", "grams"), first),
        **_short_tables(joined["side_short"], joined["side_head"], shards),
        **_option_tables(joined["side_options"]),
        **_feature_tables(shards, sides, first, joined["side_kind"]),
    }


def _all(shards: Sequence[Arrays], name: str) -> NDArray[Any]:
    return np.concatenate([shard[name] for shard in shards])


def _ends(shards: Sequence[Arrays], name: str, of: str) -> Places:
    starts = np.cumsum([0, *(len(shard[of]) for shard in shards)])
    return np.concatenate([s[name] + start for s, start in zip(shards, starts, strict=False)])


def _groups(words: Hashes) -> tuple[Numbers, NDArray[np.bool_]]:
    """For each side the first side in the same words, and whether it is that one itself."""
    _, place, inverse = np.unique(words, return_index=True, return_inverse=True)
    groups = place[inverse].astype(np.int32)
    return groups, groups == np.arange(len(words))


def _owners(ends: Places) -> Numbers:
    return np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))


def _gram_tables(grams: Hashes, ends: Places, first: NDArray[np.bool_]) -> Arrays:
    keys, offsets, sides = grouped(grams, _owners(ends))
    counts = _sums(first[sides], offsets)
    rare = counts <= COMMON_GRAM
    keep = np.repeat(rare, np.diff(offsets))
    sizes = np.diff(offsets)[rare]
    return {
        "common": keys[~rare],
        "gram_sides": sides[keep],
        "gram_offsets": np.concatenate([np.zeros(1), np.cumsum(sizes)]).astype(np.int32),
        **_table("gram", keys[rare]),
        **_bloom(keys[rare]),
    }


def _sums(values: NDArray[np.generic], offsets: Places) -> Places:
    """Sum of the values between consecutive offsets."""
    totals = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)])
    sums: Places = totals[offsets[1:]] - totals[offsets[:-1]]
    return sums


def _table(name: str, keys: Hashes) -> Arrays:
    buckets, shift = bucketed(keys)
    return {
        f"{name}_keys": keys,
        f"{name}_buckets": buckets,
        f"{name}_shift": np.array([shift], dtype=np.uint64),
    }


def _bloom(keys: Hashes) -> Arrays:
    """A Bloom filter of 64-bit words, two bits a key in one word."""
    bits = max(1, (len(keys) * BLOOM_BITS // 64).bit_length())
    words = np.zeros(1 << bits, dtype=np.uint64)
    shift, one, low = np.uint64(64 - bits), np.uint64(1), np.uint64(63)
    mask = (one << (keys & low)) | (one << ((keys >> np.uint64(6)) & low))
    np.bitwise_or.at(words, (keys >> shift).astype(np.int64), mask)
    return {"bloom": words, "bloom_shift": np.array([shift], dtype=np.uint64)}


def _short_tables(shorts: Hashes, heads: Numbers, shards: Sequence[Arrays]) -> Arrays:
    used = np.flatnonzero(shorts)
    keys, offsets, sides = grouped(shorts[used], used.astype(np.int32))
    opening = np.asarray(_all(shards, "side_first"), dtype=np.uint64)[used]
    firsts = np.zeros(1024, dtype=np.uint64)
    places = ((opening >> np.uint64(6)) & np.uint64(1023)).astype(np.int64)
    np.bitwise_or.at(firsts, places, np.uint64(1) << (opening & np.uint64(63)))
    return {
        "short_sides": sides,
        "short_offsets": offsets.astype(np.int32),
        "short_sizes": np.unique(heads[used]).astype(np.int32),
        "short_firsts": firsts,
        **_table("short", keys),
    }


def _option_tables(options: Hashes) -> Arrays:
    used = np.flatnonzero(options)
    keys, offsets, sides = grouped(options[used], used.astype(np.int32))
    return {"option_keys": keys, "option_offsets": offsets.astype(np.int32), "option_sides": sides}


def _feature_tables(
    shards: Sequence[Arrays], sides: Places, first: NDArray[np.bool_], kinds: NDArray[np.generic]
) -> Arrays:
    owner = np.concatenate([s["doc_side"] + start for s, start in zip(shards, sides, strict=False)])
    ends = _ends(shards, "feature_ends", "features")
    every = np.asarray(_all(shards, "features"), dtype=np.uint64)
    docs = _owners(ends)
    order = np.argsort(every, kind="stable")
    ordered = every[order]
    new = np.concatenate([np.ones(1, dtype=bool), ordered[1:] != ordered[:-1]])[: len(ordered)]
    keys, starts = ordered[new], np.flatnonzero(new)
    offsets = np.concatenate([starts, [len(ordered)]]).astype(np.int64)
    forward = np.empty(len(every), dtype=np.int32)
    forward[order] = (np.cumsum(new) - 1).astype(np.int32)
    postings = docs[order]
    del ordered
    counted = (np.asarray(_all(shards, "fresh"), dtype=np.uint8) > 0) & first[owner[docs]]
    holders = np.maximum(_sums(counted[order], offsets), 1)
    total = max(1, int(np.count_nonzero(first & (np.asarray(kinds) == 0))))
    weights = weight_of(np.log1p(total / holders), (keys & np.uint64(1)).astype(bool))
    norms = _sums(weights[forward], np.concatenate([starts_of(ends), ends[-1:]]))
    roots = np.divide(1.0, np.sqrt(norms), where=norms > 0, out=np.zeros(len(norms)))
    unseen = weight_of(np.full(2, np.log1p(total)), np.array([False, True]))
    return {
        "doc_side": owner.astype(np.int32),
        "side_docs": np.searchsorted(owner, np.arange(len(kinds) + 1)).astype(np.int32),
        "doc_roots": roots,
        "forward": forward,
        "forward_offsets": np.concatenate([np.zeros(1, dtype=np.int64), ends]),
        "weights": weights,
        "postings": postings,
        "posting_offsets": offsets,
        "unseen": unseen,
        **_table("feature", keys),
    }


def weight_of(idf: NDArray[np.float64], pair: NDArray[np.bool_]) -> Numbers:
    """What sharing a feature adds to the dot product of two texts: its squared idf, in whole parts."""
    factor = np.where(pair, PAIR_WEIGHT, 1.0)
    return np.maximum(1, np.rint((factor * idf) ** 2 * SCALE)).astype(np.int32)
