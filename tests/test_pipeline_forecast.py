"""Forecasts of a target hold as often as they say, and a shuffled walk meets every chunk once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from gristmill.pipeline.forecast import Outlook, clock
from gristmill.pipeline.order import shuffled
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.yields import Yield, wilson
from gristmill.quota import Quota, Target, value_of
from gristmill.records import Chunk, Document

Draw = Callable[[random.Random], int]
SHAPES: dict[str, Draw] = {
    "rows alike": lambda rng: sum(rng.random() < 0.5 for _ in range(3)),
    "all or nothing": lambda rng: 3 * (rng.random() < 0.6),
    "nearly all": lambda rng: sum(rng.random() < 0.97 for _ in range(3)),
    "nearly none": lambda rng: sum(rng.random() < 0.03 for _ in range(3)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seen", [16, 64])
def test_intervals_of_the_rest_hold_nine_times_in_ten(shape: str, seen: int) -> None:
    rng, draw, held = random.Random(7), SHAPES[shape], 0
    for _ in range(300):
        found = Yield(3)
        for _ in range(seen):
            found.add(draw(rng))
        rest = sum(draw(rng) for _ in range(200))
        _, low, high = found.of(200)
        held += low <= rest <= high
    assert held >= 255  # 85 %: the interval is approximate, the sample small


def test_before_the_first_chunk_everything_is_possible() -> None:
    assert Yield(4).mean()[1:] == (0, 4)
    assert Yield(4).of(10)[1:] == (0, 40)
    assert Yield(4).of(0) == (0, 0, 0)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"), [(0.5, 10, 0.269, 0.731), (0, 10, 0, 0.213), (1, 10, 0.787, 1)]
)
def test_wilson_bounds(share: float, n: int, low: float, high: float) -> None:
    assert wilson(share, n) == pytest.approx((low, high), abs=0.001)


def outlook(passed: list[list[tuple[str, bool]]], quotas: list[Quota], rows: int = 2) -> Outlook:
    found = Outlook(rows, quotas)
    for chunk in passed:
        found.add([((label,), placed) for label, placed in chunk], asked=True)
    return found


def test_the_rarest_value_decides_how_many_chunks_a_target_takes() -> None:
    quota = Quota("kind", {"common": 20, "rare": 20})
    chunks = [[("common", True)] + [("rare", True)] * (n % 10 == 0) for n in range(100)]
    found = outlook(chunks, [quota]).forecast(40, 0, 300)
    assert found.needed.mid == 200
    assert found.needed.low < 200 < found.needed.high
    assert found.expected.mid == 40
    quota.counts.update(common=20, rare=19)
    assert outlook(chunks, [quota]).forecast(40, 39, 300).needed.mid == 10


def test_a_value_that_never_came_makes_a_target_out_of_reach() -> None:
    found = outlook([[("a", True)]] * 50, [Quota("kind", {"a": 10, "b": 10})]).forecast(20, 0, 500)
    assert found.needed.mid == float("inf")
    assert found.as_json()["chunks_needed"]["mid"] is None
    assert found.expected.mid == 10


def test_few_chunks_are_let_go_near_the_target() -> None:
    half = outlook([[("", True)], []] * 40, [], rows=1)
    assert 1 <= half.chunks_worth(1) <= 2
    assert 12 <= half.chunks_worth(8) <= 16
    assert Outlook(2, []).chunks_worth(8) == 4  # nothing seen yet: as if every row were accepted


def test_every_chunk_comes_once_in_the_same_shuffled_order() -> None:
    with Spool() as spool:
        for number in range(40):
            text = f"{number:04} " * 50
            document = Document.make(f"{number}.txt", text, "text/plain", {"n": number})
            spool.add(document, [Chunk.make(document, i * 10, i * 10 + 10, ["a"]) for i in range(number % 7)])
        plain = [(job.document, job.chunk) for job in spool.jobs()]
        first, again = ([(job.document, job.chunk) for job in shuffled(spool)] for _ in range(2))
    assert first == again
    assert first != plain
    assert Counter(chunk.id for _, chunk in first) == Counter(chunk.id for _, chunk in plain)
    assert all(document.text[chunk.start : chunk.end] == chunk.text for document, chunk in first)


def test_an_empty_spool_is_walked_at_once() -> None:
    with Spool() as spool:
        assert list(shuffled(spool)) == []


FIELDS = [
    ("kind", "instruction"),
    ("metadata.type", "factual"),
    ("metadata.sure", "true"),
    ("metadata.none", "none"),
    ("metadata.deep.level", "3"),
    ("document.uri", "a.md"),
    ("document.metadata.topic", "none"),
    ("kind.further", "none"),
]


@pytest.mark.parametrize(("name", "value"), FIELDS)
def test_fields_of_a_row_by_dotted_name(name: str, value: str) -> None:
    about = {"type": "factual", "sure": True, "deep": {"level": 3}}
    row = {"kind": "instruction", "metadata": about, "document": {"uri": "a.md", "metadata": {}}}
    assert value_of(name, row) == value


def test_a_goal_is_the_least_of_what_is_wanted_and_what_has_room() -> None:
    assert Target(accepted=10, per={"kind": {"a": 8, "other": 8}}).goal == 10
    assert Target(per={"kind": {"a": 8}, "generator": {"qa": 5, "summary": 1}}).goal == 6
    assert Target(per={"kind": 8}).goal is None
    assert not Target().active


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (700, "12 min"), (12_240, "3.4 h")])
def test_times_for_people(seconds: float, text: str) -> None:
    assert clock(seconds) == text
