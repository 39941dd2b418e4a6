"""Texts of items as the compiled decision takes them, made once and kept beside the index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.contamination.decision.code import is_code, shape, shape_weight, told
from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.kernel.batch import laid_out
from gristmill_evals.contamination.kernel.lexicon import lexicon
from gristmill_evals.contamination.kernel.limits import LONGEST
from gristmill_evals.contamination.kernel.profile import ARRAYS, LISTS, profiles
from gristmill_evals.contamination.kernel.text import classes, encode

CHUNK = 2048
"""Items whose texts are in memory as bytes at a time."""
TELLING = 3
"""Content words that comments need to be compared by themselves."""
LONGEST_LIST = 99
_KINDS = "[(SNB"
SYMBOLS = len(_KINDS) * (LONGEST_LIST + 1)
_EXAMPLES = (">>>", "==", "=>", "->", "➞", "→", "assert")


class Said:
    """Texts to be profiled; of each whether it is code, where its comments are, the shape of its examples."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.main: list[int] = []
        self.comments: list[int] = []
        self.code: list[bool] = []
        self.ends: list[int] = []
        """Where the texts of each item end, if they are texts of items."""
        self.shapes: list[int] = []
        self.shape_ends: list[int] = []

    def add(self, raw: bytes, text: str, *, thorough: bool = True) -> None:
        """Add a text as bytes for the kernel and as it is.

        Unless ``thorough``, the shape of a text that hardly has one is passed over: no evidence either way.
        """
        code = ("(" in text or "\n" in text) and is_code(text)  # one line without a call is no code
        self.main.append(len(self.texts))
        self.texts.append(raw)
        self.code.append(code)
        self.comments.append(len(self.texts) if code else -1)
        if code:
            self.texts.append(encode(told(text)))
        if thorough or code or any(sign in text for sign in _EXAMPLES):
            self.shapes += map(symbol_number, shape(text))
        self.shape_ends.append(len(self.shapes))

    def only(self, wanted: Sequence[int]) -> Said:
        """Some of the texts, in the order of ``wanted``."""
        some = Said()
        for n in wanted:
            main = self.main[n]
            some.main.append(len(some.texts))
            some.texts.append(self.texts[main])
            some.code.append(self.code[n])
            some.comments.append(len(some.texts) if self.code[n] else -1)
            some.texts += self.texts[main + 1 : main + 1 + self.code[n]]
            some.shapes += self.shapes[self.shape_ends[n - 1] if n else 0 : self.shape_ends[n]]
            some.shape_ends.append(len(some.shapes))
        return some

    def read(self, *, whole: bool) -> Arrays:
        """The profiles (:data:`ARRAYS`), ``text_ends``, ``main``, ``comments``, ``code``,
        ``shape_ends`` and ``shapes``."""
        joined, ends = laid_out(self.texts)
        found = dict(zip(ARRAYS, profiles(joined, ends, classes(), lexicon(), whole), strict=True))
        comments = np.array(self.comments, dtype=np.int64)
        says = found["sizes"][:, 0][np.maximum(comments, 0)] >= TELLING if len(comments) else comments > 0
        return found | {
            "text_ends": np.array(self.ends, dtype=np.int64),
            "main": np.array(self.main, dtype=np.int64),
            "comments": np.where((comments >= 0) & says, comments, -1),
            "code": np.array(self.code, dtype=np.uint8),
            "shape_ends": np.array(self.shape_ends, dtype=np.int64),
            "shapes": np.array(self.shapes, dtype=np.int16),
        }


def symbol_number(symbol: str) -> int:
    """A symbol of :func:`decision.code.shape` as a number below :data:`SYMBOLS`."""
    size = min(int(symbol[1:]), LONGEST_LIST) if symbol[0] in "[(" else 0
    return _KINDS.index(symbol[0]) * (LONGEST_LIST + 1) + size


def symbol_weights() -> NDArray[np.float64]:
    """What each symbol says."""
    return np.array(
        [
            shape_weight(f"{kind}{size}" if kind in "[(" else kind)
            for kind in _KINDS
            for size in range(LONGEST_LIST + 1)
        ]
    )


def texts_of(item: BenchmarkItem) -> list[str]:
    """What a row is compared with: the question; with its choices; with an answer that may be reworded."""
    texts = [item.question[:LONGEST]]
    if item.choices:
        texts.append(item.text[:LONGEST])
    if item.answer and (item.choices or is_code(texts[0])):
        texts.append(f"{item.question}\n{item.answer}"[:LONGEST])
    return texts


def views(items: Iterable[BenchmarkItem]) -> Arrays:
    """Profiles of all texts of the items, and which belong to which item."""
    rest = iter(items)
    chunks = [_chunk(part) for part in iter(lambda: tuple(islice(rest, CHUNK)), ())] or [_chunk(())]
    joined = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    for name, counted in _COUNTS.items():
        steps = np.cumsum([0, *(len(chunk[counted]) for chunk in chunks[:-1])])
        joined[name] = np.concatenate(
            [np.where(c[name] < 0, -1, c[name] + step) for c, step in zip(chunks, steps, strict=True)]
        )
    return joined


_OF_LIST = ("stem", "piece", "value", "near", "name", "capital", "sentence", "form")
_COUNTS = {
    **{f"{name}_ends": of for name, of in zip(LISTS, _OF_LIST, strict=True)},
    "text_ends": "main",
    "main": "sizes",
    "comments": "sizes",
    "shape_ends": "shapes",
}
"""Arrays that count on from chunk to chunk, and what they count."""


def _chunk(items: Sequence[BenchmarkItem]) -> Arrays:
    said = Said()
    for item in items:
        for text in texts_of(item):
            said.add(encode(text), text)
        said.ends.append(len(said.main))
    return said.read(whole=True)
