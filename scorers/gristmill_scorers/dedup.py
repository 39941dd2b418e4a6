"""Duplicates in rows outside a run: the gates' own comparison, with the reading apart from the deciding.

Reading a row (plain text, hash, MinHash sketch) needs nothing but the row, so it can be done anywhere;
deciding goes through the rows in order and keeps the first of every group, as the gates do in a run.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from gristmill.errors import UsageError
from gristmill.records import Example, Message, Origin
from gristmill_scorers.duplicates import ExactDuplicates, Kept, NearDuplicates

Reason = Literal["exact-duplicate", "near-duplicate"]
Numbered = tuple[int, Mapping[str, Any]]
_ASKED = ("prompt", "instruction", "input")
_ANSWERED = ("text", "response", "output")
_CURE = "a row has any of text, messages, instruction/response, prompt/chosen/rejected"
_ORIGIN = Origin("dedup", "1")


class Read(NamedTuple):
    """What deciding needs of a row; ``near`` is None when near duplicates are not looked for."""

    number: int
    key: bytes
    near: tuple[Kept, bytes] | None


class Duplicate(NamedTuple):
    """``first`` is the place, among the rows kept so far, of the row that this one repeats."""

    reason: Reason
    first: int
    likeness: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How rows are compared: the arguments of ``exact_duplicates`` and ``near_duplicates``.

    ``threshold`` None looks for exact duplicates only.
    """

    compare: Literal["example", "instruction"] = "example"
    threshold: float | None = None
    ignore_numbers: bool = False

    def exact(self) -> ExactDuplicates:
        """The gate for exact copies."""
        return ExactDuplicates(compare=self.compare)

    def near(self) -> NearDuplicates | None:
        """The gate for near copies."""
        if self.threshold is None:
            return None
        return NearDuplicates(threshold=self.threshold, ignore_numbers=self.ignore_numbers)

    def open(self) -> Callable[[Sequence[Numbered]], list[Read]]:
        """For workers: reads a batch of rows with their numbers."""
        exact, near = self.exact(), self.near()

        def work(batch: Sequence[Numbered]) -> list[Read]:
            examples = [(number, example_of(row, number)) for number, row in batch]
            return [Read(n, exact.key(e), near.read(e) if near is not None else None) for n, e in examples]

        return work


@dataclass(slots=True)
class Deciding:
    """Which rows stay: ``kept`` so many; ``groups`` has the number of copies by the place of the first."""

    comparison: Comparison
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    groups: Counter[int] = field(default_factory=Counter)
    _exact: ExactDuplicates = field(init=False)
    _near: NearDuplicates | None = field(init=False)

    def __post_init__(self) -> None:
        self._exact, self._near = self.comparison.exact(), self.comparison.near()

    def decide(self, read: Read) -> Duplicate | None:
        """None keeps the row; rows must come in order."""
        found = self._found(read)
        if found is None:
            self.kept += 1
            return None
        self.reasons[found.reason] += 1
        self.groups[found.first] += 1
        return found

    def _found(self, read: Read) -> Duplicate | None:
        # The place that the row will have, written like a content address: 16 bytes in the memory.
        name, seen = f"{self.kept:032x}", self._exact.memory.seen
        first = seen.first(read.key, name)
        if first != name:
            return Duplicate("exact-duplicate", int(first, 16), 1.0)
        if self._near is None or read.near is None:
            return None
        row, signature = read.near
        met = self._near.met(row._replace(id=name, about=sys.intern(row.about)), signature)
        if met is None:
            return None
        seen.forget(read.key, name)
        return Duplicate("near-duplicate", int(met[0], 16), met[1])


def example_of(row: Mapping[str, Any], number: int) -> Example:
    """A JSONL row as the gates see it.

    Raises:
        UsageError: none of the known text fields, or one of another type.
    """
    where = f"row {number}"
    asked: list[Message] = [{"role": "user", "content": text} for text in _texts(row, _ASKED, where)]
    answered: list[Message] = [{"role": "assistant", "content": t} for t in _texts(row, _ANSWERED, where)]
    turns = _turns(row.get("messages"), "messages", where)
    sides = [_side(row, name, where) for name in ("chosen", "rejected")]
    if not (asked or answered or turns or any(side is not None for side in sides)):
        raise UsageError("the row has no text", where=where, cure=_CURE)
    messages = (*asked, *turns, *answered)
    kind: Literal["preference", "instruction"] = "preference" if sides[0] is not None else "instruction"
    return Example(str(number), kind, messages, sides[0], sides[1], (), _ORIGIN)


def _texts(row: Mapping[str, Any], names: Sequence[str], where: str) -> list[str]:
    found: list[str] = []
    for name in names:
        value = row.get(name)
        if isinstance(value, list):
            found += [turn["content"] for turn in _turns(value, name, where)]
        elif value is not None:
            found.append(_text(value, name, where))
    return found


def _side(row: Mapping[str, Any], name: str, where: str) -> str | None:
    found = _texts(row, (name,), where)
    return "\n".join(found) if found else None


def _turns(value: Any, name: str, where: str) -> list[Message]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(turn, Mapping) for turn in value):
        raise UsageError(f"{name} is neither a text nor a list of messages", where=where, cure=_CURE)
    return [
        {"role": "assistant" if turn.get("role") == "assistant" else "user", "content": turn["content"]}
        for turn in value
        if isinstance(turn.get("content"), str)
    ]


def _text(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is neither a text nor a list of messages", where=where, cure=_CURE)
    return value
