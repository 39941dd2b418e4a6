"""Words of texts, and the random order in which rows are looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words(text: str) -> list[str]:
    """Words without case; of scripts that set no spaces, whole runs of characters."""
    return _WORD.findall(text.casefold())


def blocks(texts: Iterable[Sequence[str]], size: int) -> Iterator[list[str]]:
    """Words of one text after the other, cut into blocks of ``size``; what is left over is left out."""
    held: list[str] = []
    for found in texts:
        held.extend(found)
        while len(held) >= size:
            yield held[:size]
            held = held[size:]


def shuffled(frame: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """Rows in an order that is random and always the same: by a hash of their ids; the first ``most``."""
    keys = frame["example_id"].map(lambda key: blake2b(str(key).encode(), digest_size=8).digest())
    return frame.iloc[keys.argsort(kind="stable").to_numpy()[:most]]
