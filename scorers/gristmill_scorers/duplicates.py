"""Gates against saying the same thing twice: exact copies, and near copies found by MinHash."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, PrivateAttr
from rapidfuzz import fuzz

from gristmill.records import Example, Item
from gristmill.registry import Blocked, Gate, Passed


class Sides(NamedTuple):
    """The two halves of an example that are compared: what is asked, and what is answered."""

    asked: str
    answered: str


def sides(example: Example) -> Sides:
    """Both halves in plain words: no case, no punctuation, white space of one kind."""
    asked = [m["content"] for m in example.messages if m["role"] != "assistant"]
    answered = [m["content"] for m in example.messages if m["role"] == "assistant"]
    answered += [text for text in (example.chosen, example.rejected) if text is not None]
    return Sides(plain("\n".join(asked)), plain("\n".join(answered)))


def plain(text: str) -> str:
    """Words and the operators of code; marks that only format (``*``, ``-``, ``#``, ``|``) do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"\w+(?:[.,]\w+)*|[=<>]=?|!=|[+/%]", folded))


class ExactDuplicates(Gate):
    """Blocks an example that says what an earlier one of its kind said, case and punctuation aside.

    The first example to arrive stays; its id is in the detail.
    """

    compare: Literal["example", "instruction"] = Field(
        default="example", description="Compare whole examples, or only what is asked."
    )
    _seen: dict[str, str] = PrivateAttr(default_factory=dict)

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked when the same text was seen under another id."""
        # the same id again is the same row decided again, not a copy
        first = self._seen.setdefault(self._key(item.example), item.example.id)
        return Passed() if first == item.example.id else Blocked("exact-duplicate", f"of {first}")

    def preload(self, examples: Iterable[Example]) -> None:
        for example in examples:
            self._seen.setdefault(self._key(example), example.id)

    def forget(self, example: Example) -> None:
        key = self._key(example)
        if self._seen.get(key) == example.id:
            del self._seen[key]

    def _key(self, example: Example) -> str:
        asked, answered = sides(example)
        parts = [example.kind, asked] if self.compare == "instruction" else [example.kind, asked, answered]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


class _Kept(NamedTuple):
    id: str
    kind: str
    sides: Sides
    numbers: tuple[list[str], list[str]]


class NearDuplicates(Gate):
    """Blocks an example that says nearly what an earlier one of its kind said.

    Candidates come from a MinHash index (rensa, 128 permutations, 32 bands over five-character
    shingles); rapidfuzz then decides: question and response must each be ``threshold`` alike. Rows that
    differ in a number are different facts, unless ``ignore_numbers`` says otherwise.
    """

    version: ClassVar[str] = "1"
    threshold: float = Field(default=0.9, gt=0.5, le=1, description="Likeness of both halves, 0.5 to 1.")
    ignore_numbers: bool = Field(default=False, description="Whether other numbers still make a duplicate.")
    _rows: dict[int, _Kept] = PrivateAttr(default_factory=dict)
    _keys: dict[str, int] = PrivateAttr(default_factory=dict)
    _next: int = PrivateAttr(default=0)
    _index: Any = PrivateAttr(default=None)

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked when an earlier example is nearly the same; the earliest such one is named."""
        if item.example.id in self._keys:
            return Passed()
        row, sketch = self._read(item.example)
        for key in sorted(self._lsh().query(sketch)):
            likeness = self._likeness(row, self._rows[key])
            if likeness >= self.threshold:
                return Blocked("near-duplicate", f"of {self._rows[key].id}, {likeness:.2f} alike")
        self._keep(row, sketch)
        return Passed()

    def preload(self, examples: Iterable[Example]) -> None:
        for example in examples:
            if example.id not in self._keys:
                self._keep(*self._read(example))

    def forget(self, example: Example) -> None:
        key = self._keys.pop(example.id, None)
        if key is not None:
            del self._rows[key]
            self._lsh().remove(key)

    def _lsh(self) -> Any:
        if self._index is None:
            from rensa import RMinHashLSH

            self._index = RMinHashLSH(threshold=self.threshold, num_perm=_PERMUTATIONS, num_bands=_BANDS)
        return self._index

    def _read(self, example: Example) -> tuple[_Kept, Any]:
        from rensa import RMinHash

        both = sides(example)
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update(_shingles(f"{both.asked} {both.answered}"))
        numbers = (_numbers(both.asked), _numbers(both.answered))
        return _Kept(example.id, example.kind, both, numbers), sketch

    def _keep(self, row: _Kept, sketch: Any) -> None:
        self._lsh().insert(self._next, sketch)
        self._rows[self._next] = row
        self._keys[row.id] = self._next
        self._next += 1

    def _likeness(self, row: _Kept, other: _Kept) -> float:
        """The less alike of the two halves, 0 to 1."""
        # a preference pair may hold the very answer that an instruction row holds
        if row.kind != other.kind or (not self.ignore_numbers and row.numbers != other.numbers):
            return 0.0
        least = self.threshold * 100
        # with a cut-off rapidfuzz gives up early, which most pairs allow
        asked = fuzz.ratio(row.sides.asked, other.sides.asked, score_cutoff=least)
        answered = fuzz.ratio(row.sides.answered, other.sides.answered, score_cutoff=least) if asked else 0.0
        return min(asked, answered) / 100


_PERMUTATIONS = 128
_BANDS = 32
_SEED = 42
_WIDTH = 5


def _shingles(text: str) -> list[str]:
    if len(text) <= _WIDTH:
        return [text]
    return sorted({text[i : i + _WIDTH] for i in range(len(text) - _WIDTH + 1)})


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:[.,]\d+)*", text))
