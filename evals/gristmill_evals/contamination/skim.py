"""Lines that cannot repeat any item, told from their bytes: what makes the exact tiers fast.

Compiled code reads a line as JSON, sees that it is a row, and looks up what its texts are made of. It says
only what is certain: everything unusual is read in Python, and so is everything without numba. The results
are those of reading every line.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.index.choices import beginnings
from gristmill_evals.contamination.kernel import backend, ready
from gristmill_evals.contamination.kernel.batch import Hashes, laid_out
from gristmill_evals.contamination.kernel.folding import tables

HUGE = 1 << 22
"""Bytes from which on a line is read in Python, so that the room for a line stays small."""


class Skim:
    """Passes over the lines in which the exact tiers of ``checker`` would find nothing."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def quiet(self, lines: Sequence[bytes]) -> list[bool]:
        """For each line, whether it is a well-formed row that no exact tier can find anything in.

        False says nothing: such a line is to be read and checked.
        """
        if any(len(line) > HUGE for line in lines):
            lines = [line if len(line) <= HUGE else b"" for line in lines]
        text, ends = laid_out(lines)
        skim = _compiled() if lines and _worth_it(len(text)) else None
        if skim is None:
            return [False] * len(lines)
        grams, shorts, *_ = self._checker.index.tables
        found: list[bool] = skim(text, ends, tables(), (grams, shorts), self._choices).astype(bool).tolist()
        path = getattr(getattr(skim, "_cache", None), "cache_path", None)
        ready.note(None if path is None else Path(path), "skim")
        return found

    @cached_property
    def _choices(self) -> Hashes:
        items = (item for benchmark in self._checker.benchmarks for item in benchmark.items)
        table = beginnings(items)
        table.flags.writeable = False
        return table


def _worth_it(size: int) -> bool:
    """Whether compiled code is there, or what is left to be looked at is worth compiling it."""
    return ready.is_there("skim") or backend(size).NAME == "numba"


@lru_cache(maxsize=1)
def _compiled() -> Any:
    """The compiled pass; None without numba."""
    try:
        from gristmill_evals.contamination.kernel.skimming import skim
    except ImportError:
        return None
    return skim
