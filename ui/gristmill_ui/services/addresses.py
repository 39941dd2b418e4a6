"""The whole filter in the address of the page: a link shows its reader the same rows.

An address is complete in itself: what it does not name is not filtered by, whatever the page usually shows.
Rows like another one are named by that row (``like=ID``), so that the address stays short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, get_args

from gristmill_data.store import Filters
from gristmill_data.store.queue import STATUSES, Order
from gristmill_data.store.tables import utc

NAMES = {
    "status": "status", "kind": "kind", "generator": "generator", "model": "model", "source": "uri",
    "label": "label", "reviewer": "reviewer", "reason": "tags", "problem": "judge_reason", "q": "search",
    "scorer": "scorer", "min": "min_score", "max": "max_score", "order": "order", "stale": "stale",
    "prompt": "prompt", "row": "ids", "since": "since",
}  # fmt: skip
"""Name in the address -> field of the filters."""

LIKE = "like"
MOST_ROWS = 50
"""More rows than this make an address too long for some programs that pass it on."""

Params = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks for: filters, and the id of the row that the others are to be like, if any."""

    filters: Filters
    like: str = ""


def to_params(question: Question, usual: Filters) -> Params:
    """The address of a question; empty when it is what the page shows anyway."""
    if not question.like and question.filters == replace(usual, viewer=question.filters.viewer):
        return {}
    return absolute(question)


def absolute(question: Question) -> Params:
    """The address of a question for any page, whatever that shows usually."""
    filters = replace(question.filters, ids=() if question.like else question.filters.ids[:MOST_ROWS])
    nothing, found = Filters(status=()), Params()
    for name, field in NAMES.items():
        value = getattr(filters, field)
        if value != getattr(nothing, field):
            found[name] = _texts(value)
    if question.like:
        found[LIKE] = [question.like]
    return found or {"status": ["any"]}


def from_params(params: Mapping[str, Sequence[str]], viewer: str) -> tuple[Question, list[str]]:
    """The question an address asks, and what in it cannot be understood, in words."""
    found, problems = dict[str, Any](), list[str]()
    kinds = {field.name: str(field.type) for field in fields(Filters)}
    for name, field in NAMES.items():
        texts = [text for text in params.get(name, ()) if text]
        if not texts or texts == ["any"]:
            continue
        try:
            found[field] = _value(field, kinds[field], texts)
        except ValueError:
            problems.append(f"“{name}={texts[0]}” in the address means nothing here and was left out.")
    if found.get("min_score", 0.0) > found.get("max_score", 1.0):
        problems.append("The lowest score in the address is above the highest: neither was used.")
        del found["min_score"], found["max_score"]
    filters = Filters(**{"status": (), **found, "viewer": viewer})
    return Question(filters, next(iter(params.get(LIKE, ())), "")), problems


def is_filter(params: Mapping[str, Sequence[str]]) -> bool:
    """Whether an address asks for anything."""
    return any(name in params for name in (*NAMES, LIKE))


def beside(unseen: Mapping[str, Any]) -> list[str]:
    """Filters that no control shows, in words."""
    said = []
    if unseen.get("prompt"):
        said.append("rows made with one prompt version")
    if ids := unseen.get("ids"):
        said.append("one chosen row" if len(ids) == 1 else f"{len(ids):,} chosen rows")
    if since := unseen.get("since"):
        said.append(f"rows since {since:%Y-%m-%d %H:%M} UTC")
    return said


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:  # also what is no number at all
        raise ValueError(text)
    return number


def _texts(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [str(one) for one in value]
    if isinstance(value, bool):
        return ["yes"]
    return [
        value.isoformat()
        if isinstance(value, datetime)
        else f"{value:g}"
        if isinstance(value, float)
        else value
    ]


def _value(field: str, kind: str, texts: Sequence[str]) -> Any:
    """One field's value.

    Raises:
        ValueError: it is none.
    """
    if kind.startswith("tuple"):
        if field == "status" and not {*texts} <= {*STATUSES}:
            raise ValueError(texts)
        return tuple(texts)
    if kind.startswith("float"):
        return _share(texts[0])
    if kind.startswith("datetime"):
        return utc(texts[0])
    if kind == "bool":
        return texts[0] == "yes"
    if field == "order" and texts[0] not in get_args(Order):
        raise ValueError(texts[0])
    return texts[0]
