"""A set of content addresses that fits a corpus of millions: 16 bytes each instead of 120."""

from __future__ import annotations

_BUCKETS = 4096
_SIZE = 16


class Ids:
    """Remembers ids as :func:`gristmill.records.content_id` makes them."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        self._buckets: dict[int, bytearray] = {}

    def add(self, key: str) -> bool:
        """Remember an id; False when it was there before."""
        token = bytes.fromhex(key)
        bucket = self._buckets.setdefault((token[0] << 8 | token[1]) % _BUCKETS, bytearray())
        at = bucket.find(token)
        # a find that straddles two ids is chance, and none of them
        while at > 0 and at % _SIZE:
            at = bucket.find(token, at + 1)
        if at >= 0:
            return False
        bucket += token
        return True

    def clear(self) -> None:
        """Forget all."""
        self._buckets.clear()
