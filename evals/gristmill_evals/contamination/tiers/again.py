"""The second look of :mod:`.reworded`, in compiled code, on the safe side, at rows that a first look leaves.

Code under the same licence, answers to the same instruction: what is like an item there is what both have
word for word, and without it nothing is left. To find that out in Python takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.index import Candidate, ItemIndex
from gristmill_evals.contamination.index.views import Said, texts_of
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.kernel.batch import Cut, Places, laid_out
from gristmill_evals.contamination.kernel.limits import LONGEST, WINDOW
from gristmill_evals.contamination.kernel.sharing import rest, shared_tokens
from gristmill_evals.contamination.kernel.text import Bytes, encode
from gristmill_evals.contamination.rows import Row
from gristmill_evals.contamination.tiers.reworded import RUN, worth_comparing
from gristmill_evals.contamination.tiers.worth import Worth

COPIED = 0.1
"""Rows with a candidate that may be copied with this probability are always looked at in Python."""
Doubtful = tuple[Row, Sequence[Candidate], frozenset[int]]


class Again:
    """Tells the rows in which rewordings have to be looked for."""

    def __init__(self, index: ItemIndex, worth: Worth) -> None:
        self._index = index
        self._worth = worth

    def of(
        self,
        rows: Sequence[Row],
        candidates: Sequence[Sequence[Candidate]],
        suspects: Sequence[Sequence[Candidate]],
        least: float,
    ) -> list[bool]:
        """For each row, whether one of its ``suspects`` may score ``least`` without what is copied."""
        # what the rest must say, with so much for the copied part, to make up the score
        rest = 1 - (1 - least) / (1 - COPIED)
        hopes = [len(own) > 0 for own in suspects]
        asked = [n for n, hope in enumerate(hopes) if hope]
        if not asked:
            return hopes
        copied = self._worth.of([rows[n] for n in asked], [suspects[n] for n in asked], COPIED)
        left = [n for n, own in zip(asked, copied, strict=True) if not own]
        doubtful = [
            (rows[n], worth_comparing(candidates[n]), frozenset(one.side.number for one in suspects[n]))
            for n in left
        ]
        for rivals in (False, True):  # without them most are out already, at a third of the price
            for n, hope in zip(left, self._hopes(doubtful, (rest, rest, least), rivals=rivals), strict=True):
                hopes[n] = hope
            doubtful = [one for n, one in zip(left, doubtful, strict=True) if hopes[n]]
            left = [n for n in left if hopes[n]]
        return hopes

    def _hopes(
        self, doubtful: Sequence[Doubtful], least: tuple[float, float, float], *, rivals: bool
    ) -> list[bool]:
        texts = _Texts()
        for number, (row, near, asked) in enumerate(doubtful):
            for one in near:
                if one.field and (rivals or one.side.number in asked):
                    texts.add(number, row, one, asked=one.side.number in asked)
        hopes = [False] * len(doubtful)
        if texts.pairs:
            for number, hope in texts.judged(self._index, least):
                hopes[number] |= hope
        return hopes


@dataclass(slots=True)
class _Texts:
    """Fields of rows and texts of items, and which of them are to be compared."""

    texts: list[bytes] = field(default_factory=list)
    fields: dict[tuple[int, str], int] = field(default_factory=dict)
    windows: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """Field, first and last token."""
    pairs: list[tuple[int, int, int, Candidate, bool]] = field(default_factory=list)
    """Row, window, text of the item, the candidate, and whether it is a suspect."""

    def add(self, number: int, row: Row, one: Candidate, *, asked: bool) -> None:
        """Add a candidate of the row with this number."""
        place = number, one.field
        if place not in self.fields:
            self.fields[place] = len(self.texts)
            self.texts.append(encode(row.text[slice(*row.fields[one.field])]))
        whole = one.first <= 0 and one.last < WINDOW
        window = (self.fields[place], 0, -1) if whole else (self.fields[place], one.first, one.last)
        where = self.windows.setdefault(window, len(self.windows))
        self.pairs.append((number, where, len(self.texts), one, asked))
        self.texts.append(encode(one.side.text))

    def judged(self, index: ItemIndex, least: tuple[float, float, float]) -> list[tuple[int, bool]]:
        """Row and verdict of each pair; a suspect that shares no run at all stays one."""
        left = self._left()
        windows = Said()
        for place in self.windows:
            raw = left.window(*place)
            windows.add(raw, raw.decode("utf-8", "replace"), thorough=False)
        places = np.array([(where[0], *left.span(*where)) for where in self.windows], dtype=np.int64)
        known = self._numbered()
        order = np.lexsort((known[:, 1], known[:, 0]))
        likely = np.zeros(len(known), dtype=np.uint8)
        likely[order] = index.promise.likely(known[order], windows, places, self._items(left), least)
        return [
            (row, asked and bool(likely[n] == 1 or not left.shares(text)))
            for n, (row, _, text, _, asked) in enumerate(self.pairs)
        ]

    def _left(self) -> _Left:
        """The texts with what suspects share with their rows marked."""
        cut: Cut = backend(0).tokens(self.texts)
        joined, ends = laid_out(self.texts)
        fields = [place[0] for place in self.windows]
        shared = [(fields[where], text) for _, where, text, _, asked in self.pairs if asked]
        marks = shared_tokens(cut.masked, cut.ends, np.array(shared, dtype=np.int64), RUN)
        first = np.zeros(1, dtype=np.int64)
        return _Left(joined, np.concatenate([first, ends]), cut, np.concatenate([first, cut.ends]), marks)

    def _items(self, left: _Left) -> Said:
        """What is left of the items; others that compete for the same words stay whole."""
        said = Said()
        for _, _, text, one, asked in self.pairs:
            versions = texts_of(one.side.item)
            raws = left.of_item(text, one.side.item, len(versions)) if asked else map(encode, versions)
            for raw in raws:
                said.add(raw, raw.decode("utf-8", "replace"))
            said.ends.append(len(said.main))
        return said

    def _numbered(self) -> Places:
        """Row, window, number and benchmark of each pair."""
        names: dict[str, int] = {}
        return np.array(
            [
                (row, where, n, names.setdefault(one.side.benchmark, len(names)))
                for n, (row, where, _, one, _) in enumerate(self.pairs)
            ],
            dtype=np.int64,
        )


@dataclass(frozen=True, slots=True)
class _Left:
    """Texts without their marked tokens."""

    joined: Bytes
    starts: Places
    cut: Cut
    tokens: Places
    marks: Bytes

    def shares(self, text: int) -> bool:
        """Whether any of its tokens is marked."""
        return bool(self.marks[self.tokens[text] : self.tokens[text + 1]].any())

    def window(self, text: int, first: int, last: int) -> bytes:
        """What is left of the tokens ``first`` to ``last`` (-1: all) of a text."""
        return self._rest(text, self.span(text, first, last))[:LONGEST]

    def span(self, text: int, first: int, last: int) -> tuple[int, int]:
        """The bytes of some of its tokens."""
        if last < 0:
            return int(self.starts[text]), int(self.starts[text + 1])
        opening, end = int(self.tokens[text]), int(self.tokens[text + 1])
        return int(self.cut.starts[opening + first]), int(self.cut.stops[min(opening + last, end) - 1])

    def of_item(self, text: int, item: BenchmarkItem, count: int) -> list[bytes]:
        """What is left of the ``count`` texts that a row is compared with (:func:`texts_of`)."""
        start, end = int(self.starts[text]), int(self.starts[text + 1])
        question = self._rest(text, (start, min(end, start + len(encode(item.question)))))
        versions = [question]
        if item.choices:
            versions.append(self._rest(text, (start, end)))
        if count > len(versions):
            versions.append(question + b"\n" + encode(item.answer))
        return [version[:LONGEST] for version in versions]

    def _rest(self, text: int, span: tuple[int, int]) -> bytes:
        tokens = int(self.tokens[text]), int(self.tokens[text + 1])
        left: Bytes = rest(self.joined, span, tokens, self.marks, self.cut.starts, self.cut.stops)
        return left.tobytes()
