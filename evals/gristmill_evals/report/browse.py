"""Items to browse with filters of the report's own choice: answers of a model, or of two side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Texts = tuple[tuple[str, str], ...]
"""Pairs of a title and a text."""


@dataclass(frozen=True, slots=True)
class BrowseItem:
    """One item to read.

    ``facets`` are its values for the filters of :class:`Browse`, in that order. ``parts`` stand below each
    other, ``sides`` beside each other, ``facts`` are small print.
    """

    id: str
    badge: str
    lead: str
    facets: tuple[str, ...]
    parts: Texts
    sides: Texts = ()
    facts: Texts = ()
    tone: Literal["plain", "good", "bad"] = "plain"

    def texts(self) -> Iterator[str]:
        """All that is long in it."""
        yield from (text for _, text in (*self.parts, *self.sides))


@dataclass(frozen=True, slots=True)
class Browse:
    """Items to browse; ``filters`` names what they can be filtered by, ``noun`` what they are."""

    filters: tuple[str, ...]
    items: tuple[BrowseItem, ...]
    noun: str = "items"

    def choices(self) -> list[tuple[int, str, list[str]]]:
        """The filters that have something to choose: place among the facets, name, values."""
        found = [
            (place, name, sorted({item.facets[place] for item in self.items} - {""}))
            for place, name in enumerate(self.filters)
        ]
        return [(place, name, values) for place, name, values in found if len(values) > 1]
