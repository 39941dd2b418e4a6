"""Rows with the same fault as one: what they share with it, to be looked through or decided together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gristmill_data.store import Filters, ItemView, Store
from gristmill_data.store.bulk import count
from gristmill_data.store.similar import similar_rows
from gristmill_ui.services.addresses import Question
from gristmill_ui.services.filters import Comparing, in_words, near

OPEN = ("pending", "disputed", "accepted")
"""Rows that somebody may still have to reject."""
MACHINE = ("machine_rejected", "failed")
LIKE = "like"
EAGER = 50_000
"""Rows that are compared without being asked for, after a rejection."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a row shares with others: the filters that keep those, how many they are besides this row.

    ``rows`` is None while they are not known yet (texts are being compared).
    """

    name: str
    label: str
    filters: Mapping[str, Any]
    rows: int | None


def features(store: Store, item: ItemView, viewer: str, *, scored: bool) -> list[Feature]:
    """What the row shares with rows that are not rejected yet, each with their number; none without any.

    ``scored``: its scores too, which nobody is told before their verdict.
    """
    base = _base(item, viewer)
    found = [_alike(store, item, base)]
    for name, label, keep in [*_shared(item), *(_score(item) if scored else ())]:
        found.append(Feature(name, label, keep, number(store, item, replace(base, **keep))))
    return [feature for feature in found if feature.rows != 0]


def alike(store: Store, example_id: str, viewer: str) -> int | None:
    """How many rows that are not rejected yet read like this one; None while texts are compared."""
    item = store.item(example_id)
    return _alike(store, item, _base(item, viewer)).rows


def is_quick(store: Store) -> bool:
    """Whether the texts are compared, or soon will be; else that is done when somebody asks for it."""
    return similar_rows(store).behind(store) <= EAGER


def together(store: Store, item: ItemView, chosen: Iterable[Feature], viewer: str) -> Question:
    """The rows that share all that is chosen; this row is among them only if it is not rejected."""
    kept: dict[str, Any] = {}
    for feature in chosen:
        kept |= feature.filters
    like = str(kept.pop(LIKE, ""))
    return Question(replace(_base(item, viewer), **kept), like)


def offer(number: int | None) -> str | None:
    """What the button after a rejection says: None while counting, empty for no row, -1 for not counted."""
    if number is None or not number:
        return None if number is None else ""
    if number < 0:
        return "Rows like that one …"
    return "1 row like that one" if number == 1 else f"{number:,} rows like that one"


def _base(item: ItemView, viewer: str) -> Filters:
    status = (*OPEN, *MACHINE) if item.reason else OPEN
    return Filters(status=status, viewer=viewer, order="document")


def _alike(store: Store, item: ItemView, base: Filters) -> Feature:
    found = near(store, item.example.id)
    rows = None if isinstance(found, Comparing) else number(store, item, replace(base, ids=tuple(found)))
    return Feature(LIKE, "Read alike", {LIKE: item.example.id}, rows)


def _shared(item: ItemView) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, words and filters of what can be the same in other rows."""
    origin = item.example.generator
    found: list[tuple[str, str, dict[str, Any]]] = []
    if item.reason:
        found.append(
            ("reason", f"Found by the run: {in_words(item.reason)}", {"judge_reason": (item.reason,)})
        )
    found += [
        (f"label:{label}", f"Benchmark match: {label}", {"label": (label,)})
        for label in dict.fromkeys(match.label for match in item.matches)
    ]
    if item.uri:
        found.append(("document", f"Same document: {item.uri}", {"uri": (item.uri,)}))
    prompt = {"prompt": item.example.id}
    found.append(("prompt", f"Same prompt: {origin.name} {origin.version}, same settings", prompt))
    return found


def _score(item: ItemView) -> list[tuple[str, str, dict[str, Any]]]:
    valued = [(score.value, score.scorer) for score in item.scores if score.value is not None]
    if not valued:
        return []
    worst, scorer = min(valued)
    return [("score", f"Scored {worst:.2f} or less by {scorer}", {"scorer": scorer, "max_score": worst})]


def number(store: Store, item: ItemView, filters: Filters) -> int:
    """How many rows ``filters`` keep besides this one."""
    return count(store, filters) - includes(store, item, filters)


def includes(store: Store, item: ItemView, filters: Filters) -> bool:
    """Whether ``filters`` keep this row too: not once it is rejected."""
    here = item.example.id
    return (not filters.ids or here in filters.ids) and count(store, replace(filters, ids=(here,))) > 0
