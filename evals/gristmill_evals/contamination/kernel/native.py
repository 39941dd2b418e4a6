"""The kernel with numba: thin wrappers that give the compiled functions plain arguments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from gristmill_evals.contamination.kernel import features, lists, ready, retrieve
from gristmill_evals.contamination.kernel.batch import Cut, Found, Question, laid_out
from gristmill_evals.contamination.kernel.runs_numpy import Hashes, Places
from gristmill_evals.contamination.kernel.space import Spaces
from gristmill_evals.contamination.kernel.text import Bytes, classes, special_words

NAME = "numba"


def _tables() -> tuple[Any, ...]:
    return (classes(), *special_words())


def tokens(texts: Sequence[bytes]) -> Cut:
    """The tokens of each text."""
    joined, ends = laid_out(texts)
    return Cut(*features.tokens_of(joined, ends, _tables()))


def feature_keys(texts: Sequence[bytes]) -> tuple[Hashes, Places]:
    """Distinct feature keys of each text, sorted, one text after the other, and where each text's end."""
    joined, ends = laid_out(texts)
    keys, stops = features.features_of(joined, ends, _tables())
    return keys, stops


def may_list(text: Bytes, fields: Places, rows: Places) -> list[bool]:
    """For each row, whether it may hold a list of choices."""
    found: list[bool] = (lists.may_list(text, fields, rows) > 0).tolist()
    return found


def repeats(question: Question, index: tuple[Any, ...]) -> Places:
    """For each row, how many sides share a telling run or a whole short question with it: the exact pass."""
    counts: Places = retrieve.repeats(question.text, question.fields, question.rows, _tables(), index)
    return counts


def search(question: Question, index: tuple[Any, ...], spaces: Spaces) -> Found:
    """The candidates of each row (see :func:`retrieve.search`)."""
    known = (question.known, question.known_ends)
    asked = question.text, question.fields, question.rows
    with spaces.one() as space:
        found = Found(*retrieve.search(*asked, _tables(), index, known, space))
    _note_once()
    return found


@lru_cache(maxsize=1)
def _note_once() -> None:
    kept = getattr(retrieve.search, "_cache", None)
    path = getattr(kept, "cache_path", None)
    ready.note(None if path is None else Path(path))
