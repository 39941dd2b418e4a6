"""Filters as people set them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gristmill_data.store import Filters, Store
from gristmill_data.store.queue import Order
from gristmill_data.store.similar import similar_rows
from gristmill_ui.services.addresses import Question
from gristmill_ui.services.reasons import REASONS

ORDERS: dict[Order, str] = {
    "oldest": "Oldest first",
    "newest": "Newest first",
    "document": "As in the documents",
    "source": "Every source in turn",
    "uncertain": "Most doubtful first",
    "cluster": "Similar rows together",
    "score_low": "Lowest score first",
    "score_high": "Highest score first",
    "random": "Shuffled",
}

SEVERAL: dict[str, tuple[str, str]] = {
    "kind": ("Kind", "kind"),
    "generator": ("Generator", "generator"),
    "model": ("Model", "model"),
    "uri": ("Source", "uri"),
    "label": ("Benchmark match", "label"),
    "tags": ("Reviewers' reasons", "tags"),
    "judge_reason": ("Found by the run", "reason"),
}
"""Field of the filters -> what it is called, and the facet that has its values."""

FIELDS = ("status", *SEVERAL, "reviewer", "scorer", "min_score", "max_score", "stale")


def bounds(chosen: tuple[float, float]) -> tuple[float | None, float | None]:
    """A range of scores as bounds; the ends of the scale mean no bound, so that unscored rows stay in."""
    low, high = chosen
    return (low if low > 0 else None, high if high < 1 else None)


def active(filters: Filters, usual: Filters) -> int:
    """How many filters are set otherwise than usual."""
    pairs = [(getattr(filters, name), getattr(usual, name)) for name in FIELDS]
    return sum(mine != theirs for mine, theirs in pairs)


def value_label(field: str) -> Callable[[str], str]:
    """How values of a field are shown: reasons in words, the others as they are."""
    labels: dict[str, Callable[[str], str]] = {
        "tags": lambda tag: REASONS.get(tag, tag),
        "judge_reason": in_words,
    }
    return labels.get(field, str)


def in_words(reason: str) -> str:
    """A reason of the machine (``low-score:answer``) as people read it."""
    return reason.replace("-", " ").replace(":", ": ")


@dataclass(frozen=True, slots=True)
class Comparing:
    """Texts are being compared for the first time: how many rows of how many are done."""

    done: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0


def near(store: Store, example_id: str) -> dict[str, float] | Comparing:
    """The row itself and those that read like it, with how alike they are (0 to 1)."""
    index = similar_rows(store)
    found = index.nearest(store, example_id)
    return Comparing(index.done, index.total) if found is None else {example_id: 1.0, **dict(found)}


def with_rows(question: Question, found: Mapping[str, float]) -> Filters:
    """The filters of a question, with the rows found to be alike; with none found, the row asked about."""
    if not question.like:
        return question.filters
    return replace(question.filters, ids=tuple(found) or (question.like,))
