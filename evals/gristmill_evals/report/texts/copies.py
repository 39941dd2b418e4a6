"""Rows that say nearly what another row says: candidates by MinHash, decided by edit likeness.

As the gate ``near_duplicates`` decides (Broder 1997, "On the resemblance and containment of documents"; bands
after Leskovec, Rajaraman and Ullman, "Mining of massive datasets", 3.4), but every row is compared with all
others and not with earlier ones only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from gristmill_evals.report.texts.words import words

THRESHOLD = 0.8
PERMUTATIONS, BANDS, SEED, WIDTH = 128, 32, 42, 5
BATCH, HEAD = 250, 2000
"""Rows sketched at once, and the characters of each half that are looked at."""
FEWEST, COMPARED = 3, 8_000
MOST_CANDIDATES = 30
"""Rows that a row is compared with; of a template with thousands of rows a few are enough to see it."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Text:
    """A row to compare: ``kind`` must be equal, both halves must be alike."""

    kind: str
    asked: str
    answered: str

    @classmethod
    def of(cls, kind: str, asked: str, answered: str) -> Text:
        """Words only: case, marks and white space do not count; of long halves the first :data:`HEAD`."""
        return cls(kind, " ".join(words(asked))[:HEAD], " ".join(words(answered))[:HEAD])

    @property
    def numbers(self) -> tuple[list[str], list[str]]:
        """The numbers of both halves."""
        return sorted(_NUMBER.findall(self.asked)), sorted(_NUMBER.findall(self.answered))


@dataclass(frozen=True, slots=True)
class Copy:
    """Two rows (by place), how alike their less alike halves are, and whether a number differs."""

    first: int
    second: int
    likeness: float
    numbers_differ: bool


def near_copies(rows: Sequence[Text], threshold: float = THRESHOLD) -> list[Copy]:
    """Pairs at least so alike, in the order of their rows: every row that has a near copy is in one."""
    if len(rows) < 2:
        return []
    found = []
    for number, candidates in _candidates(rows):
        for other in candidates:
            likeness = _likeness(rows[number], rows[other], threshold)
            if likeness >= threshold:
                differ = rows[number].numbers != rows[other].numbers
                found.append(Copy(other, number, likeness, differ))
                if not differ:
                    break  # the latest one is enough: it has met those before it
    return found


def _candidates(rows: Sequence[Text]) -> Iterator[tuple[int, list[int]]]:
    """For each row the earlier ones of its kind that share a band of its MinHash, the latest first."""
    from rensa import RMinHash

    width = PERMUTATIONS // BANDS
    buckets: dict[tuple[str, int, tuple[int, ...]], list[int]] = defaultdict(list)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        tokens = [_shingles(f"{row.asked} {row.answered}") for row in part]
        digests = RMinHash.digests_from_token_sets(tokens, PERMUTATIONS, SEED)
        for number, (row, digest) in enumerate(zip(part, digests, strict=True), start=start):
            met: set[int] = set()
            for band in range(BANDS):
                bucket = buckets[row.kind, band, tuple(digest[band * width : (band + 1) * width])]
                met.update(bucket)
                bucket.append(number)
                del bucket[:-MOST_CANDIDATES]
            # comparing takes time with the square of the length
            most = COMPARED // (1 + len(row.asked) + len(row.answered))
            yield number, sorted(met, reverse=True)[: max(FEWEST, min(MOST_CANDIDATES, most))]


def _shingles(text: str) -> list[str]:
    return [text[place : place + WIDTH] for place in range(max(1, len(text) - WIDTH + 1))]


def _likeness(row: Text, other: Text, threshold: float) -> float:
    """The less alike of the two halves, 0 to 1; 0 below the threshold."""
    least = threshold * 100
    asked = fuzz.ratio(row.asked, other.asked, score_cutoff=least)
    answered = fuzz.ratio(row.answered, other.answered, score_cutoff=least) if asked else 0.0
    return min(asked, answered) / 100
