"""Waiting, counting and paying: rate limits, backoff, budget and prices, without a clock."""

from __future__ import annotations

import asyncio

import pytest

from gristmill.errors import BudgetError
from gristmill.models.budget import Budget
from gristmill.models.cost import call_cost, estimate, price_of, text_tokens
from gristmill.models.counters import Counters
from gristmill.models.limits import Limits, TokenBucket
from gristmill.models.retry import RetryPolicy
from gristmill.models.spec import ModelSpec, Price
from gristmill.records import Call, Usage


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_spaces_requests_and_keeps_their_order() -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, clock)  # 120 a minute
    assert [bucket.take(1) for _ in range(5)] == [0, 0, 0.5, 1.0, 1.5]
    clock.now = 1.5
    assert bucket.take(1) == 0.5


def test_an_idle_bucket_saves_up_one_second_only() -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, clock)
    clock.now = 3600.0
    assert [bucket.take(1) for _ in range(4)] == [0, 0, 0.5, 1.0]


def test_a_minute_never_sees_more_than_a_minute_and_a_second_allow() -> None:
    clock = Clock()
    bucket = TokenBucket(10 / 60, clock)
    starts = [bucket.take(1) for _ in range(100)]
    assert sum(start < 60 for start in starts) <= 11


def test_unused_tokens_are_given_back() -> None:
    bucket = TokenBucket(10.0, Clock())
    bucket.take(1000)
    bucket.give_back(995)
    assert bucket.take(5) == 0


async def test_limits_refund_what_a_request_did_not_use() -> None:
    clock = Clock()
    limits = Limits(ModelSpec(model="openai:m", tokens_per_minute=600), clock=clock)
    async with limits.slot(10) as slot:
        slot.used = 2
    async with limits.slot(8):
        pass
    bucket = limits._tokens
    assert bucket is not None
    assert bucket.level == 0


async def test_no_more_than_the_allowed_concurrency() -> None:
    limits = Limits(ModelSpec(model="openai:m", concurrency=3))
    inside, peak = 0, 0

    async def work() -> None:
        nonlocal inside, peak
        async with limits.slot(1):
            inside += 1
            peak = max(peak, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(20)))
    assert peak == 3


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


def test_a_budget_counts_calls_in_flight() -> None:
    budget = Budget(tokens=100)
    budget.hold(60, None)
    with pytest.raises(BudgetError, match="0 of 100 tokens"):
        budget.hold(60, None)
    budget.release(60, None)
    budget.spend(30, None)
    budget.hold(70, None)
    with pytest.raises(BudgetError, match="30 of 100 tokens"):
        budget.hold(1, None)


def test_a_dollar_budget_stops_before_it_is_passed() -> None:
    budget = Budget(usd=0.01)
    budget.spend(10, 0.008)
    with pytest.raises(BudgetError) as caught:
        budget.hold(10, 0.003)
    assert caught.value.exit_code == 3
    assert "$0.0080 of $0.01" in str(caught.value)


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
