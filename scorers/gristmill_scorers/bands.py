"""An index of MinHash signatures in bands (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4).

Two rows meet when all values of one band are equal. Here they must also agree in a text of their own (the
kind of row and its numbers): rows of one form that differ in a number share most bands, and thousands of
candidates that are then put aside one by one make the work quadratic.
"""

from __future__ import annotations

from collections.abc import Iterator

BANDS = 32


class Bands:
    """Numbers of rows by the bands of their signatures; 128 values of 32 bits make 32 bands of four."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        # Hashes as keys: a collision brings one candidate too many, which is compared and put aside.
        self._buckets: dict[int, int | list[int]] = {}

    def candidates(self, about: str, signature: bytes) -> list[int]:
        """Rows that share a band and agree in ``about``, in the order of their numbers."""
        found: set[int] = set()
        for place in _places(about, signature):
            bucket = self._buckets.get(place)
            if isinstance(bucket, int):
                found.add(bucket)
            elif bucket is not None:
                found.update(bucket)
        return sorted(found)

    def insert(self, number: int, about: str, signature: bytes) -> None:
        """Add a row."""
        for place in _places(about, signature):
            bucket = self._buckets.setdefault(place, number)
            if isinstance(bucket, list):
                bucket.append(number)
            elif bucket != number:
                self._buckets[place] = [bucket, number]

    def remove(self, number: int, about: str, signature: bytes) -> None:
        """Take a row out again."""
        for place in _places(about, signature):
            bucket = self._buckets.get(place)
            if isinstance(bucket, list) and number in bucket:
                bucket.remove(number)
                if not bucket:
                    del self._buckets[place]
            elif bucket == number:
                del self._buckets[place]


def _places(about: str, signature: bytes) -> Iterator[int]:
    width = len(signature) // BANDS
    return (hash((about, band, signature[band * width : (band + 1) * width])) for band in range(BANDS))
