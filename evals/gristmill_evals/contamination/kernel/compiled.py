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
    try:
        made = numba.njit(cache=True, nogil=True)(function)
        _stamp(made)
    except (RuntimeError, AttributeError):  # no place for a cache, or a numba whose cache is made otherwise
        made = numba.njit(nogil=True)(function)
    return cast("Function", made)


def _stamp(made: Any) -> None:
    """Bind the cached code to all sources of the kernel.

    numba looks at the file of the function alone, and would go on with an old version of what it has inlined
    from another file.
    """
    file = made._cache._cache_file
    file._source_stamp = sources() if file._source_stamp else None
