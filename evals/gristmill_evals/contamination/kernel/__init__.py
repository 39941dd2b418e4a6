"""The hot loops of the contamination check, over bytes: compiled with numba, or numpy without it.

Both give the same results; ``GRISTMILL_NO_NUMBA=1`` chooses numpy. Compiling takes half a minute, once after
an installation, so a small job is done in numpy unless the compiled code is there already.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from types import ModuleType

log = logging.getLogger("gristmill.contamination")
PATIENCE = 12_000_000
"""Bytes that numpy looks at in about the time that compiling takes."""


class _Work:
    """What this process has looked at so far without compiled code, in bytes."""

    done = 0


def backend(work: int | None = None) -> ModuleType:
    """``native`` or ``plain``: modules with ``tokens``, ``feature_keys``, ``search`` and ``repeats``.

    ``work`` is how many bytes it is for; without it, or when much has been looked at, it is compiled.
    """
    if work is not None and not _compiled_already():
        _Work.done += work
        if _Work.done < PATIENCE:
            return _plain()
    return _native()


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
        log.warning("compiling the contamination check for this machine, once: about half a minute")
    _compiled_already.cache_clear()
    return native


@lru_cache(maxsize=1)
def _compiled_already() -> bool:
    from gristmill_evals.contamination.kernel import ready

    return _native.cache_info().currsize > 0 or ready.is_there()


__all__ = ["backend"]
