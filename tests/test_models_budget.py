"""The budget: no call that could pass it, none refused that would have fitted, and going on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer, Scripted
from support.projects import gristmill, make_project, run_json
from support.timed_backend import TimedBackend, request
from support.virtual_time import now, run_virtual

from gristmill.errors import BudgetError, ModelUnavailableError
from gristmill.models import Budget, Door, ModelSpec, RetryPolicy
from gristmill.models.counters import Tally
from gristmill.models.forecast import Forecast
from gristmill.models.limits import Limits
from gristmill.models.line import Line
from gristmill.models.sharing import Shared
from gristmill.models.spec import Price
from gristmill.models.telemetry import Trip
from gristmill.models.types import Reply
from gristmill.records import Message, Usage


def say(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def need(tokens: int, usd: float = 0.0) -> Callable[[], tuple[int, float]]:
    return lambda: (tokens, usd)


async def test_a_call_without_room_waits_for_those_on_their_way() -> None:
    budget = Budget(tokens=100)
    await budget.hold(need(60))
    second = asyncio.create_task(budget.hold(need(60)))
    third = asyncio.create_task(budget.hold(need(10)))
    await asyncio.sleep(0)
    budget.spend(30, None)
    budget.release((60, 0.0))  # less than was held: the second fits now
    await asyncio.gather(second, third)
    assert (budget.spent_tokens, budget.held_tokens, budget.holds) == (30, 70, 2)


async def test_it_is_spent_when_nothing_is_on_its_way_and_nothing_fits() -> None:
    budget = Budget(tokens=100)
    await budget.hold(need(60))
    waiting = [asyncio.create_task(budget.hold(need(50))) for _ in range(2)]
    await asyncio.sleep(0)
    budget.spend(55, None)
    budget.release((60, 0.0))
    found = await asyncio.gather(*waiting, budget.hold(need(1)), return_exceptions=True)
    assert [type(error) for error in found] == [BudgetError] * 3
    assert "55 of 100 tokens used" in str(found[0])
    assert "raise the budget and run again" in str(found[0])


async def test_a_dollar_budget_stops_before_it_is_passed() -> None:
    budget = Budget(usd=0.01)
    budget.spend(10, 0.008)
    with pytest.raises(BudgetError, match=r"\$0.0080 of \$0.01") as caught:
        await budget.hold(need(10, 0.003))
    assert caught.value.exit_code == 3


async def test_a_waiter_that_goes_away_holds_nothing() -> None:
    budget = Budget(tokens=100)
    await budget.hold(need(60))
    waiting = [asyncio.create_task(budget.hold(need(size))) for size in (90, 50, 30)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting[1:])  # 50 does not fit beside 60 either
    budget.release((60, 0.0))
    waiting[1].cancel()  # let in already, but it does not go on
    await waiting[2]
    assert (budget.held_tokens, budget.holds) == (30, 1)


def test_a_forecast_is_cautious_before_anything_was_seen() -> None:
    forecast = Forecast()
    asked = [request(0)]  # 24 characters and a message: 10 tokens by rule of thumb
    assert forecast.project(asked) == Usage(15, 1024)
    assert forecast.project([request(0, max_tokens=50)]) == Usage(15, 50)
    assert forecast.project([request(0, max_completion_tokens=60)] * 3) == Usage(15, 180)


def test_a_forecast_learns_how_long_prompts_and_answers_are() -> None:
    forecast = Forecast()
    for output in [80, 100, 120] * 20:
        forecast.learn([request(0)], [Reply("", "stop", Usage(13, output))])
    guess = forecast.project([request(0)])
    assert guess.input_tokens == 14  # 1.3 times the rule of thumb, rounded up
    assert 130 <= guess.output_tokens <= 140  # mean and two standard deviations
    assert forecast.project([request(0, max_tokens=50)]).output_tokens == 50


def test_the_first_answers_are_not_taken_for_the_rule() -> None:
    forecast = Forecast()
    forecast.learn([request(0)], [Reply("", "stop", Usage(10, 100))])
    assert forecast.project([request(0)]) == Usage(20, 200)


async def spend_with(server: OpenAIServer, tokens: int, calls: int, **spec: Any) -> Door:
    model = ModelSpec(model="openai:test-model", base_url=server.url, **spec)
    budget = Budget(tokens=tokens)
    async with Door({"writer": model}, cache=None, budget=budget, retry=RetryPolicy(base=0.01)) as door:
        ask = door.ask_for("writer")
        asking = (ask(say(f"number {number}")) for number in range(calls))
        found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(reply) for reply in found} <= {list, BudgetError}
    return door


@pytest.mark.parametrize("concurrency", [1, 8, 64])
async def test_nearly_all_of_a_budget_is_used_and_nothing_more(concurrency: int) -> None:
    with OpenAIServer(latency=0.01) as server:
        door = await spend_with(server, 5000, 1000, concurrency=concurrency)
    total = door.counters.total
    assert 4900 < total.input_tokens + total.output_tokens <= 5000
    assert (door.budget.held_tokens, door.budget.holds) == (0, 0)


async def test_a_call_that_may_be_charged_though_nobody_knows_counts_as_projected() -> None:
    with OpenAIServer() as server:
        server.script.append(Scripted({"status": "ok"}))  # a 200 that is no chat completion
        door = await spend_with(server, 5000, 1, params={"max_tokens": 100})
    total = door.counters.total
    assert door.budget.spent_tokens == total.input_tokens + total.output_tokens + 100 + 9


def test_another_attempt_needs_room_in_the_budget_too() -> None:
    backend, budget = TimedBackend(), Budget(tokens=150)
    spec = ModelSpec(model="openai:timed", retries=9)
    line = Line(spec, backend, Tally(), Shared(Limits(4, clock=now)), budget, RetryPolicy())
    backend.script = [ModelUnavailableError("late", kind="time-out") for _ in range(9)]
    asked = request(0, max_tokens=50)
    with pytest.raises(BudgetError):
        run_virtual(line.send([asked], Trip(spec, asked, 1)))
    assert len(backend.loads) == 2  # 65 tokens each: a third one could pass 150
    assert (budget.spent_tokens, budget.held_tokens) == (130, 0)


PRICED = ", price: {input: 100, output: 100}"
JUDGED = 'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0"\n'


def project(folder: Path, server: OpenAIServer, options: str = "", extra: str = JUDGED) -> Path:
    model = f'"openai:test-model", base_url: "{server.url}"{PRICED}{options}'
    return make_project(folder, model, extra + "max_failed_share: 1\n", copies=12)


@pytest.mark.parametrize("limit", [("--max-cost", 1.5), ("--max-tokens", 15_000)])
def test_a_run_stops_at_its_budget_and_goes_on_from_there(tmp_path: Path, limit: tuple[str, float]) -> None:
    with OpenAIServer(latency=0.01, broken=0.05, p500=0.05) as server:
        recipe = project(tmp_path, server, ", concurrency: 16")
        first = run_json(recipe, *limit, code=3)
        sent = server.answered.total()
        again = run_json(recipe)
        assert server.answered.total() > sent
    used = first["cost_usd"] if limit[0] == "--max-cost" else sum(first["tokens"].values())
    assert 0.9 * limit[1] < used <= limit[1]
    assert (first["status"], again["status"]) == ("budget", "done")
    assert first["balanced"]
    assert first["pending"] > 0 == again["pending"]
    assert again["calls"]["cached"] > 0
    assert max(server.answered.values()) == 1


def test_the_recipes_budget_says_how_to_go_on(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        recipe = project(tmp_path, server, extra="budget: {tokens: 3000}\n")
        done = gristmill("run", recipe)
    assert done.returncode == 3
    assert "of 3000 tokens used" in done.stderr
    assert "raise the budget and run again to go on from here" in " ".join(done.stderr.split())


@pytest.mark.parametrize("given", ["option", "recipe"])
def test_a_run_stops_when_its_time_is_up_and_goes_on_later(tmp_path: Path, given: str) -> None:
    with OpenAIServer(latency=0.3) as server:
        extra = JUDGED + ("budget: {minutes: 0.02}\n" if given == "recipe" else "")
        recipe = project(tmp_path, server, ", concurrency: 4", extra)
        first = run_json(recipe, *(("--max-minutes", 0.02) if given == "option" else ()), code=3)
        sent = server.seen.total()
        server.behaviour.latency = 0.0
        if given == "recipe":
            recipe.write_text(recipe.read_text().replace("minutes: 0.02", "minutes: 9"))
        again = run_json(recipe)
    assert first["status"] == "budget"
    assert "time is up" in first["error"]
    assert first["balanced"]
    assert first["pending"] > 0 == again["pending"]
    assert first["calls"]["sent"] == sent
    assert max(server.answered.values()) == 1


def test_a_preview_keeps_to_the_time_too(tmp_path: Path) -> None:
    with OpenAIServer(latency=0.3) as server:
        recipe = project(tmp_path, server, ", concurrency: 1")
        done = gristmill("run", recipe, "--preview", 12, "--max-minutes", 0.01)
        assert server.seen.total() < 10
    assert done.returncode == 3
    assert "time is up" in done.stderr


def test_no_time_at_all_is_wrong_usage(tmp_path: Path) -> None:
    done = gristmill("run", make_project(tmp_path), "--max-minutes", 0)
    assert done.returncode == 2
    assert "--max-minutes" in done.stderr


def test_a_price_of_nothing_is_no_obstacle(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        spec = ModelSpec(model="openai:test-model", base_url=server.url, price=Price(input=0, output=0))

        async def scene() -> Door:
            async with Door({"writer": spec}, cache=None, budget=Budget(usd=0.0)) as door:
                await door.ask_for("writer")(say("hello"))
            return door

        assert asyncio.run(scene()).counters.total.sent == 1
