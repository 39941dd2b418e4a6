"""A memory of texts for millions of rows: 32 bytes each, and a little for what holds them."""

from __future__ import annotations

import hashlib
import sys

_HALF = 16
_RECORD = 2 * _HALF
# 14 bits of the key choose the bucket: at a million rows it holds about 60 records, searched in C
_BUCKETS = 1 << 14


class Seen:
    """Which example said a text first.

    A text is known by a key of 16 bytes, an example by the 16 bytes that its id writes in hexadecimal.
    Keys must be evenly distributed (hashes). At 128 bits, two of a billion texts share a key with a
    probability of about 1.5e-21.
    """

    __slots__ = ("_buckets", "_names")

    def __init__(self) -> None:
        self._buckets: list[bytearray | None] = [None] * _BUCKETS
        self._names: dict[bytes, str] = {}

    def first(self, key: bytes, example_id: str) -> str:
        """The id under which the key was seen first: this one, which is remembered, when it is new."""
        bucket = self._bucket(key)
        at = _find(bucket, key)
        if at < 0:
            bucket += key + self._token(example_id)
            return example_id
        token = bytes(bucket[at + _HALF : at + _RECORD])
        name = self._names.get(token)
        return token.hex() if name is None else name

    def forget(self, key: bytes, example_id: str) -> None:
        """Forget the key if this example was the first to have it."""
        bucket = self._bucket(key)
        at = _find(bucket, key)
        if at >= 0 and bucket[at + _HALF : at + _RECORD] == self._token(example_id):
            del bucket[at : at + _RECORD]

    @property
    def size(self) -> int:
        """Bytes that the records take, with the room kept for more."""
        return sum(sys.getsizeof(bucket) for bucket in self._buckets if bucket is not None)

    def _bucket(self, key: bytes) -> bytearray:
        number = (key[0] << 8 | key[1]) & (_BUCKETS - 1)
        bucket = self._buckets[number]
        if bucket is None:
            bucket = self._buckets[number] = bytearray()
        return bucket

    def _token(self, example_id: str) -> bytes:
        try:
            token = bytes.fromhex(example_id)
        except ValueError:
            token = b""
        if len(token) == _HALF and token.hex() == example_id:
            return token
        # an id that is no content address: its name is kept beside
        token = hashlib.blake2b(example_id.encode("utf-8", "surrogatepass"), digest_size=_HALF).digest()
        self._names[token] = example_id
        return token


def _find(bucket: bytearray, key: bytes) -> int:
    at = bucket.find(key)
    # a find that straddles records is chance, but it is none of them
    while at > 0 and at % _RECORD:
        at = bucket.find(key, at + 1)
    return at
