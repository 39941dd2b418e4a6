"""Waiting, counting and paying: rates, places, backoff and prices, on a clock of their own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.virtual_time import now, run_virtual

from gristmill.errors import BudgetError
from gristmill.models.buckets import TokenBucket
from gristmill.models.cost import call_cost, estimate, price_of, text_tokens
from gristmill.models.counters import Counters
from gristmill.models.limits import Limits
from gristmill.models.retry import RetryPolicy
from gristmill.models.sharing import Pool
from gristmill.models.spec import ModelSpec, Price
from gristmill.records import Call, Usage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_saves_up_one_second_and_then_lends_nothing() -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, clock)  # 120 a minute
    clock.now = 3600.0
    for waited in (0.0, 0.0, 0.5):
        assert bucket.wait(1) == waited
        if not waited:
            bucket.take(1)
    clock.now += 0.5
    assert bucket.wait(1) == 0.0


def test_a_minute_never_sees_more_than_a_minute_and_a_second_allow() -> None:
    clock = Clock()
    bucket, starts = TokenBucket(10 / 60, clock), 0
    while clock.now < 60:
        clock.now += bucket.wait(1)
        bucket.take(1)
        starts += clock.now < 60
    assert starts <= 11


def test_more_than_a_bucket_holds_goes_when_it_is_full_and_is_paid_back() -> None:
    clock = Clock()
    bucket = TokenBucket(10.0, clock)
    assert bucket.wait(1000) == 0.0
    bucket.take(1000)
    assert bucket.wait(1) == pytest.approx(99.1)
    assert bucket.wait(1000) == 100.0
    bucket.give_back(995)
    assert bucket.wait(5) == 0.0


def starts_of(limits: Limits, tokens: list[int], used: list[int] | None = None) -> list[float]:
    """When calls that enter together are let in; each leaves a moment later."""
    starts: list[float] = []

    async def call(size: int, spent: int) -> None:
        await limits.enter(size)
        starts.append(round(now(), 6))
        await asyncio.sleep(0.001)
        limits.leave(size, spent)

    async def all_calls() -> None:
        await asyncio.gather(*(call(*both) for both in zip(tokens, used or tokens, strict=True)))

    run_virtual(all_calls())
    return starts


RATES: list[tuple[dict[str, int], list[int], list[int], list[float]]] = [
    # limits, estimates, really used, seconds at which the calls are let in
    ({"requests_per_minute": 60}, [9, 9, 9], [9, 9, 9], [0, 1, 2]),
    ({"tokens_per_minute": 600}, [10, 10, 20], [10, 10, 20], [0, 1, 2]),
    ({"tokens_per_minute": 600}, [10, 10, 10], [2, 10, 10], [0, 0.201, 1.2]),  # 8 of 10 came back
    ({"tokens_per_minute": 600}, [10, 10], [0, 10], [0, 0.001]),  # refused: it used nothing
    ({"tokens_per_minute": 600}, [50, 10], [50, 10], [0, 5]),  # bigger than the bucket
    ({"requests_per_minute": 60, "tokens_per_minute": 600}, [1, 1, 30, 1], [1, 1, 30, 1], [0, 1, 2, 4.1]),
]


@pytest.mark.parametrize(("rates", "tokens", "used", "starts"), RATES)
def test_calls_are_let_in_at_the_rate(
    rates: dict[str, int], tokens: list[int], used: list[int], starts: list[float]
) -> None:
    assert starts_of(Limits(64, **rates, clock=now), tokens, used) == pytest.approx(starts, abs=0.002)


def test_a_measured_rate_keeps_what_was_asked_for() -> None:
    starts = starts_of(Limits(64, requests_per_minute=600, clock=now), [1] * 200)
    assert starts == sorted(starts)
    assert max(sum(t <= start < t + 60 for start in starts) for t in starts) <= 610
    assert starts[-1] == pytest.approx(19.0)  # 10 at once, then 10 a second


def test_a_waiter_that_goes_away_takes_nothing_with_it() -> None:
    limits = Limits(1, requests_per_minute=60, tokens_per_minute=600, clock=now)

    async def scene() -> float:
        await limits.enter(1)
        gone, granted, stays = (asyncio.create_task(limits.enter(size)) for size in (100, 10, 9))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(10)
        limits.leave(1, 1)  # lets the second in …
        granted.cancel()  # … which goes away before it could go on
        await stays
        return now()

    assert run_virtual(scene()) == 10.0
    assert limits.in_flight == 1
    assert limits._tokens is not None
    assert limits._tokens.level == 1


def test_places_are_given_in_order_and_attempts_go_before_new_calls() -> None:
    limits, order = Limits(1, clock=now), []

    async def call(name: str, again: bool) -> None:
        await limits.enter(1, again=again)
        order.append(name)
        limits.leave(1, 1)

    async def scene() -> None:
        await limits.enter(1)
        calls = [asyncio.create_task(call(*who)) for who in (("a", False), ("b", False), ("old", True))]
        await asyncio.sleep(0)
        limits.leave(1, 1)
        await asyncio.gather(*calls)

    run_virtual(scene())
    assert order == ["old", "a", "b"]


def test_a_wait_that_the_server_asked_for_is_everybodys() -> None:
    limits, starts = Limits(4, clock=now), []

    async def call() -> None:
        await limits.enter(1)
        starts.append(now())
        limits.leave(1, 1)

    async def scene() -> None:
        epoch = await limits.enter(1)
        limits.refused(epoch, 3.0)
        limits.refused(epoch, 2.0)  # shorter: changes nothing
        limits.leave(1, 0)
        assert limits.view("m", "h")["paused_for"] == 3.0
        await asyncio.gather(*(call() for _ in range(6)))
        await call()

    run_virtual(scene())
    assert starts == [3.0] * 7


def test_stopped_limits_let_nobody_in_any_more() -> None:
    limits = Limits(1, clock=now)

    async def scene() -> list[BaseException | int | None]:
        await limits.enter(1)
        waiting = [asyncio.create_task(limits.enter(1)) for _ in range(2)]
        resting = asyncio.create_task(limits.rest(50.0))
        await asyncio.sleep(1)
        limits.stop(BudgetError("enough"))
        found = await asyncio.gather(*waiting, resting, limits.enter(1), return_exceptions=True)
        assert now() == 1.0
        return found

    found = run_virtual(scene())
    assert [str(error) for error in found] == ["enough"] * 4
    assert len({id(error) for error in found}) == 4


SHARING = [
    ({}, {"timeout": 5.0, "params": {"temperature": 0}, "price": Price(input=1, output=1)}, 64),
    ({"concurrency": 200}, {}, 200),  # the other one only has the default
    ({"concurrency": 200}, {"concurrency": 20}, 20),
    ({}, {"base_url": "http://127.0.0.1:9/v1"}, None),
    ({}, {"api_key_env": "OTHER_KEY"}, None),
    ({}, {"model": "openai:other"}, None),
]


@pytest.mark.parametrize(("first", "second", "limit"), SHARING)
def test_roles_share_the_limits_of_a_model_at_a_provider(
    first: dict[str, Any], second: dict[str, Any], limit: int | None
) -> None:
    specs = [ModelSpec(**{"model": "openai:m", **more}) for more in (first, second)]
    pool = Pool(specs)
    shared = [pool.of(spec) for spec in specs]
    assert (shared[0] is shared[1]) is (limit is not None)
    assert shared[1].limits.concurrency.ceiling == (limit or 64)


def test_backoff_grows_to_its_cap_with_full_jitter() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    policy = RetryPolicy(base=0.5, cap=4.0, uniform=uniform)
    assert [policy.wait(i, None) for i in range(5)] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert {low for low, _ in drawn} == {0.0}


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (3.0, 3.0), (-5.0, 0.0), (86_400.0, 60.0)])
def test_the_servers_wait_is_honoured_within_bounds(asked: float, waited: float) -> None:
    policy = RetryPolicy(base=0.0, longest=60.0)
    assert policy.wait(0, asked) == waited


PRICES = [
    (ModelSpec(model="openai:gpt-4o-mini"), True),
    (ModelSpec(model="openai:no-such-model-at-all"), False),
    (ModelSpec(model="openai:gpt-4o-mini", base_url="http://127.0.0.1:8000/v1"), False),
    (ModelSpec(model="openai:x", price=Price(input=1, output=2)), True),
    (ModelSpec(model="offline:extractive"), True),
]


@pytest.mark.parametrize(("spec", "known"), PRICES)
def test_a_price_is_known_or_none(spec: ModelSpec, known: bool) -> None:
    assert (price_of(spec) is not None) is known


def test_the_cost_of_a_call_is_per_million_tokens() -> None:
    assert call_cost(Usage(1_000_000, 500_000), Price(input=0.15, output=0.6)) == pytest.approx(0.45)
    assert call_cost(Usage(1, 1), None) is None
    table = price_of(ModelSpec(model="openai:gpt-4o-mini"))
    assert table is not None
    assert 0 < table.input < table.output < 100


def test_an_estimate_knows_max_tokens_and_answers_so_far() -> None:
    messages = [{"role": "user", "content": "x" * 400}]
    assert estimate(messages, {}, None) == Usage(104, 512)
    assert estimate(messages, {"max_tokens": 50}, None) == Usage(104, 50)
    assert estimate(messages, {"max_tokens": 50}, 20) == Usage(104, 20)
    assert [text_tokens(t) for t in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


def test_counters_add_up_over_models_and_keep_unknown_prices_apart() -> None:
    counters = Counters()
    for model, cost in [("a", 0.5), ("a", 0.25), ("b", None)]:
        counters.of(model).add_call(Call("k", model, (), {}, "", Usage(10, 2), cost))
    total = counters.total
    assert (total.sent, total.input_tokens, total.output_tokens) == (3, 30, 6)
    assert (total.cost_usd, total.unpriced) == (0.75, 1)
    assert counters.by_model["a"].cost_usd == 0.75
