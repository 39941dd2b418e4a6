"""numba where it is there: compiled once, kept on disk if possible, and free of the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from gristmill_evals.contamination.kernel.ready import sources

Function = TypeVar("Function", bound=Callable[..., Any])

if os.environ.get("GRISTMILL_NO_NUMBA"):
    raise ImportError("numba is switched off by GRISTMILL_NO_NUMBA")

import numba  # noqa: E402


def compiled(function: Function) -> Function:
    """``numba.njit`` with a cache on disk; without one where no folder can be written."""
    return cast("Function", _made(function, inline=False))


def inlined(function: Function) -> Function:
    """:func:`compiled` as part of its callers: a call counts references to arrays, which takes longer than a
    short piece of work."""
    return cast("Function", _made(function, inline=True))


def _made(function: Callable[..., Any], *, inline: bool) -> Any:
    try:
        made = numba.njit(cache=True, nogil=True, forceinline=inline)(function)
        _stamp(made)
    except (RuntimeError, AttributeError):  # no place for a cache, or a numba whose cache is made otherwise
        made = numba.njit(nogil=True, forceinline=inline)(function)
    return made


def _stamp(made: Any) -> None:
    """Bind the cached code to all sources of the kernel.

    numba looks at the file of the function alone, and would go on with an old version of what it has inlined
    from another file.
    """
    file = made._cache._cache_file
    file._source_stamp = sources() if file._source_stamp else None
