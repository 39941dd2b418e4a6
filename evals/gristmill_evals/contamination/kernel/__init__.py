"""The hot loops of the contamination check, over bytes: compiled with numba, or numpy without it.

Both give the same results; ``GRISTMILL_NO_NUMBA=1`` chooses numpy. Compiling takes up to a minute, once after
an installation, so a small job is done in numpy unless the compiled code is there already.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import ClassVar

log = logging.getLogger("gristmill.contamination")
PATIENCE = 12_000_000
"""Bytes that numpy looks at in about the time that compiling takes."""


class _Work:
    """What this process has looked at so far without compiled code, in bytes; by part of that code."""

    done = 0
    at_once = False
    parts: ClassVar[Counter[str]] = Counter()


def backend(work: int | None = None) -> ModuleType:
    """``native`` or ``plain``: modules with ``tokens``, ``feature_keys``, ``search`` and ``repeats``.

    ``work`` is how many bytes it is for; without it, or when much has been looked at, it is compiled. Once
    asked for without, all parts are compiled at once.
    """
    _Work.at_once |= work is None
    if work is not None and not _compiled_already():
        _Work.done += work
        if _Work.done < PATIENCE:
            return _plain()
    return _native()


def worth_compiling(part: str, work: int) -> bool:
    """Whether a part of the compiled code that is loaded on its own is there, or is worth compiling by now.

    ``work`` is how many bytes it would look at.
    """
    if backend(work).NAME != "numba":
        return False
    _Work.parts[part] += work
    return _Work.at_once or _part_is_there(part) or _Work.parts[part] >= PATIENCE


def note_compiled(part: str, function: object) -> None:
    """Remember that a part is compiled; ``function`` is the last of it to be."""
    if not _part_is_there(part):
        from gristmill_evals.contamination.kernel import ready

        path = getattr(getattr(function, "_cache", None), "cache_path", None)
        ready.note(None if path is None else Path(path), part)
        _Work.parts[part] = PATIENCE
        _part_is_there.cache_clear()


@lru_cache(maxsize=8)
def _part_is_there(part: str) -> bool:
    from gristmill_evals.contamination.kernel import ready

    return ready.is_there(part)


@lru_cache(maxsize=1)
def _plain() -> ModuleType:
    from gristmill_evals.contamination.kernel import plain

    return plain


@lru_cache(maxsize=1)
def _native() -> ModuleType:
    try:
        from gristmill_evals.contamination.kernel import native, ready
    except ImportError:
        return _plain()
    if not ready.is_there():
        log.warning("compiling the contamination check for this machine, once: up to a minute")
    _compiled_already.cache_clear()
    return native


@lru_cache(maxsize=1)
def _compiled_already() -> bool:
    from gristmill_evals.contamination.kernel import ready

    return _native.cache_info().currsize > 0 or ready.is_there()


__all__ = ["backend", "note_compiled", "worth_compiling"]
