"""The index of benchmark items: candidates for rows, sides by number, and what the tiers ask besides."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import orjson

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem
from gristmill_evals.contamination.decision.code import shape_words
from gristmill_evals.contamination.index.keys import may_hold_options
from gristmill_evals.contamination.index.lookups import Common, Options, Rarity
from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.index.sides import Candidate, Kind, Side
from gristmill_evals.contamination.index.store import Loaded, keep, load
from gristmill_evals.contamination.index.tables import tables
from gristmill_evals.contamination.kernel import backend, worth_compiling
from gristmill_evals.contamination.kernel.batch import Found, Places, Question, laid_out
from gristmill_evals.contamination.kernel.space import Spaces
from gristmill_evals.contamination.kernel.text import Bytes, encode
from gristmill_evals.contamination.rows import Row

if TYPE_CHECKING:
    from gristmill_evals.contamination.index.promise import Promise

LEAST_HOPE = 0.2
"""Score from which on compiled code can tell which rows may hold a rewording."""
IN_PROSE = 0.2
"""Cosine (rare words) of an item whose choices may stand in the row without letters or bullets."""
RECENT = 4096
"""Sides kept as objects; all others are made again from the mapped texts when needed."""


Candidates = list[list[Candidate]]


class ItemIndex:
    """All sides of all benchmarks, and the look-ups that find candidates among them."""

    def __init__(self, benchmarks: Iterable[Benchmark], folder: Path | None = None) -> None:
        loaded: Loaded = load(tuple(benchmarks), folder)
        self._names, self._shards, self._arrays = loaded.names, loaded.shards, loaded.tables
        self._kept = loaded.kept
        self._starts: list[int] = self._arrays["item_starts"].tolist()
        self.tables = tables(self._arrays)
        """What compiled code looks rows up in, in its order (:func:`index.tables.tables`)."""
        self._spaces = Spaces(*(len(self._arrays[name]) for name in ("doc_roots", "groups", "weights")))
        self.common = Common(self._arrays)
        self.options = Options(self._arrays)
        self._rarity = Rarity(self._arrays)
        self.weight, self.weights = self._rarity.weight, self._rarity.weights
        self.side = lru_cache(maxsize=RECENT)(self._side)

    @classmethod
    def open(cls, benchmarks: Iterable[Benchmark], folder: Path | None = None) -> ItemIndex:
        """The index of ``benchmarks``, in memory, or mapped from ``folder`` (built there if missing)."""
        return cls(benchmarks, folder)

    def __len__(self) -> int:
        """How many sides there are."""
        return len(self._arrays["side_item"])

    @property
    def items(self) -> int:
        """How many items there are."""
        return int(self._arrays["item_starts"][-1])

    @overload
    def candidates(self, rows: Row) -> list[Candidate]: ...
    @overload
    def candidates(self, rows: Sequence[Row]) -> list[list[Candidate]]: ...
    def candidates(self, rows: Row | Sequence[Row]) -> list[Candidate] | list[list[Candidate]]:
        """For each row, the five items most like it, best first, and then all sides that share more with it.

        That is: a run of eight words, a whole short question, or a set of choices.
        """
        if isinstance(rows, Row):
            return self._candidates([rows])[0]
        return self._candidates(rows)

    def _candidates(self, rows: Sequence[Row]) -> list[list[Candidate]]:
        return self.promising(rows, 0.0)[0]

    def promising(self, rows: Sequence[Row], least: float) -> tuple[Candidates, Candidates, Candidates]:
        """:meth:`candidates`; those that may be the row in other words and score ``least``; these and rivals.

        Of rows where none may be, only candidates that the other tiers can find something in are given.
        """
        if not rows or not len(self):
            return [[] for _ in rows], [[] for _ in rows], [[] for _ in rows]
        shapes = [[shape_words(row.text[start:end]) for start, end in row.fields.values()] for row in rows]
        question = self._question(rows, shapes)
        kernel = backend(len(question.text))
        found: Found = kernel.search(question, self.tables, self._spaces)
        if least < LEAST_HOPE or found.bytes is None or not worth_compiling("looks", len(question.text)):
            made = self._made(rows, shapes, found)
            return made, made, made
        heads = [len(shape.encode()) + 1 if shape else 0 for own in shapes for shape in own]
        hopes = self.promise.of(question, found, heads, least)
        row = np.repeat(np.arange(len(rows)), np.diff(found.ends, prepend=0))
        kept = np.isin(row, row[hopes == 1]) | (found.where[:, 4] > 0) | (found.scores[:, 0] >= IN_PROSE)
        ends = np.concatenate([[0], np.cumsum(kept)])[found.ends]
        made = self._made(rows, shapes, Found(ends, found.where[kept], found.scores[kept]))
        hope, needed = iter((hopes[kept] == 1).tolist()), iter((hopes[kept] > 0).tolist())
        return (
            made,
            [[one for one in own if next(hope)] for own in made],
            [[one for one in own if next(needed)] for own in made],
        )

    @cached_property
    def promise(self) -> Promise:
        """The items' texts as compiled code compares them; made at first use."""
        from gristmill_evals.contamination.index.promise import Promise
        from gristmill_evals.contamination.index.views import views

        arrays = self._kept("views", lambda: views(self._items()))
        return Promise(self._arrays, self.tables, arrays)

    def _items(self) -> Iterator[BenchmarkItem]:
        for at, shard in enumerate(self._shards):
            yield from (_item(shard, n) for n in range(self._starts[at + 1] - self._starts[at]))

    def _made(self, rows: Sequence[Row], shapes: Sequence[list[str]], found: Found) -> list[list[Candidate]]:
        where, scores = found.where.tolist(), found.scores.tolist()
        starts = [0, *found.ends.tolist()]
        return [
            [
                self._candidate(names, shapes[row], where[n], scores[n])
                for n in range(starts[row], starts[row + 1])
            ]
            for row, names in enumerate([*one.fields] for one in rows)
        ]

    def repeats(self, rows: Sequence[Row]) -> list[int]:
        """For each row, how many sides share a run of eight words, a short question or a set of choices.

        The exact pass alone: nothing is scored.
        """
        if not rows or not len(self):
            return [0] * len(rows)
        texts = [encode(row.text[start:end]) for row in rows for start, end in row.fields.values()]
        joined, fields = laid_out(texts)
        ends = np.cumsum([len(row.fields) for row in rows], dtype=np.int64)
        none = np.zeros(len(ends), dtype=np.int64)
        question = Question(joined, fields, ends, none.astype(np.int32)[:0], none)
        counts: list[int] = backend(len(joined)).repeats(question, self.tables).tolist()
        listed = self._by_options(rows, joined, fields, ends)
        return [count or len(sides) for sides, count in zip(listed, counts, strict=True)]

    def _candidate(
        self, names: list[str], shapes: list[str], where: list[int], scores: list[float]
    ) -> Candidate:
        number, field, first, last, shared, _ = where
        cosine, rival, mean, std = scores
        name = names[field] if field >= 0 else ""
        if field >= 0 and shapes[field]:  # the made-up words stand before those of the field
            extra = shapes[field].count(" ") + 1
            first, last = max(0, first - extra), max(1, last - extra)
        return Candidate(self.side(number), cosine, rival, mean, std, name, first, last, bool(shared))

    def _question(self, rows: Sequence[Row], shapes: Sequence[Sequence[str]]) -> Question:
        texts = [
            encode(f"{shape} {row.text[start:end]}" if shape else row.text[start:end])
            for row, own in zip(rows, shapes, strict=True)
            for (start, end), shape in zip(row.fields.values(), own, strict=True)
        ]
        joined, fields = laid_out(texts)
        ends = np.cumsum([len(row.fields) for row in rows], dtype=np.int64)
        known = self._by_options(rows, joined, fields, ends)
        known_ends = np.cumsum([len(sides) for sides in known], dtype=np.int64)
        flat = np.array([side for sides in known for side in sides], dtype=np.int32)
        return Question(joined, fields, ends, flat, known_ends)

    def _by_options(self, rows: Sequence[Row], text: Bytes, fields: Places, ends: Places) -> list[list[int]]:
        """For each row, the sides with a set of choices that it lists."""
        if not len(self.options):
            return [[] for _ in rows]
        listing = backend(0).may_list(text, fields, ends)
        return [
            self._sides_of(row) if may and may_hold_options(row.text) else []
            for row, may in zip(rows, listing, strict=True)
        ]

    def _sides_of(self, row: Row) -> list[int]:
        return sorted({number for found in row.options for number in self.options[found.key]})

    def _side(self, number: int) -> Side:
        """The side with this number; its item is read from the mapped texts when it is asked for."""
        arrays = self._arrays
        item = int(arrays["side_item"][number])
        at = bisect_right(self._starts, item) - 1
        kind: Kind = "answer" if arrays["side_kind"][number] else "question"
        read = partial(_item, self._shards[at], item - self._starts[at])
        return Side(self._names[at], kind, int(arrays["side_head"][number]), number, read)


def prepare_views(benchmarks: tuple[Benchmark, ...], folder: Path | None) -> None:
    """Keep in ``folder`` what :attr:`ItemIndex.promise` is made of, if there is compiled code for it."""
    from gristmill_evals.contamination.index.views import views

    items = chain.from_iterable(benchmark.items for benchmark in benchmarks)
    if any(benchmark.items for benchmark in benchmarks) and worth_compiling("looks", 0):
        keep(benchmarks, folder, "views", lambda: views(items))


def _item(shard: Arrays, number: int) -> BenchmarkItem:
    ends = shard["blob_ends"]
    start = int(ends[number - 1]) if number else 0
    raw = shard["blob"][start : int(ends[number])].tobytes()
    try:
        identity, question, answer, choices = orjson.loads(raw)
    except orjson.JSONDecodeError:  # a lone surrogate, which orjson refuses
        identity, question, answer, choices = json.loads(raw.decode("utf-8", "surrogatepass"))
    return BenchmarkItem(identity, question, answer, tuple(choices))
