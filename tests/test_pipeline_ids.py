"""The set of content addresses against Python's own."""

from __future__ import annotations

import random

from gristmill.pipeline.ids import Ids
from gristmill.records import content_id


def test_it_knows_what_a_set_knows() -> None:
    draw, ids, known = random.Random(3), Ids(), set()
    for _ in range(20_000):
        key = content_id("document", draw.randrange(12_000))
        assert ids.add(key) == (key not in known)
        known.add(key)


def test_an_id_across_the_border_of_two_others_is_new() -> None:
    ids = Ids()
    first, second = "0000" + "ab" * 12 + "0000", "0000" + "cd" * 14  # of one bucket, one after the other
    assert ids.add(first)
    assert ids.add(second)
    straddling = (first + second)[28:60]
    assert straddling.startswith("0000")  # so it belongs to that bucket too
    assert ids.add(straddling)
    assert not ids.add(straddling)
    ids.clear()
    assert ids.add(first)
