"""An item, and what a rule made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from gristmill_evals.contamination.benchmark import BenchmarkItem

Kind = Literal["numbers", "names", "options", "rewording"]
KINDS: tuple[Kind, ...] = ("numbers", "names", "options", "rewording")
ORIGINAL: Literal["original"] = "original"


@dataclass(frozen=True, slots=True)
class Variant:
    """One version of an item; ``item`` has the original's id.

    ``order`` says of a permutation which original option stands at each place. ``changes`` are the old and
    new names or numbers, for people.
    """

    kind: Kind | Literal["original"]
    item: BenchmarkItem
    number: int = 0
    order: tuple[int, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``original``, ``names-1`` …"""
        return self.kind if self.kind == ORIGINAL else f"{self.kind}-{self.number}"

    @property
    def id(self) -> str:
        """The id of its sample."""
        return self.item.id if self.kind == ORIGINAL else f"{self.item.id}#{self.name}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why a rule made nothing of an item: a short stable slug."""

    reason: str


Rule = Callable[[BenchmarkItem, int, Random], list[Variant] | LeftOut]
"""A rule makes up to so many variants of an item, or says why it makes none."""
