"""Which items a page shows, and how much of their texts: bounded whatever the size of the run."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from gristmill_evals.report.browse import BrowseItem, Texts

T = TypeVar("T")
SEED = "gristmill"
LONGEST, SHORTEST = 6000, 200
BUDGET = 2_500_000
"""Bytes of text of all items, so that the page stays below 5 MB."""


def drawn(
    entries: Iterable[T], stratum: Callable[[T], Hashable], name: Callable[[T], str], most: int
) -> list[T]:
    """At most ``most`` entries, as evenly from each stratum as can be, the same ones every time.

    Within a stratum they come in the order of a hash of their name, the strata in that of their first entry.
    """
    strata: dict[Hashable, list[T]] = {}
    for entry in entries:
        strata.setdefault(stratum(entry), []).append(entry)
    ranked = [
        sorted(found, key=lambda entry: hashlib.md5(f"{SEED} {name(entry)}".encode()).digest())  # noqa: S324
        for found in strata.values()
    ]
    chosen: list[list[T]] = [[] for _ in ranked]
    left, place = most, 0
    while left > 0 and any(place < len(found) for found in ranked):
        for found, kept in zip(ranked, chosen, strict=True):
            if place < len(found) and left > 0:
                kept.append(found[place])
                left -= 1
        place += 1
    return [entry for kept in chosen for entry in kept]


def within(items: Sequence[BrowseItem]) -> list[BrowseItem]:
    """The items, their long texts cut so far that together they stay under :data:`BUDGET` bytes."""
    limit = LONGEST
    while True:
        cut_items = [_cut_item(item, limit) for item in items]
        if limit <= SHORTEST or sum(map(_size, cut_items)) <= BUDGET:
            return cut_items
        limit //= 2


def cut(text: str, limit: int) -> str:
    """A text of at most ``limit`` characters, and how many more there were."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def _cut_item(item: BrowseItem, limit: int) -> BrowseItem:
    def short(texts: Texts) -> Texts:
        return tuple((title, cut(text, limit)) for title, text in texts)

    return replace(
        item,
        lead=cut(item.lead, 200),
        parts=short(item.parts),
        sides=short(item.sides),
        facts=short(item.facts),
    )


def _size(item: BrowseItem) -> int:
    return sum(len(html.escape(text).encode("utf-8", "replace")) for text in item.texts())
