"""How many rows a chunk gives, with what that leaves open; the arithmetic behind forecasts of a target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

Z90 = 1.6448536269514722  # 90 % of a normal distribution lie this many deviations around its mean


class Range(NamedTuple):
    """An estimate with its 90 % interval."""

    mid: float
    low: float
    high: float

    def as_json(self, digits: int = 0) -> dict[str, float | None]:
        """Rounded; a bound that does not exist is null."""
        kept = {name: round(value, digits) if math.isfinite(value) else None for name, value in self.named()}
        return {name: int(v) if v is not None and not digits else v for name, v in kept.items()}

    def named(self) -> list[tuple[str, float]]:
        """The three numbers with their names."""
        return list(zip(("mid", "low", "high"), self, strict=True))


@dataclass(slots=True)
class Yield:
    """Rows that whole chunks gave, each 0 to ``most``.

    The interval of the mean is Wilson's (1927) for the share of rows asked for that were got, with their
    number deflated by the design effect (Kish 1965) because rows of one chunk depend on each other; where
    no two chunks differ, it is the number of chunks.
    """

    most: int
    chunks: int = 0
    rows: int = 0
    squares: int = 0

    def add(self, rows: int) -> None:
        """Count one chunk."""
        self.chunks += 1
        self.rows += rows
        self.squares += rows * rows

    @property
    def variance(self) -> float:
        """Of the rows of a chunk (divisor n - 1)."""
        if self.chunks < 2:
            return 0.0
        return max(0.0, (self.squares - self.rows**2 / self.chunks) / (self.chunks - 1))

    def mean(self) -> Range:
        """Rows a chunk; anything is possible before the first."""
        if not self.chunks:
            return Range(self.most / 2, 0.0, float(self.most))
        share = self.rows / (self.chunks * self.most)
        low, high = wilson(share, self._effective(share))
        return Range(share * self.most, low * self.most, high * self.most)

    def of(self, chunks: int) -> Range:
        """Rows that ``chunks`` further chunks will give: doubt about the mean, and their own scatter."""
        if not chunks:
            return Range(0.0, 0.0, 0.0)
        mean = self.mean()
        low, high = (self._edge(mean.mid, bound, chunks) for bound in (mean.low, mean.high))
        return Range(mean.mid * chunks, max(0.0, low), min(high, float(self.most * chunks)))

    def _edge(self, mid: float, bound: float, chunks: int) -> float:
        share = bound / self.most
        # Where all chunks were alike the sample's variance is 0, the next one's need not be.
        scatter = max(self.variance, self.most * share * (1 - share))
        off = math.hypot((bound - mid) * chunks, Z90 * math.sqrt(scatter * chunks))
        return mid * chunks + math.copysign(off, bound - mid)

    def _effective(self, share: float) -> float:
        error = self.variance / (self.chunks * self.most**2)
        whole = float(self.chunks * self.most)
        return float(self.chunks) if error == 0 else max(1.0, min(whole, share * (1 - share) / error))


def wilson(share: float, n: float) -> tuple[float, float]:
    """90 % Wilson score interval of a share seen in ``n`` (effective) trials."""
    scale = 1 + Z90**2 / n
    centre = (share + Z90**2 / (2 * n)) / scale
    half = Z90 * math.sqrt(share * (1 - share) / n + Z90**2 / (4 * n * n)) / scale
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def student(freedom: int) -> float:
    """The 95 % point of Student's t (Abramowitz and Stegun 26.7.5; within 1 % from 3 degrees up)."""
    z = Z90
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    exact = {1: 6.314, 2: 2.920}
    return exact.get(freedom) or z + sum(term / freedom ** (i + 1) for i, term in enumerate(terms))
