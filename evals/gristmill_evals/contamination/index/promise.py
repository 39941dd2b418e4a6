"""Which rows may hold a rewording: the decision in compiled code, on the safe side.

It takes a tenth of the time of :mod:`decision`, which then decides on the few rows that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.decision.decide import FORM, SAME_FORM
from gristmill_evals.contamination.decision.features import heaviest
from gristmill_evals.contamination.decision.model import FEATURES, shipped
from gristmill_evals.contamination.index.combine import SCALE
from gristmill_evals.contamination.index.shard import Arrays
from gristmill_evals.contamination.index.tables import Tables
from gristmill_evals.contamination.index.views import Said, symbol_weights
from gristmill_evals.contamination.kernel import note_compiled
from gristmill_evals.contamination.kernel.alike import rarity
from gristmill_evals.contamination.kernel.batch import Found, Question
from gristmill_evals.contamination.kernel.choosing import worth_comparing
from gristmill_evals.contamination.kernel.judging import promising
from gristmill_evals.contamination.kernel.limits import FLOOR, LONGEST, RELATIVE, SUSPECT
from gristmill_evals.contamination.kernel.profile import ARRAYS

SLACK = 0.15
"""By how much (logit; a tenth of it as a share of the form) a row may fall short and still be looked at."""
LEAST_COSINE = 0.08
"""Rows without a candidate so much like them are passed over: of all pairs of the measured benchmarks that
score .2 and more, the least alike have .097."""
FEW_TOKENS, ENOUGH, SURELY = 40, 5, 0.13
"""In windows of more tokens, a candidate has to share so many features, or have the higher cosine.

Half of the rows that are something else share one or two rare words with an item. Of the pairs of measured
benchmarks that score .2 and more, by themselves and inside long texts, those in such windows share six and
more; those that share less have .13 and more in windows of any size, but for two, of 8 and 28 tokens.
"""
Numbers = NDArray[np.int64]


class Promise:
    """The items of an index, ready to be compared; ``views`` are their texts (:func:`views.views`)."""

    def __init__(self, arrays: Arrays, tables: Tables, views: Arrays) -> None:
        self._questions, self._items_of = np.asarray(arrays["side_kind"]) == 0, arrays["side_item"]
        self._starts = arrays["item_starts"]
        feature, weights, _, _, unseen, _ = tables[2]
        most = heaviest(int(self._starts[-1]))
        self._rarity = feature, weights, int(unseen[0]), float(SCALE), most
        self._views = views
        texts = (views["text_ends"], views["main"], views["comments"], views["code"])
        self._items = self._profiles(views), texts
        self._weights = symbol_weights()
        known = shipped()
        self._coefficients = np.array([known.intercept, *(known.coefficients[name] for name in FEATURES)])

    def _profiles(self, arrays: Mapping[str, NDArray[np.generic]]) -> Tables:
        weights = rarity(arrays["key"], *self._rarity)
        for array in arrays.values():
            array.flags.writeable = (
                False  # compiled code is made for one kind of array, and mapped ones are fixed
            )
        return *(arrays[name] for name in ARRAYS), weights

    def of(self, question: Question, found: Found, heads: Sequence[int], least: float) -> NDArray[np.uint8]:
        """For each candidate, 1 if it may be the row in other words with at least the score ``least``.

        2 if such a one is to be compared with it. ``heads``: bytes of made-up words that begin each field.
        """
        hopes = np.zeros(len(found.where), dtype=np.uint8)
        pairs, places = self._pairs(found)
        windows = Said()
        for raw in _windows(question, places, heads):
            windows.add(raw, raw.decode("utf-8", "replace"), thorough=False)
        for whole in (False, True):
            if not len(pairs):
                return hopes
            used, number = np.unique(pairs[:, 1], return_inverse=True)
            known = np.column_stack([pairs[:, 0], number, pairs[:, 2:4]])
            some = windows.only(used.tolist())
            # at the second look, prose can still become a template, whatever its score; code cannot
            limits = min(least, SUSPECT), least, min(least, SUSPECT)
            likely = self.likely(known, some, places[used], self._views, limits, whole=whole)
            if whole:
                hopes[pairs[:, 4]] = likely
            pairs = pairs[np.isin(pairs[:, 0], pairs[likely == 1, 0])]
        return hopes

    def _pairs(self, found: Found) -> tuple[Numbers, Numbers]:
        """Pairs worth comparing (row, window, item, benchmark, candidate); field and bytes of each window.

        (:func:`tiers.reworded.worth_comparing`.)
        """
        if found.bytes is None:
            raise AssertionError("only compiled code tells where windows are")
        limits = FLOOR, RELATIVE, LEAST_COSINE, FEW_TOKENS, ENOUGH, SURELY
        chosen = worth_comparing(found.ends, found.where, found.scores, found.bytes, self._questions, limits)
        kept = np.flatnonzero(chosen)
        row = np.searchsorted(found.ends, kept, side="right")
        side, field, first, last = (found.where[kept, n].astype(np.int64) for n in range(4))
        window = _grouped(row, field, first, last)
        item = self._items_of[side].astype(np.int64)
        bench = np.searchsorted(self._starts, item, side="right") - 1
        example = np.zeros(window.max(initial=-1) + 1, dtype=np.int64)
        example[window] = kept
        pairs = np.column_stack([row, window, item, bench, kept])
        places = np.column_stack([found.where[example, 1].astype(np.int64), found.bytes[example]])
        return pairs[np.lexsort((window, row))], places

    def likely(
        self,
        pairs: Numbers,
        windows: Said,
        places: Numbers,
        items: Arrays | Said,
        least: tuple[float, float, float],
        *,
        whole: bool = True,
    ) -> NDArray[np.uint8]:
        """Of each pair (row, window, item, benchmark), 1 if it may come to the score, 2 for a rival of one.

        ``places``: field, first byte and end of each window. ``items``: all of them, or texts of some (one or
        more an item, see :attr:`Said.ends`). ``least``: the score of prose, of code, of a template. Unless
        ``whole``, words in order are not compared.
        """
        arrays = windows.read(whole=whole)
        known = items.read(whole=True) if isinstance(items, Said) else items
        texts = (known["text_ends"], known["main"], known["comments"], known["code"])
        profiles = (self._profiles(known), texts) if isinstance(items, Said) else self._items
        told = np.column_stack([arrays["main"], arrays["comments"], arrays["code"], places]).astype(np.int64)
        shapes = (
            *(arrays["shape_ends"], arrays["shapes"]),
            *(known["shape_ends"], known["shapes"]),
            self._weights,
        )
        prose, code, form = least
        limits = self._coefficients, _logit(prose), _logit(code), _form(form), whole
        found = promising(pairs, told, self._profiles(arrays), *profiles, shapes, limits)
        note_compiled("looks", promising)
        return np.asarray(found)


def _grouped(*columns: Numbers) -> Numbers:
    """A number for each distinct row of the columns."""
    if not len(columns[0]):
        return columns[0]
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(order), dtype=np.int64)
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.cumsum(new)
    return found


def _windows(question: Question, places: Numbers, heads: Sequence[int]) -> list[bytes]:
    """The bytes of windows without the made-up words that stand before their fields."""
    fields = np.searchsorted(question.fields, places[:, 1], side="right")
    begins = np.concatenate([np.zeros(1, dtype=np.int64), question.fields])[fields]
    starts = np.maximum(places[:, 1], begins + np.array(heads, dtype=np.int64)[fields])
    ends = np.minimum(places[:, 2], starts + LONGEST)
    text = question.text.tobytes()
    return [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _logit(least: float) -> float:
    return log(least / (1 - least)) - SLACK


def _form(least: float) -> float:
    """The form (0 to 1) that a template of this score has (:func:`decision.decide.template_score`)."""
    return max(SAME_FORM, FORM * min(1.0, least / 0.5)) / 100 - SLACK / 10
