"""Rows that read alike: TF-IDF over words and pairs of words, in the memory of the file's owner.

Words and pairs are hashed into 2**20 features; a row keeps the 96 lowest of them, which is all of most rows
and the same sample of every long one. A feature counts once a row, so that a row needs its numbers only
(4 bytes each, at most 192 MB for 500,000 rows) and weights follow from the rows there are now. DuckDB cuts
and hashes the words. Similarity is the cosine of two rows as generated.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import StoreError

if TYPE_CHECKING:
    from gristmill_data.store.core import Store

FEATURES = 1 << 20
KEPT = 96
BATCH = 8192
AT_ONCE = 1000
"""Rows that are read while somebody waits; more are read in the background."""
LEAST = 0.35
_PAIR = np.uint64(0x9E3779B97F4A7C15)

_WORDS = r"""
    SELECT id, list_transform(
        string_split(regexp_replace(
            lower(all_text(messages, chosen, rejected)), '[^\p{L}\p{N}]+', ' ', 'g'), ' '),
        lambda word: hash(word)) AS words
    FROM examples WHERE rowid >= $start AND rowid < $start + $size
"""

Numbers = NDArray[np.int32]
Weights = NDArray[np.float32]


@dataclass(slots=True)
class _Block:
    """Features of some rows one after the other; those of row k begin at ``starts[k]``."""

    ids: Any
    features: Numbers
    starts: NDArray[np.int64]
    norms: Weights


@dataclass(slots=True)
class SimilarRows:
    """The index of one dataset; grows as rows come in. All methods may be called from any thread."""

    done: int = 0
    total: int = 0
    _blocks: list[_Block] = field(default_factory=list)
    _seen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(FEATURES, np.int64))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _weighed: bool = False
    _worker: threading.Thread | None = None
    _problem: StoreError | None = None

    def nearest(
        self, store: Store, example_id: str, limit: int = 200, least: float = LEAST
    ) -> list[tuple[str, float]] | None:
        """Rows at least as similar as ``least``, most similar first; None while the index is being made.

        Raises:
            StoreError: the rows cannot be read.
        """
        if not self._is_current(store):
            return None
        with self._lock:
            asked = self._features(example_id)
            if asked is None:
                return []
            weights = self._weights()
            wanted = np.zeros(FEATURES, np.float32)
            wanted[asked] = weights[asked] ** 2
            norm = float(np.sqrt(wanted.sum())) or 1.0
            found = [(block, _sums(block, wanted) / (block.norms * norm)) for block in self._blocks]
        return _best(found, example_id, limit, least)

    def behind(self, store: Store) -> int:
        """How many rows are not read yet."""
        [(self.total,)] = store.rows("SELECT coalesce(max(rowid) + 1, 0) FROM examples")
        return self.total - self.done

    def _is_current(self, store: Store) -> bool:
        """Read what is new: at once if it is little, else in the background."""
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem
        if self.behind(store) <= AT_ONCE:
            self._read(store)
            return True
        with self._lock:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, args=(store,), daemon=True)
                self._worker.start()
        return False

    def _work(self, store: Store) -> None:
        try:
            self._read(store)
        except StoreError as error:
            self._problem = error  # raised for the next one who asks

    def _read(self, store: Store) -> None:
        while self.done < self.total:
            with self._lock:
                if size := min(BATCH, self.total - self.done):
                    self._add(store, self.done, size)

    def _add(self, store: Store, start: int, size: int) -> None:
        with store.cursor() as cursor:
            table = cursor.sql(_WORDS, params={"start": start, "size": size}).to_arrow_table()
        ids, words = table["id"].combine_chunks(), table["words"].combine_chunks()
        features, starts = _cut(words.values.to_numpy(), words.offsets.to_numpy())
        self._seen += np.bincount(features, minlength=FEATURES)
        self._blocks.append(_Block(ids, features, starts, np.ones(len(ids), np.float32)))
        self.done, self._weighed = start + size, False

    def _features(self, example_id: str) -> Numbers | None:
        for block in self._blocks:
            place = block.ids.index(example_id).as_py()
            if place >= 0:
                ends = [*block.starts[place + 1 : place + 2], len(block.features)]
                return block.features[block.starts[place] : ends[0]]
        return None

    def _weights(self) -> Weights:
        """The inverse document frequency of each feature; norms follow it when rows came in."""
        weights = np.log((1 + self.done) / (1 + self._seen) + 1).astype(np.float32)
        if not self._weighed:
            for block in self._blocks:
                block.norms = np.sqrt(_sums(block, weights**2))
            self._weighed = True
        return weights


def _cut(words: NDArray[np.uint64], offsets: NDArray[np.int32]) -> tuple[Numbers, NDArray[np.int64]]:
    """The features of each row (its words, and those that stand side by side), and where each row begins."""
    rows = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint64), np.diff(offsets))
    words = words[offsets[0] : offsets[-1]]
    pairs = (words[:-1] * _PAIR) ^ words[1:]
    beside = rows[:-1] == rows[1:]
    numbers = np.concatenate([words, pairs[beside]]) % np.uint64(FEATURES)
    keys = np.concatenate([rows, rows[:-1][beside]]) << np.uint64(20) | numbers
    keys.sort()  # faster than np.unique, which hashes
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    owners = (keys >> np.uint64(20)).astype(np.int64)
    first = np.searchsorted(owners, np.arange(len(offsets) - 1))
    keep = np.arange(len(keys)) - first[owners] < KEPT
    starts = np.searchsorted(owners[keep], np.arange(len(offsets) - 1))
    return (keys[keep] & np.uint64(FEATURES - 1)).astype(np.int32), starts


def _sums(block: _Block, weights: Weights) -> Weights:
    """The weights of each row's features, added up; every row has at least one (of the empty word)."""
    return np.asarray(np.add.reduceat(weights[block.features], block.starts), np.float32)


def _best(
    found: list[tuple[_Block, Weights]], example_id: str, limit: int, least: float
) -> list[tuple[str, float]]:
    near = [
        (block.ids[int(place)].as_py(), float(min(values[place], 1.0)))
        for block, values in found
        for place in np.flatnonzero(values >= least)
    ]
    others = [pair for pair in near if pair[0] != example_id]
    return sorted(others, key=lambda pair: (-pair[1], pair[0]))[:limit]


_kept: WeakKeyDictionary[Store, SimilarRows] = WeakKeyDictionary()
_making = threading.Lock()


def similar_rows(store: Store) -> SimilarRows:
    """The index of ``store``, kept as long as the store is."""
    with _making:
        if store not in _kept:
            _kept[store] = SimilarRows()
        return _kept[store]
