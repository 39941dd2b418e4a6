"""Filters as people set them."""

from __future__ import annotations

from gristmill_data.store import Filters
from gristmill_data.store.queue import Order

ORDERS: dict[Order, str] = {
    "oldest": "Oldest first",
    "newest": "Newest first",
    "document": "As in the documents",
    "score_low": "Lowest score first",
    "score_high": "Highest score first",
    "random": "Shuffled",
}


FIELDS = ("status", "kind", "generator", "uri", "reviewer", "scorer", "min_score", "max_score", "stale")


def bounds(chosen: tuple[float, float]) -> tuple[float | None, float | None]:
    """A range of scores as bounds; the ends of the scale mean no bound, so that unscored rows stay in."""
    low, high = chosen
    return (low if low > 0 else None, high if high < 1 else None)


def active(filters: Filters, usual: Filters) -> int:
    """How many filters are set otherwise than usual."""
    pairs = [(getattr(filters, name), getattr(usual, name)) for name in FIELDS]
    return sum(mine != theirs for mine, theirs in pairs)
