"""distilabel's judge tasks run unchanged over our door; a doubtful rating is unscored, never a number."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.openai_server import OpenAIServer, Scripted, completion
from support.projects import make_project, run_json
from support.scripted_ask import ScriptedAsk, item

from gristmill.errors import BudgetError, ModelAnswerError, ModelConfigError, ModelError, RecipeError
from gristmill.models import Budget, Door, ModelSpec, RetryPolicy
from gristmill.models.types import Answer
from gristmill.recipe import load_recipe
from gristmill.records import Message, Usage
from gristmill.registry import Scored, Scorer, Unscored, load
from gristmill_scorers.distilabel.deita import ComplexityScorer, QualityScorer
from gristmill_scorers.distilabel.prometheus import Prometheus
from gristmill_scorers.distilabel.ultrafeedback import UltraFeedback

ITEM = item("At 6:40.", instruction="When does the ferry leave?")
GOOD = "#### Output for Text 1\nRating: 4\nRationale: It names the hour."
TYPED = (
    "#### Output for Text 1\nType: 1, 2\nRationale: To the point.\nRating: 5\nRationale: Nothing is lacking."
)
GRADED = "Feedback: The hour is right. [RESULT] 4"
HELPFUL = UltraFeedback(model="judge", aspect="helpfulness")
HONEST = UltraFeedback(model="judge", aspect="honesty")
GRADER = Prometheus(model="judge", rubric="factual-validity")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def open_door(server: OpenAIServer, cache: Path | None = None, **more: Any) -> Door:
    spec = ModelSpec(model="openai:test-model", base_url=server.url)
    return Door({"judge": spec}, cache=cache, retry=RetryPolicy(base=0.001, longest=0.01), **more)


GOOD_ANSWERS = [
    (UltraFeedback(model="judge"), GOOD, 0.75, "It names the hour."),
    (HONEST, GOOD.replace("4", "1"), 0.0, "It names the hour."),
    (HONEST, GOOD.replace("4", "5/5") + "\n\n", 1.0, "It names the hour."),
    (HONEST, GOOD.replace("4", "3 (minor mistakes)"), 0.5, "It names the hour."),
    (UltraFeedback(model="judge", aspect="instruction-following"), GOOD, 0.75, "It names the hour."),
    (HONEST, f"<think>Rating: 1? No.\n\nIt is fine.</think>\n\n{GOOD}", 0.75, "It names the hour."),
    (HELPFUL, TYPED, 1.0, "Nothing is lacking."),
    (UltraFeedback(model="judge", aspect="truthfulness"), TYPED, 1.0, "Nothing is lacking."),
    (GRADER, GRADED, 0.75, "The hour is right."),
    (GRADER, "No.\n\nIt sails at 7:40. [RESULT] 1", 0.0, "No.\n\nIt sails at 7:40."),
]


@pytest.mark.parametrize(("judge", "text", "value", "rationale"), GOOD_ANSWERS)
async def test_a_rating_becomes_a_value(judge: Scorer, text: str, value: float, rationale: str) -> None:
    result = await judge.score(ITEM, ScriptedAsk({judge.tasks[0]: text}))
    assert isinstance(result, Scored)
    assert (result.value, result.rationale) == (value, rationale)
    (vote,) = result.votes
    assert (vote["rating"], vote["call"]) == (1 + 4 * value, f"{judge.tasks[0]}-1-0")


DOUBTFUL = [
    (HONEST, GOOD + "\n\nIt could say more.", "wrong-number-of-ratings"),  # a blank line inside the rationale
    (HONEST, GOOD.replace("\nRationale", "\n\nRationale"), "wrong-number-of-ratings"),
    (HONEST, f"{GOOD}\n{GOOD}", "wrong-number-of-ratings"),
    (HONEST, "I like it.", "missing-rating"),
    (HONEST, GOOD.replace(" 4", ""), "missing-rating"),
    (HONEST, GOOD.replace("4", "N/A"), "not-applicable"),
    (HONEST, GOOD.replace("4", "0"), "rating-out-of-range"),
    (HONEST, GOOD.replace("4", "9"), "rating-out-of-range"),
    (HONEST, GOOD.replace("4", "-4"), "rating-out-of-range"),
    (HONEST, GOOD.replace("4", "4.5"), "unreadable-rating"),
    (HONEST, GOOD.replace("4", "4/10"), "unreadable-rating"),
    (HONEST, GOOD.replace("4", "4 or 5"), "unreadable-rating"),
    (HONEST, GOOD.replace("4", "four"), "unreadable-rating"),
    (HONEST, "Rating: 4", "unreadable-rating"),  # distilabel wants a rationale
    (HELPFUL, GOOD, "unreadable-rating"),  # no type
    (
        HELPFUL,
        TYPED.replace(".\nR", ".\n\nR"),
        "wrong-number-of-ratings",
    ),
    (GRADER, "Feedback: Fine.", "missing-rating"),
    (GRADER, "Feedback: Fine. [RESULT]", "missing-rating"),
    (GRADER, "Feedback: Fine. [RESULT] 3 [RESULT] 4", "wrong-number-of-ratings"),
    (GRADER, "Feedback: Fine. [RESULT] 6", "rating-out-of-range"),
    (GRADER, "Feedback: Fine. [RESULT] four", "unreadable-rating"),
]


@pytest.mark.parametrize(("judge", "text", "reason"), DOUBTFUL)
async def test_a_doubtful_rating_is_unscored_with_its_text(judge: Scorer, text: str, reason: str) -> None:
    assert await judge.score(ITEM, ScriptedAsk({judge.tasks[0]: text})) == Unscored(reason, text)


async def test_the_published_prompt_holds_the_row() -> None:
    ask = ScriptedAsk({"ultrafeedback": GOOD, "prometheus": GRADED})
    pair = item("At 6:40.", instruction="When does it {{ leave }}?", rejected="Never.")
    judge = UltraFeedback(model="judge", aspect="honesty", temperature=0.0, max_tokens=300)
    assert isinstance(await judge.score(pair, ask), Scored)
    assert isinstance(await GRADER.score(pair, ask), Scored)
    rated, graded = ask.asked
    assert (rated.model, rated.n, rated.params) == ("judge", 1, {"temperature": 0.0, "max_tokens": 300})
    assert "# Honesty and Uncertainty Expression Assessment" in rated.prompt
    assert "Are the model’s responses factually correct" in graded.prompt
    for asked in (rated, graded):
        assert "When does it {{ leave }}?" in asked.prompt
        assert "At 6:40." in asked.prompt
        assert "Never." not in asked.prompt


async def test_a_reference_is_shown_when_there_is_one() -> None:
    ask = ScriptedAsk({"prometheus": GRADED})
    example = replace(ITEM.example, metadata={"reference": "At twenty to seven."})
    result = await GRADER.score(replace(ITEM, example=example), ask)
    assert isinstance(result, Scored)
    assert result.votes[0]["reference"] is True
    assert "###Reference Answer (Score 5):\nAt twenty to seven." in ask.asked[0].prompt


async def test_an_empty_response_is_not_sent() -> None:
    ask = ScriptedAsk({})
    assert await HONEST.score(item(" "), ask) == Unscored("empty-response")
    assert ask.asked == []


async def test_calls_go_through_the_door_and_its_cache(server: OpenAIServer, tmp_path: Path) -> None:
    server.script.extend([completion(GOOD), completion(GRADED)])
    results = []
    for _ in range(2):
        async with open_door(server, tmp_path / "calls.sqlite") as door:
            ask = door.ask_for("judge")
            results.append([await HONEST.score(ITEM, ask), await GRADER.score(ITEM, ask)])
    assert results[0] == results[1]
    assert [result.value for result in results[0] if isinstance(result, Scored)] == [0.75, 0.75]
    assert (server.seen.total(), door.counters.total.cached) == (2, 2)


FAULTS: list[tuple[Scripted, type[ModelError], str]] = [
    (completion(None, refusal="No."), ModelAnswerError, "refused"),
    (completion(GOOD, finish="length"), ModelAnswerError, "truncated"),
    (Scripted({"error": {"message": "bad key"}}, 401), ModelConfigError, "auth"),
]


@pytest.mark.parametrize("judge", [HONEST, GRADER])
@pytest.mark.parametrize(("reply", "kind", "slug"), FAULTS)
async def test_errors_of_the_door_arrive_as_they_are(
    server: OpenAIServer, judge: Scorer, reply: Scripted, kind: type[ModelError], slug: str
) -> None:
    server.script.append(reply)
    async with open_door(server) as door:
        with pytest.raises(kind) as caught:
            await judge.score(ITEM, door.ask_for("judge"))
    assert caught.value.kind == slug


async def test_a_spent_budget_arrives_as_it_is(server: OpenAIServer) -> None:
    async with open_door(server, budget=Budget(tokens=1)) as door:
        with pytest.raises(BudgetError):
            await HONEST.score(ITEM, door.ask_for("judge"))
    assert server.seen.total() == 0


class MeetingAsk:
    """Answers when ``guests`` have asked, which they only can while the event loop is free."""

    def __init__(self, guests: int) -> None:
        self.barrier = asyncio.Barrier(guests)
        self.asked = asyncio.Event()
        self.cancelled = False

    async def __call__(self, messages: list[Message], **_: Any) -> list[Answer]:
        self.asked.set()
        try:
            await self.barrier.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        number = next(m["content"] for m in reversed(messages)).split("ferry ")[1][:1]
        return [Answer(GOOD.replace("4", number), None, "m", number, Usage())]


@pytest.mark.parametrize("judges", [2, 60])  # 60 is more than asyncio's own pool has threads
async def test_judgements_wait_together_and_are_not_mixed_up(judges: int) -> None:
    ask = MeetingAsk(judges)
    wanted = [1 + number % 5 for number in range(judges)]
    items = [item("Yes.", instruction=f"Does ferry {number} sail?") for number in wanted]
    results = await asyncio.gather(*(HONEST.score(one, ask) for one in items))
    assert [r.votes[0]["rating"] for r in results if isinstance(r, Scored)] == wanted


async def test_the_event_loop_is_free_while_a_judge_thinks() -> None:
    ask = MeetingAsk(2)
    judging = asyncio.create_task(HONEST.score(item("Yes.", instruction="Does ferry 3 sail?"), ask))
    await ask.asked.wait()
    assert not judging.done()
    await ask.barrier.wait()
    assert isinstance(await judging, Scored)


async def test_a_cancelled_judgement_takes_back_its_call_and_frees_its_thread() -> None:
    ask = MeetingAsk(2)
    judging = asyncio.create_task(HONEST.score(item("Yes.", instruction="Does ferry 3 sail?"), ask))
    await ask.asked.wait()
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging
    # a process that ends now must not wait for a thread that waits for nobody
    await asyncio.to_thread(wait_until_no_judge_waits)
    assert ask.cancelled


def wait_until_no_judge_waits() -> None:
    while any("draw" in functions(t) for t in threading.enumerate() if t.name.startswith("gristmill-")):
        time.sleep(0.01)


def functions(thread: threading.Thread) -> set[str]:
    frame = sys._current_frames().get(thread.ident or 0)
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


async def test_only_the_pipeline_warning_is_silenced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        judge = UltraFeedback(model="judge", aspect="truthfulness")
        await judge.score(ITEM, ScriptedAsk({"ultrafeedback": TYPED.replace("5", "five")}))
    said = [r.getMessage() for r in caplog.records if r.name.startswith("distilabel")]
    assert [text for text in said if "pipeline" in text] == []
    assert len([text for text in said if "failed to format output" in text]) == 1


BY_NAME = [
    ("ultrafeedback", UltraFeedback),
    ("prometheus", Prometheus),
    ("quality_scorer", QualityScorer),
    ("complexity_scorer", ComplexityScorer),
]


@pytest.mark.parametrize(("use", "kind"), BY_NAME)
def test_registered_by_name_and_refused_offline(tmp_path: Path, use: str, kind: type[Scorer]) -> None:
    assert load("scorers", use) is kind
    recipe = make_project(tmp_path, extra=f"score:\n  - {{use: {use}, model: writer}}\n")
    with pytest.raises(RecipeError, match=rf"offline:extractive has no rules for {use} \({use}\)") as caught:
        load_recipe(recipe)
    assert "give this step a language model" in str(caught.value)


def test_labels_fit_the_accept_rule_and_the_version_is_fingerprinted(tmp_path: Path) -> None:
    extra = (
        'accept: "ultrafeedback_instruction_following >= 0.5 and prometheus_factual_validity > 0"\n'
        "score:\n  - {use: ultrafeedback, aspect: instruction-following, model: writer}\n"
        "  - {use: prometheus, rubric: factual-validity, model: writer}\n"
    )
    model = '"openai:test-model", base_url: "http://127.0.0.1:9/v1"'
    loaded = load_recipe(make_project(tmp_path, model, extra))
    assert loaded.accept is not None
    assert {scorer.label for scorer in loaded.scorers} == loaded.accept.names
    assert all(scorer.fingerprint()["distilabel"] for scorer in loaded.scorers)


def test_a_recipe_runs_with_it(tmp_path: Path, server: OpenAIServer) -> None:
    server.script.extend([completion(GOOD)] * 100)
    recipe = make_project(
        tmp_path,
        extra="score:\n  - {use: ultrafeedback, aspect: honesty, model: judge}\n"
        'accept: "ultrafeedback_honesty >= 0.7"\n',
    )
    judge = f'models:\n  judge: {{model: "openai:test-model", base_url: "{server.url}"}}\n'
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("models:\n", judge), encoding="utf-8")
    first, again = run_json(recipe), run_json(recipe)
    assert first["balanced"]
    assert first["accepted"] == server.seen.total() > 0
    assert again["calls"]["sent"] == 0


def test_listing_scorers_does_not_import_distilabel() -> None:
    code = (
        "import sys; from gristmill.registry import component_help; rows = dict(component_help('scorers'));"
        "assert {'ultrafeedback', 'prometheus', 'quality_scorer', 'complexity_scorer'} <= rows.keys();"
        "print('distilabel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_distilabel_leaves_the_process_as_it_was() -> None:
    code = (
        "import asyncio, sys; from test_scorers_distilabel import GOOD, HONEST, ITEM, ScriptedAsk;"
        "print(asyncio.run(HONEST.score(ITEM, ScriptedAsk({'ultrafeedback': GOOD}))).value);"
        "print('distilabel' in sys.modules, sys.excepthook is sys.__excepthook__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent
    )
    assert (done.stdout.split(), done.stderr) == (["0.75", "True", "True"], "")
