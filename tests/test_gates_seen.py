"""The compact memory of exact_duplicates does what a dictionary does, in a fraction of the space."""

from __future__ import annotations

import hashlib
import random

from support.scripted_ask import item

from gristmill.registry import Blocked, Passed
from gristmill_scorers.duplicates import ExactDuplicates
from gristmill_scorers.seen import Seen


def key(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def test_as_a_dictionary() -> None:
    chance, seen, expected = random.Random(3), Seen(), dict[bytes, str]()
    # few of each, so that they meet; ids that are addresses, and ids that are not
    names, forgotten = [key(0).hex(), key(1).hex(), "row 1", "", "AB" * 16, "é", "ab " * 16], 0
    for _ in range(20_000):
        this, name = key(chance.randrange(40)), chance.choice(names)
        if chance.random() < 0.6:
            assert seen.first(this, name) == expected.setdefault(this, name)
        else:
            seen.forget(this, name)
            if expected.get(this) == name:
                del expected[this]
                forgotten += 1
    assert forgotten > 1000


def test_a_key_that_straddles_two_records_is_not_found() -> None:
    seen, names = Seen(), [bytes(range(16)).hex(), bytes(range(16, 32)).hex()]
    start, across = b"\0" * 16, b"\0" * 8 + bytes(range(8))
    assert seen.first(start, names[0]) == names[0]
    # the bytes of the other key stand in the record of the first, from its middle on
    assert seen.first(across, names[1]) == names[1]
    seen.forget(across, names[1])
    assert seen.first(start, names[1]) == names[0]


def test_bytes_a_row() -> None:
    seen = Seen()
    empty = seen.size
    for number in range(300_000):
        seen.first(key(number), key(-number).hex())
    assert seen.size - empty < 45 * 300_000
    assert seen.first(key(7), "other") == key(-7).hex()


def test_only_the_kept_rows_cost_memory() -> None:
    gate = ExactDuplicates()
    for number in range(2000):
        row = item(f"There are {number} mills.")
        assert gate.check(row) == Passed()
        gate.forget(row.example)
    before = gate.memory.seen.size
    for number in range(2000):
        row = item(f"There are {number} mills.")
        assert gate.check(row) == Passed()
        gate.forget(row.example)
    assert gate.memory.seen.size <= before


def test_forgetting_another_row_than_the_last_one() -> None:
    gate, first, second = ExactDuplicates(), item("It grinds wheat."), item("It grinds rye.")
    assert gate.check(first) == gate.check(second) == Passed()
    gate.forget(first.example)
    assert gate.check(item("It grinds wheat!")) == Passed()
    assert isinstance(gate.check(item("It grinds rye!")), Blocked)
