"""Gates against saying the same thing twice: exact copies, and near copies found by MinHash."""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from array import array
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, PrivateAttr
from rapidfuzz import fuzz

from gristmill.records import Example, Item
from gristmill.registry import Blocked, Gate, Passed
from gristmill_scorers.bands import Bands
from gristmill_scorers.checks.text import spaced
from gristmill_scorers.seen import Seen


class Sides(NamedTuple):
    """The two halves of an example that are compared: what is asked, and what is answered."""

    asked: str
    answered: str


def sides(example: Example) -> Sides:
    """Both halves in plain words: no case, no punctuation, white space of one kind."""
    return Sides(_asked(example), _answered(example))


def _asked(example: Example) -> str:
    return plain("\n".join([m["content"] for m in example.messages if m["role"] != "assistant"]))


def _answered(example: Example) -> str:
    texts = [m["content"] for m in example.messages if m["role"] == "assistant"]
    texts += [text for text in (example.chosen, example.rejected) if text is not None]
    return plain("\n".join(texts))


_TOKEN = re.compile(r"\w+(?:[.,]\w+)*|[=<>]=?|!=|[+/%]")
_SIGNS = b"=<>!+/%"
_IN_WORDS = b"abcdefghijklmnopqrstuvwxyz0123456789_.," + _SIGNS
_SMALL = bytes(b + 32 if 65 <= b <= 90 else b if b in _IN_WORDS else 32 for b in range(256))
# a dot or comma that does not stand between two characters of a word
_LOOSE = re.compile(r"[.,](?:(?!\w)|(?<!\w.))")


def plain(text: str) -> str:
    """Words and the operators of code; marks that only format (``*``, ``-``, ``#``, ``|``) do not count."""
    bare = spaced(text)
    small = _small(bare) if bare.isascii() else None
    if small is not None:
        return small
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))


def _small(text: str) -> str | None:
    """The tokens found by a table and a few replacements; None where it takes the pattern."""
    small = text.encode().translate(_SMALL) + b" "
    if len(small.translate(None, _SIGNS)) != len(small):
        if b"=" in small:
            return None
        for sign in (b"<", b">", b"+", b"/", b"%"):
            small = small.replace(sign, b" " + sign + b" ")
        small = small.replace(b"!", b" ")
    small = small.replace(b". ", b" ").replace(b", ", b" ")
    words = small.decode()
    if (b"." in small or b"," in small) and _LOOSE.search(words):
        return None
    return " ".join(words.split())


_PASSED = Passed()


class _Memory:
    """What was seen, and the key last made: the gates that follow block at once, then it is still at hand."""

    __slots__ = ("key", "last", "seen")

    def __init__(self) -> None:
        self.seen = Seen()
        self.last: Example | None = None
        self.key = b""


class ExactDuplicates(Gate):
    """Blocks an example that says what an earlier one of its kind said, case and punctuation aside.

    The first example to arrive stays; its id is in the detail.
    """

    compare: Literal["example", "instruction"] = Field(
        default="example", description="Compare whole examples, or only what is asked."
    )

    @cached_property
    def memory(self) -> _Memory:
        """What was seen so far (no private attribute: pydantic takes a microsecond to read one)."""
        return _Memory()

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked when the same text was seen under another id."""
        example, memory = item.example, self.memory
        key = self.key(example)
        memory.last, memory.key = example, key
        # the same id again is the same row decided again, not a copy
        first = memory.seen.first(key, example.id)
        return _PASSED if first == example.id else Blocked("exact-duplicate", f"of {first}")

    def preload(self, examples: Iterable[Example]) -> None:
        for example in examples:
            self.memory.seen.first(self.key(example), example.id)

    def forget(self, example: Example) -> None:
        memory = self.memory
        key = memory.key if memory.last is example else self.key(example)
        memory.seen.forget(key, example.id)

    def key(self, example: Example) -> bytes:
        """The hash by which a text is known."""
        text = f"{example.kind}\0{_asked(example)}"
        if self.compare == "example":
            text = f"{text}\0{_answered(example)}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Kept(NamedTuple):
    """A row to compare with; ``about`` is what must be equal: the kind, and the numbers of both halves."""

    id: str
    about: str
    asked: str
    answered: str


class NearDuplicates(Gate):
    """Blocks an example that says nearly what an earlier one of its kind said.

    Candidates come from a MinHash index (rensa, 128 permutations, 32 bands over five-character
    shingles); rapidfuzz then decides: question and response must each be ``threshold`` alike. Rows that
    differ in a number are different facts, unless ``ignore_numbers`` says otherwise.
    """

    version: ClassVar[str] = "1"
    threshold: float = Field(default=0.9, gt=0.5, le=1, description="Likeness of both halves, 0.5 to 1.")
    ignore_numbers: bool = Field(default=False, description="Whether other numbers still make a duplicate.")
    _rows: dict[int, Kept] = PrivateAttr(default_factory=dict)
    _keys: dict[str, int] = PrivateAttr(default_factory=dict)
    _next: int = PrivateAttr(default=0)
    _bands: Bands = PrivateAttr(default_factory=Bands)

    def check(self, item: Item) -> Passed | Blocked:
        """Blocked when an earlier example is nearly the same; the earliest such one is named."""
        if item.example.id in self._keys:
            return Passed()
        found = self.met(*self.read(item.example))
        return _PASSED if found is None else Blocked("near-duplicate", f"of {found[0]}, {found[1]:.2f} alike")

    def met(self, row: Kept, signature: bytes) -> tuple[str, float] | None:
        """The earliest row that is nearly the same, and how alike; without one, this row is remembered."""
        rows = self._rows
        for key in self._bands.candidates(row.about, signature):
            if rows[key].about == row.about:
                likeness = self._likeness(row, rows[key])
                if likeness >= self.threshold:
                    return rows[key].id, likeness
        self._keep(row, signature)
        return None

    def preload(self, examples: Iterable[Example]) -> None:
        for example in examples:
            if example.id not in self._keys:
                self._keep(*self.read(example))

    def forget(self, example: Example) -> None:
        key = self._keys.pop(example.id, None)
        if key is not None:
            row = self._rows.pop(key)
            self._bands.remove(key, row.about, _signature(row))

    def read(self, example: Example) -> tuple[Kept, bytes]:
        """What :meth:`met` compares: the row's texts, and its MinHash signature."""
        both = sides(example)
        # a preference pair may hold the very answer that an instruction row holds
        numbers = "" if self.ignore_numbers else f"\0{_numbers(both.asked)}\0{_numbers(both.answered)}"
        row = Kept(example.id, sys.intern(example.kind + numbers), both.asked, both.answered)
        return row, _signature(row)

    def _keep(self, row: Kept, signature: bytes) -> None:
        self._bands.insert(self._next, row.about, signature)
        self._rows[self._next] = row
        self._keys[row.id] = self._next
        self._next += 1

    def _likeness(self, row: Kept, other: Kept) -> float:
        """The less alike of the two halves, 0 to 1."""
        least = self.threshold * 100
        # with a cut-off rapidfuzz gives up early, which most pairs allow
        asked = fuzz.ratio(row.asked, other.asked, score_cutoff=least)
        answered = fuzz.ratio(row.answered, other.answered, score_cutoff=least) if asked else 0.0
        return min(asked, answered) / 100


_PERMUTATIONS = 128
_SEED = 42
_WIDTH = 5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def _signature(row: Kept) -> bytes:
    from rensa import RMinHash

    sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    sketch.update(_shingles(f"{row.asked} {row.answered}"))
    return array("I", sketch.digest()).tobytes()


def _shingles(text: str) -> list[str]:
    # with repeats: a minimum over a bag is the minimum over its set
    return [text[i : i + _WIDTH] for i in range(max(1, len(text) - _WIDTH + 1))]


def _numbers(text: str) -> str:
    return " ".join(sorted(_NUMBER.findall(text)))
