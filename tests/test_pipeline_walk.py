"""What goes wrong with one row stays with that row, and every row asked for is accounted for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from gristmill.accept import AcceptRule
from gristmill.errors import BudgetError, ModelAnswerError, ModelConfigError, ModelUnavailableError
from gristmill.models import Ask, Door, ModelSpec
from gristmill.pipeline.plan import Job, Plan
from gristmill.pipeline.tally import Tally
from gristmill.pipeline.walk import Walker
from gristmill.recipe import Loaded, Recipe, Task
from gristmill.records import Chunk, Document, Example, Item, Origin, Outcome
from gristmill.registry import Blocked, Failed, Gate, Generator, Passed, Rejected, Scored, Scorer, Unscored

DOCUMENT = Document.make("a.md", "A pump lifts water.", "text/markdown")
JOB = Job(Chunk.make(DOCUMENT, 0, 19, ()), DOCUMENT)
Act = Callable[[], Any]


class Made(Generator):
    """Gives what a function gives."""

    act: Act
    per_chunk: int = 2

    async def generate(self, chunk: Chunk, document: Document, ask: Ask) -> Sequence[Any]:
        return list(self.act())


class Wall(Gate):
    """Does what a function does, and remembers what it was told to forget."""

    act: Act
    forgotten: list[str] = Field(default_factory=list)

    def check(self, item: Item) -> Passed | Blocked:
        return self.act()

    def forget(self, example: Example) -> None:
        self.forgotten.append(example.id)


class Opinion(Scorer):
    """Scores as a function says."""

    act: Act

    @property
    def label(self) -> str:
        return "opinion"

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        return self.act()


def row(text: str = "It lifts water.") -> Example:
    messages = [{"role": "user", "content": "What does a pump do?"}, {"role": "assistant", "content": text}]
    return Example.make("instruction", messages, generator=Origin("made", "1"), chunk_ids=[JOB.chunk.id])


def fail(error: Exception) -> Act:
    def act() -> Any:
        raise error

    return act


class Kept:
    """Records in memory."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.tally = Tally()

    def add(self, record: object) -> None:
        pass

    def settle(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.tally.count(outcome.state, outcome.reason)


async def walk(act: Act, gates: Sequence[Gate] = (), scorer: Act | None = None) -> Kept:
    """One chunk through a recipe made of the functions given."""
    models = {"w": ModelSpec(model="offline:extractive")}
    recipe = Recipe(name="t", documents=["a"], models=models, generate=[{"use": "made"}], accept=None)  # type: ignore[list-item]
    task = Task("made", Made(act=act), {"use": "made"})
    scorers = (Opinion(act=scorer),) if scorer else ()
    rule = AcceptRule.parse("opinion >= 0.5") if scorer else None
    loaded = Loaded(recipe, Path("recipe.yaml"), (task,), tuple(gates), scorers, rule)
    kept = Kept()
    async with Door(models, cache=None) as door:
        plan = Plan((task,), ("made",), ("settings",))
        await Walker(loaded, plan, door, kept).walk(JOB, frozenset())
    return kept


def states(kept: Kept) -> list[tuple[str, str]]:
    ordered = sorted(kept.outcomes, key=lambda outcome: outcome.index)
    return [(outcome.state, outcome.reason) for outcome in ordered]


GENERATED: list[tuple[Act, list[tuple[str, str]]]] = [
    (lambda: [row(), row("Water goes up.")], [("accepted", "")] * 2),
    (lambda: [row()], [("accepted", ""), ("rejected", "nothing-to-ask")]),
    (list, [("rejected", "nothing-to-ask")] * 2),
    (lambda: [row(), row()], [("accepted", ""), ("rejected", "duplicate-row")]),
    (lambda: [row(), row("b"), row("c")], [("failed", "too-many-rows")] * 2),
    (
        lambda: [Rejected("margin-too-small"), Failed("no-json", raw="{")],
        [("rejected", "margin-too-small"), ("failed", "no-json")],
    ),
    (fail(ValueError("boom")), [("failed", "crash:generator:ValueError")] * 2),
    (fail(ModelAnswerError("cut", kind="truncated", raw="half")), [("failed", "truncated")] * 2),
    (fail(ModelUnavailableError("slow", kind="time-out")), [("failed", "time-out")] * 2),
]


@pytest.mark.parametrize(("act", "expected"), GENERATED)
async def test_every_row_asked_for_has_an_outcome(act: Act, expected: list[tuple[str, str]]) -> None:
    assert states(await walk(act)) == expected


async def test_raw_text_of_a_failure_is_kept() -> None:
    kept = await walk(fail(ModelAnswerError("cut", kind="truncated", raw="half an ans")))
    assert {outcome.raw for outcome in kept.outcomes} == {"half an ans"}


SCORED: list[tuple[Act, tuple[str, str]]] = [
    (lambda: Scored(0.5), ("accepted", "")),
    (lambda: Scored(0.49), ("rejected", "low-score:opinion")),
    (lambda: Unscored("missing-criterion", "{}"), ("failed", "unscored:opinion:missing-criterion")),
    (fail(ModelAnswerError("no", kind="refused", raw="no")), ("failed", "unscored:opinion:refused")),
    (fail(KeyError("x")), ("failed", "unscored:opinion:crash:scorer:KeyError")),
]


@pytest.mark.parametrize(("scorer", "expected"), SCORED)
async def test_unscored_is_never_a_low_score(scorer: Act, expected: tuple[str, str]) -> None:
    assert states(await walk(lambda: [row()], scorer=scorer))[0] == expected


async def test_gates_stop_before_the_judge_and_forget_what_was_not_accepted() -> None:
    first, wall = Wall(act=Passed), Wall(act=lambda: Blocked("too-short", "3 characters"))
    asked: list[int] = []

    def judge() -> Scored:
        asked.append(1)
        return Scored(1.0)

    kept = await walk(lambda: [row()], [first, wall], judge)
    assert states(kept)[0] == ("rejected", "too-short")
    assert asked == []
    assert first.forgotten == [row().id]
    assert wall.forgotten == []


async def test_a_gate_that_crashes_fails_the_row() -> None:
    kept = await walk(lambda: [row()], [Wall(act=fail(RuntimeError("bad state")))])
    assert states(kept)[0] == ("failed", "crash:gate:RuntimeError")


@pytest.mark.parametrize("error", [BudgetError("spent"), ModelConfigError("401", kind="auth")])
async def test_stops_pass_through_and_leave_the_row_pending(error: Exception) -> None:
    with pytest.raises(type(error)):
        await walk(lambda: [row()], scorer=fail(error))


def test_a_tally_that_lost_a_row_does_not_balance() -> None:
    tally = Tally(planned=2)
    tally.count("accepted", "")
    assert not tally.balanced
    tally.pending = 1
    assert tally.balanced
    tally.files = 1
    assert not tally.balanced
