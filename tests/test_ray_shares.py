"""Dividing limits over workers: whole shares, by demand, never more in all than there is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.models.buckets import TokenBucket
from gristmill.models.limits import Limits
from gristmill.models.spec import ModelSpec
from gristmill.pipeline.ray.messages import State
from gristmill.pipeline.ray.shares import Division, divide, divisions, loopback_models


@pytest.mark.parametrize(
    ("total", "wants", "shares"),
    [
        (10, {1: 0, 2: 0}, {1: 5, 2: 5}),
        (10, {1: 100, 2: 0}, {1: 9, 2: 1}),
        (10, {1: 100, 2: 3}, {1: 7, 2: 3}),
        (10, {1: 100, 2: 100, 3: 100}, {1: 4, 2: 3, 3: 3}),
        (3, {1: 5, 2: 5, 3: 5}, {1: 1, 2: 1, 3: 1}),
        (2, {1: 5, 2: 5, 3: 5}, {1: 1, 2: 1, 3: 0}),
        (7, {4: 2}, {4: 7}),
        (5, {}, {}),
    ],
)
def test_shares(total: int, wants: Mapping[int, int], shares: Mapping[int, int]) -> None:
    assert divide(total, wants) == shares


@given(st.integers(1, 500), st.dictionaries(st.integers(0, 40), st.integers(0, 900), min_size=1))
def test_all_is_given_away_and_no_want_is_served_at_the_cost_of_a_smaller_one(
    total: int, wants: dict[int, int]
) -> None:
    shares = divide(total, wants)
    assert sum(shares.values()) == total
    if total >= len(wants):
        assert min(shares.values()) >= 1
        short = [worker for worker in wants if shares[worker] < wants[worker]]
        assert all(shares[a] >= shares[b] - 1 for a in short for b in wants)


class Worker:
    """A worker as a division sees it: it applies what it is told late, and calls end when they like."""

    def __init__(self) -> None:
        self.serial = self.calls = self.in_flight = self.waiting = 0

    def act(self, want: int, ends: int) -> None:
        self.in_flight -= min(ends, self.in_flight)
        self.in_flight += max(0, min(want, self.calls - self.in_flight))
        self.waiting = want

    def state(self) -> State:
        return State(self.serial, self.calls, self.calls, self.in_flight, self.waiting, 0.0, 0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_happens_no_more_calls_are_out_than_there_are(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 30))
    division, workers, told = Division(total), dict[int, Worker](), list[tuple[int, int, int]]()
    for step in range(25):
        if len(workers) < 5 and data.draw(st.booleans()):
            workers[step] = Worker()
            division.join(step)
        elif workers and data.draw(st.integers(0, 9)) == 0:
            gone = data.draw(st.sampled_from(sorted(workers)))
            workers.pop(gone)
            division.leave(gone)
        told += [(worker, calls, division.serial) for worker, calls in division.rebalance().items()]
        while told and data.draw(st.booleans()):
            worker, calls, serial = told.pop(0)
            if worker in workers:
                workers[worker].calls, workers[worker].serial = calls, serial
        for worker, one in workers.items():
            one.act(data.draw(st.integers(0, 40)), data.draw(st.integers(0, 10)))
            if data.draw(st.booleans()):
                division.report(worker, one.state())
        assert sum(one.in_flight for one in workers.values()) <= total


def test_a_busy_worker_gets_what_an_idle_one_gives_back() -> None:
    division = Division(16)
    for worker in (1, 2):
        division.join(worker)
    assert division.rebalance() == {1: 8, 2: 8}
    division.report(1, State(1, 8, 8, 8, 30, 0.0, 0))
    division.report(2, State(1, 8, 8, 2, 0, 0.0, 0))
    assert division.rebalance() == {2: 2}  # the other one gets it when this one knows
    division.report(2, State(2, 2, 2, 2, 0, 0.0, 0))
    assert division.rebalance() == {1: 14}
    division.leave(1)
    assert division.rebalance() == {2: 16}


def test_roles_of_one_model_share_and_local_models_are_not_divided() -> None:
    specs = {
        "writer": ModelSpec(model="openai:m", base_url="http://127.0.0.1:1/v1", concurrency=20),
        "judge": ModelSpec(model="openai:m", base_url="http://127.0.0.1:1/v1", concurrency=12),
        "rules": ModelSpec(model="offline:extractive", concurrency=4),
    }
    [division] = divisions(specs).values()
    assert division.total == 12
    assert loopback_models(specs, {}) == ["writer", "judge"]


async def test_a_share_of_limits_and_none() -> None:
    limits = Limits(8, requests_per_minute=600)
    limits.reshare(0, 0.0)
    view = limits.view("m", "h")
    assert (view["limit"], view["allowed"]) == (0, 0)
    limits.reshare(3, 3 / 8)
    epochs = [await limits.enter(0) for _ in range(3)]
    assert limits.view("m", "h")["in_flight"] == 3
    limits.refused(epochs[0], None)
    assert limits.view("m", "h")["allowed"] == 2
    limits.reshare(8, 1.0)
    assert limits.view("m", "h")["allowed"] == 2  # what was refused here is not forgotten


def test_a_scaled_bucket_saves_no_more_than_its_part() -> None:
    now = [0.0]
    whole = TokenBucket(10.0, clock=lambda: now[0])
    whole.scale(0.3)
    assert (whole.rate, whole.level) == (3.0, 3.0)
    whole.scale(0.9)
    assert whole.level == 3.0
    now[0] = 1.0
    assert whole.wait(9.0) == 0.0
    assert whole.wait(20.0) == 0.0  # more than can be saved goes when the bucket is full
