"""How many rows are wanted, in all and of each kind: the recipe's ``target`` and its quotas."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

OTHER = "other"
REACHED = "target-reached"
FULL = "quota-full:"
SHOWN_VALUES = 10
PLAIN_FIELDS = ("kind", "generator", "document.uri", "document.media_type")
NESTED_FIELDS = ("metadata.", "document.metadata.")
MAX_LABEL = 120

Count = Annotated[int, Field(ge=0)]


class Target(BaseModel):
    """Stop with exactly ``accepted`` rows; ``per`` field, at most so many of each value.

    A quota is one number for every value of the field, or numbers by value (``other`` for all that are
    not named, which otherwise get none). ``order`` is that in which chunks are walked when there is a
    target: shuffled, so that an early stop does not leave rows of the first documents only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    accepted: int | None = Field(default=None, ge=1)
    per: dict[str, Count | dict[str, Count]] = {}
    order: Literal["shuffled", "document"] = "shuffled"

    @field_validator("per")
    @classmethod
    def _known_fields(cls, per: dict[str, Any]) -> dict[str, Any]:
        for name in per:
            nested = any(name.startswith(start) and len(name) > len(start) for start in NESTED_FIELDS)
            if not nested and name not in PLAIN_FIELDS:
                known = ", ".join((*PLAIN_FIELDS, *(f"{start}NAME" for start in NESTED_FIELDS)))
                raise ValueError(f"{name!r} is no field of a row; fields are {known}")
            if per[name] in (0, {}):
                raise ValueError(f"the quota of {name!r} lets no row through")
        return per

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for quota in self.quotas():
            room = quota.total
            if room is not None and self.accepted is not None and room < self.accepted:
                raise ValueError(
                    f"quotas of {quota.field!r} add up to {room}, less than accepted: {self.accepted}"
                )
        return self

    @property
    def active(self) -> bool:
        """Whether anything is limited."""
        return self.accepted is not None or bool(self.per)

    @property
    def goal(self) -> int | None:
        """Rows that will be accepted if the corpus has them; None when nothing sets an end."""
        totals = [quota.total for quota in self.quotas()]
        return min((n for n in (self.accepted, *totals) if n is not None), default=None)

    def quotas(self) -> list[Quota]:
        """A fresh count for every field with a quota."""
        return [
            Quota(name, limits=dict(limit) if isinstance(limit, Mapping) else None, each=_number(limit))
            for name, limit in self.per.items()
        ]


def _number(limit: int | dict[str, int]) -> int:
    return limit if isinstance(limit, int) else 0


@dataclass(slots=True)
class Quota:
    """Rows counted by the value of one field. A value that is not named counts as ``other``."""

    field: str
    limits: dict[str, int] | None = None
    each: int = 0
    counts: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def total(self) -> int | None:
        """Sum of the limits by value, None when each value has the same one."""
        return None if self.limits is None else sum(self.limits.values())

    @property
    def full(self) -> bool:
        """No value of the field has room."""
        return self.limits is not None and all(self.room(label) <= 0 for label in self.limits)

    def label(self, value: str) -> str:
        """Under which name a value is counted."""
        return value if self.limits is None or value in self.limits else OTHER

    def room(self, label: str) -> int:
        """How many more rows of a label may be accepted."""
        limit = self.each if self.limits is None else self.limits.get(label, 0)
        return limit - self.counts[label]


def value_of(name: str, row: Mapping[str, Any]) -> str:
    """The value of a dotted field of a row as text; ``none`` when it has none.

    ``row`` has the keys kind, generator, metadata and document (itself with uri, media_type, metadata).
    """
    found: Any = row
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return "none"
    if isinstance(found, bool):
        return str(found).lower()
    return (found if isinstance(found, str) else str(found))[:MAX_LABEL]


def grouped(reasons: Counter[str]) -> list[tuple[str, int]]:
    """Reasons by count; of a field's full quotas the ten most frequent, all others together.

    A quota of so many rows a document can be full for every document.
    """
    shown: Counter[str] = Counter()
    values: Counter[str] = Counter()
    for reason, count in reasons.most_common():
        if reason.startswith(FULL):
            name = reason.partition("=")[0]
            values[name] += 1
            if values[name] > SHOWN_VALUES:
                reason = f"{name}=… (further values)"
        shown[reason] += count
    return shown.most_common()
