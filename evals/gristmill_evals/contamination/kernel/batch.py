"""What goes into the kernel and what comes out: plain arrays, the same for both of its versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gristmill_evals.contamination.kernel.text import Bytes

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """Tokens of consecutive texts: hashes, flags (:mod:`.limits`), bytes of the joined text; text ends."""

    words: Hashes
    masked: Hashes
    flags: Bytes
    starts: Places
    stops: Places
    ends: Places


@dataclass(frozen=True, slots=True)
class Question:
    """Rows to be looked up.

    ``text`` holds the bytes of all fields, ``fields`` where each ends in it, ``rows`` the number of fields up
    to the end of each row. ``known``: sides that are candidates anyway, up to ``known_ends`` for each row.
    """

    text: Bytes
    fields: Places
    rows: Places
    known: NDArray[np.int32]
    known_ends: Places


@dataclass(frozen=True, slots=True)
class Found:
    """Candidates: where each row's end; side, field, first and last token, shares a run, features; scores."""

    ends: Places
    where: NDArray[np.int32]
    scores: NDArray[np.float64]
    bytes: Places | None = None
    """First byte and end, in the text of all fields, of each candidate's window (compiled code only)."""


def laid_out(texts: Sequence[bytes]) -> tuple[Bytes, Places]:
    """Texts in one array, and where each ends."""
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return np.frombuffer(b"".join(texts), dtype=np.uint8), ends
