"""The kernel without numba: the same results from the Python tokeniser and numpy, some ten times slower."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.batch import Cut, Found, Hashes, Places, Question
from gristmill_evals.contamination.kernel.hashing import (
    BASE,
    COUNT_SALT,
    NUMBER_SALT,
    ONE,
    PAIR_SALT,
    STEM,
    STEM_SALT,
    word_hash,
)
from gristmill_evals.contamination.kernel.limits import COUNT, EMPTY, MOST_PARTS
from gristmill_evals.contamination.kernel.plain_search import Fields, search_row, shared_sides
from gristmill_evals.contamination.kernel.runs_numpy import mixed
from gristmill_evals.contamination.kernel.text import OTHER, Bytes, classes
from gristmill_evals.contamination.normalise import MASK, cut_folded
from gristmill_evals.contamination.vocabulary import NUMBER_WORDS, STOPWORDS

NAME = "numpy"
_HUMP = re.compile(r"(?<=[^A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class _Text:
    """One text, cut: as in :class:`batch.Cut`, with stems, and the stems of parts with their tokens."""

    words: Hashes
    masked: Hashes
    stems: Hashes
    flags: Bytes
    spans: list[tuple[int, int]]
    parts: list[tuple[int, int]]
    odd: bool
    """Whether the text has no words, so that its symbols are its tokens."""


def _cut(raw: bytes) -> _Text:
    folded = raw.lower().decode("utf-8", "surrogatepass")
    found = list(cut_folded(folded))
    masked = [MASK if number else word for word, number, _, _ in found]
    flags = [EMPTY | COUNT if number else EMPTY * (word in STOPWORDS) for word, number, _, _ in found]
    spans = [(start, end) for _, _, start, end in found]
    return _Text(
        _hashes([word for word, _, _, _ in found]),
        _hashes(masked),
        _hashes([word[:STEM] for word in masked]),
        np.array(flags, dtype=np.uint8),
        spans,
        [] if folded.encode("utf-8", "surrogatepass") == raw else _parts(raw, spans, flags),
        not spans or classes()[ord(folded[spans[0][0]])] == OTHER,
    )


def _hashes(words: Sequence[str]) -> Hashes:
    return np.array([word_hash(word) for word in words], dtype=np.uint64)


def _parts(raw: bytes, spans: Sequence[tuple[int, int]], flags: Sequence[int]) -> list[tuple[int, int]]:
    """Stems of the parts of ``nearbyElements``, with the number of their token."""
    text = raw.decode("utf-8", "surrogatepass")
    found = []
    for number, (start, end) in enumerate(spans):
        pieces = _HUMP.split(text[start:end]) if not flags[number] else ()
        if len(pieces) > 1:
            lowered = [piece.encode().lower().decode() for piece in pieces[:MOST_PARTS]]
            telling = [one for one in lowered if len(one) > 1 and one not in STOPWORDS | NUMBER_WORDS.keys()]
            found += [(number, word_hash(piece[:STEM])) for piece in telling]
    return found


def tokens(texts: Sequence[bytes]) -> Cut:
    """The tokens of each text (:func:`native.tokens`)."""
    cuts = [_cut(text) for text in texts]
    offsets = np.cumsum([0, *(len(text) for text in texts)])
    spans = [
        (int(offset) + start, int(offset) + end)
        for text, cut, offset in zip(texts, cuts, offsets, strict=False)
        for start, end in _in_bytes(text, cut.spans)
    ]
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    ends = np.cumsum([len(cut.words) for cut in cuts], dtype=np.int64)
    return Cut(
        _joined([cut.words for cut in cuts]),
        _joined([cut.masked for cut in cuts]),
        np.concatenate([np.empty(0, dtype=np.uint8), *(cut.flags for cut in cuts)]),
        places[:, 0],
        places[:, 1],
        ends,
    )


def _in_bytes(text: bytes, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    if text.isascii():
        return spans
    sizes = [len(char.encode("utf-8", "surrogatepass")) for char in text.decode("utf-8", "surrogatepass")]
    at = np.cumsum([0, *sizes])
    return [(int(at[start]), int(at[end])) for start, end in spans]


def _joined(pieces: Sequence[Hashes]) -> Hashes:
    return np.concatenate([np.empty(0, dtype=np.uint64), *pieces])


def feature_keys(texts: Sequence[bytes]) -> tuple[Hashes, Places]:
    """Distinct feature keys of each text, sorted, one text after the other, and where each text's end."""
    found = [np.unique(_emit(_cut(text))[0]) for text in texts]
    return _joined(found), np.cumsum([len(keys) for keys in found], dtype=np.int64)


def _emit(cut: _Text) -> tuple[Hashes, Places, Places]:
    """Features with their first and last token, in the order of :func:`features.emit`."""
    counts = np.flatnonzero(cut.flags & COUNT)
    telling = np.flatnonzero((cut.flags & EMPTY) == 0)
    empty = (cut.flags & EMPTY) > 0
    second = np.flatnonzero(~(empty[1:] & empty[:-1])) + 1
    owners = np.array([number for number, _ in cut.parts], dtype=np.int64)
    parts = np.array([stem for _, stem in cut.parts], dtype=np.uint64)
    groups = [
        (_single(cut.words[counts], NUMBER_SALT), counts, counts),
        (_paired(cut.words, counts[:-1], counts[1:], COUNT_SALT), counts[:-1], counts[1:]),
        (_single(cut.stems[telling], STEM_SALT), telling, telling),
        (_single(parts, STEM_SALT), owners, owners),
        (_paired(cut.stems, second - 1, second, PAIR_SALT), second - 1, second),
    ]
    keys, firsts, lasts = (np.concatenate([group[n] for group in groups]) for n in range(3))
    order = np.argsort(lasts, kind="stable")
    return keys[order], firsts[order], lasts[order]


def _single(words: Hashes, salt: np.uint64) -> Hashes:
    return mixed(words ^ salt) & ~ONE


def _paired(words: Hashes, first: Places, second: Places, salt: np.uint64) -> Hashes:
    return mixed((words[first] * BASE + words[second]) ^ salt) | ONE


def may_list(text: Bytes, fields: Places, rows: Places) -> list[bool]:
    """For each row, whether it may hold a list of choices: whoever looks for one will see."""
    return [True] * len(rows)


def repeats(question: Question, index: tuple[Any, ...]) -> Places:
    """For each row, how many sides share a run or a short question with it (:func:`native.repeats`)."""
    raw = question.text.tobytes()
    bounds = np.concatenate([np.zeros(1, dtype=np.int64), question.fields])
    starts = [0, *question.rows[:-1].tolist()]
    rows = [
        _row_words([_cut(raw[bounds[n] : bounds[n + 1]]) for n in range(start, stop)])
        for start, stop in zip(starts, question.rows.tolist(), strict=True)
    ]
    return np.array([len(shared_sides(masked, index)) for masked in rows], dtype=np.int64)


def search(question: Question, index: tuple[Any, ...], spaces: object = None) -> Found:
    """The candidates of each row (:func:`native.search`)."""
    raw = question.text.tobytes()
    bounds = np.concatenate([np.zeros(1, dtype=np.int64), question.fields])
    ends, where, scores = [], [], []
    field = known = 0
    for stop, known_stop in zip(question.rows, question.known_ends, strict=True):
        cuts = [_cut(raw[bounds[n] : bounds[n + 1]]) for n in range(field, stop)]
        fields = [Fields(*_emit(cut), len(cut.words)) for cut in cuts]
        wanted = question.known[known:known_stop].tolist()
        for place, score in search_row(fields, _row_words(cuts), wanted, index):
            where.append(place)
            scores.append(score)
        ends.append(len(where))
        field, known = int(stop), int(known_stop)
    return Found(
        np.array(ends, dtype=np.int64),
        np.array(where, dtype=np.int32).reshape(-1, 6),
        np.array(scores, dtype=np.float64).reshape(-1, 4),
    )


def _row_words(cuts: Sequence[_Text]) -> NDArray[np.uint64]:
    """Masked words of the whole row; fields of symbols only count when all are."""
    worded = [cut for cut in cuts if not cut.odd]
    return _joined([cut.masked for cut in worded or cuts])
