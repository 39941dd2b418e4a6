"""lm-eval run for real through the door, against the loopback server."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.lm_runs import CHOICE, GRAINS, WRITTEN, Ran, evaluate, model, rows, task_folder
from support.lm_server import LIKED, LmServer, sent, shown

from gristmill.errors import BudgetError, ModelConfigError, UsageError
from gristmill.models import Budget, Door
from gristmill_evals.contamination import load_benchmark
from gristmill_evals.evaluation.lm import LmEvalTask
from gristmill_evals.evaluation.records import EvalContext
from gristmill_evals.lm_tasks import manager, unknown

FILTERED = {
    **WRITTEN,
    "filter_list": [
        {"name": "whole", "filter": [{"function": "take_first"}]},
        {
            "name": "number",
            "filter": [{"function": "regex", "regex_pattern": "(rye|oats)"}, {"function": "take_first"}],
        },
    ],
}
ROLLED = {
    "output_type": "loglikelihood_rolling",
    "doc_to_text": "",
    "doc_to_target": "{{stem}}",
    "metric_list": [
        {"metric": "word_perplexity", "aggregation": "weighted_perplexity", "higher_is_better": False}
    ],
}
TASKS: dict[str, Any] = {
    "mill_choice": CHOICE,
    "mill_written": WRITTEN,
    "mill_filtered": FILTERED,
    "mill_rolled": ROLLED,
    "mill_unsafe": {**WRITTEN, "unsafe_code": True},
    "mill_rouge": {
        **WRITTEN,
        "metric_list": [{"metric": "rouge", "aggregation": "mean", "higher_is_better": True}],
    },
    "mill_both": {"group": "mill_both", "task": ["mill_choice", "mill_written"]},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks over eight items, two to a page."""
    root = tmp_path_factory.mktemp("lm")
    task_folder(root, TASKS, rows(8))
    return root


def task(which: str, /, **more: Any) -> LmEvalTask:
    return LmEvalTask(task=which, folder="tasks", **more)


def uneven() -> list[dict[str, Any]]:
    """Items of which the first has fewer choices."""
    return [{**row, "opts": row["opts"][: 2 if not n else 4]} for n, row in enumerate(rows(3))]


def grain(body: dict[str, Any]) -> str:
    """The right answer, from the number in the question."""
    return GRAINS[int(shown(body).rpartition("number ")[2].partition("?")[0]) % 4]


async def run(name: str, server: LmServer, root: Path, endpoint: str = "chat", **more: Any) -> Ran:
    return await evaluate(task(name), model(server, endpoint), root, **more)


async def test_choices_by_likelihood(root: Path) -> None:
    with LmServer(likes={"test-model": ["oats"]}) as server:
        ran = await run("mill_choice", server, root, "completions")
    assert ran.values("acc") == [0, 1, 0, 0] * 2
    assert ran.samples[0].details["logprobs"][1] == pytest.approx(LIKED)
    assert ran.samples[0].details["greedy"] == [False, True, False, False]
    first = ran.samples[0]
    assert (first.question, first.target, first.response) == ("Grain number 0?", "rye", "oats")
    assert (first.choices, first.cluster, ran.expected) == (GRAINS, "mill_choice-0", {"mill_choice": 8})
    assert [metric.name for metric in ran.infos[0].metrics] == ["acc", "acc_norm"]


async def test_items_are_those_of_the_contamination_check(root: Path) -> None:
    with LmServer() as server:
        ran = await run("mill_choice", server, root, "completions")
    known = load_benchmark("lm-eval:mill_choice@tasks", root).items
    assert [(s.item_id, s.question, s.choices) for s in ran.samples] == [
        (item.id, item.question, item.choices) for item in known
    ]


async def test_a_group_is_several_tasks_and_a_column_tells_clusters(root: Path) -> None:
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_both", cluster="page", limit=4), model(server, "completions"), root)
    assert [info.name for info in ran.infos] == ["mill_choice", "mill_written"]
    assert ran.expected == {"mill_choice": 4, "mill_written": 4}
    assert ran.values("exact_match", "mill_written") == [1, 1, 1, 1]
    assert [s.cluster for s in ran.samples if s.task == "mill_written"] == ["p0", "p0", "p1", "p1"]


async def test_chat_and_completions_are_asked_in_their_own_ways(root: Path) -> None:
    with LmServer(grain) as server:
        chat = await run("mill_written", server, root)
        text = await run("mill_written", server, root, "completions")
        bodies = list(server.bodies)
    assert chat.values("exact_match") == text.values("exact_match") == [1] * 8
    assert bodies[0]["messages"] == [{"role": "user", "content": shown(bodies[0])}]
    assert "messages" not in bodies[-1]
    assert bodies[-1]["prompt"].startswith("Question: Grain number")
    assert {(b["temperature"], b["max_tokens"], tuple(b["stop"])) for b in bodies} == {(0, 20, ("\n",))}


async def test_examples_are_turns_of_a_chat(root: Path) -> None:
    with LmServer(grain) as server:
        told = task("mill_written", num_fewshot=2, system="Be short.", limit=1)
        ran = await evaluate(told, model(server), root)
        roles = [turn["role"] for turn in server.bodies[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "come from the evaluated items themselves" in ran.infos[0].settings["notes"][0]


async def test_two_models_never_share_answers(root: Path) -> None:
    cache = root / "two.sqlite"
    with LmServer(lambda body: "rye" if body["model"] == "a" else grain(body), models=("a", "b")) as server:
        runs = [await evaluate(task("mill_written"), model(server, name=name), root, cache) for name in "aba"]
    assert [sum(filter(None, ran.values("exact_match"))) for ran in runs] == [2, 8, 2]
    assert [ran.sent for ran in runs] == [8, 8, 0]


@pytest.mark.parametrize("endpoint", ["chat", "completions"])
async def test_null_is_no_answer(root: Path, endpoint: str) -> None:
    with LmServer(lambda body: None if "number 3" in shown(body) else grain(body)) as server:
        ran = await run("mill_written", server, root, endpoint)
    assert ran.values("exact_match") == [1, 1, 1, None, 1, 1, 1, 1]
    lost = ran.samples[3]
    assert lost.error.startswith("empty:" if endpoint == "chat" else "bad-response:")
    assert (lost.response, lost.question) == ("", "Grain number 3?")


@pytest.mark.parametrize(("name", "endpoint"), [("mill_written", "chat"), ("mill_choice", "completions")])
async def test_one_error_for_ever_costs_one_sample(root: Path, name: str, endpoint: str) -> None:
    with LmServer(grain, broken=lambda text: "number 5" in text) as server:
        ran = await run(name, server, root, endpoint)
    assert [bool(sample.error) for sample in ran.samples] == [n == 5 for n in range(8)]
    assert ran.samples[5].error.startswith("server-error: HTTP 500")
    assert set(ran.samples[5].metrics.values()) == {None}
    assert ran.infos[0].items == 8


async def test_refusals_are_no_answers(root: Path) -> None:
    with LmServer(grain, refusal=1.0) as server:
        server._choice = lambda body, index, rng: {  # type: ignore[method-assign]
            "message": {"content": None, "refusal": "No."},
            "finish_reason": "stop",
        }
        ran = await run("mill_written", server, root)
    assert {sample.error.partition(":")[0] for sample in ran.samples} == {"refused"}
    assert ran.infos[0].items == 8


async def test_an_answer_at_its_limit_counts_and_is_marked(root: Path) -> None:
    with LmServer(grain, finish="length") as server:
        ran = await run("mill_written", server, root)
    assert ran.values("exact_match") == [1] * 8
    assert all(sample.details["truncated"] for sample in ran.samples)
    with LmServer(lambda body: None, finish="length") as server:  # all of it went into thoughts
        ran = await run("mill_written", server, root)
    assert {sample.error.partition(":")[0] for sample in ran.samples} == {"truncated"}


async def test_thoughts_are_no_part_of_an_answer(root: Path) -> None:
    with LmServer(lambda body: f"rye?\noats?</think>\n{grain(body)}") as server:
        ran = await evaluate(task("mill_written", think_end="</think>"), model(server), root)
        assert "stop" not in server.bodies[0]
    assert ran.values("exact_match") == [1] * 8


async def test_all_stop_strings_are_applied(root: Path) -> None:
    stops = ["a1", "a2", "a3", "a4", "#", "\n"]
    with LmServer(lambda body: f"{grain(body)}# and\nmore") as server:
        ran = await evaluate(task("mill_written", gen_kwargs={"until": stops}), model(server), root)
        assert {tuple(body["stop"]) for body in server.bodies} == {("a1", "a2", "a3", "a4")}
    assert ran.values("exact_match") == [1] * 8


async def test_several_filters_give_several_metrics_and_one_sample(root: Path) -> None:
    with LmServer(lambda body: f"I say {grain(body)}.", broken=lambda text: "number 0" in text) as server:
        ran = await run("mill_filtered", server, root)
    assert [metric.name for metric in ran.infos[0].metrics] == ["exact_match,whole", "exact_match,number"]
    assert ran.values("exact_match,whole") == [None] + [0] * 7
    assert ran.values("exact_match,number") == [None, 1, 0, 0, 1, 1, 0, 0]
    assert ran.samples[1].details["read_as"]["number"] == "oats"


async def test_what_is_no_mean_is_given_only_when_nothing_failed(root: Path) -> None:
    with LmServer(bos=True) as server:
        whole = await run("mill_rolled", server, root, "completions")
    with LmServer(bos=True, broken=lambda text: "number 2" in text) as server:
        part = await run("mill_rolled", server, root, "completions")
    [given], [missing] = whole.infos[0].metrics, part.infos[0].metrics
    assert not given.mean
    assert given.value is not None
    assert given.value > 1
    assert "no interval" in given.note
    assert missing.value is None
    assert "1 of 8 items have no answer" in missing.note


async def test_a_figure_that_cannot_be_worked_out_leaves_the_samples(tmp_path: Path) -> None:
    """lm-eval's Brier score wants as many choices in every item."""
    names = ("acc", "brier_score")
    told = [{"metric": name, "aggregation": "mean" if name == "acc" else name} for name in names]
    task_folder(tmp_path, {"mill_brier": {**CHOICE, "metric_list": told}}, uneven())
    with LmServer() as server:
        ran = await evaluate(task("mill_brier"), model(server, "completions"), tmp_path)
    brier = ran.infos[0].metrics[1]
    assert (brier.mean, brier.value) == (False, None)
    assert "could not be worked out" in brier.note
    assert None not in ran.values("acc")


async def test_the_beginning_of_an_answer_goes_to_the_question(tmp_path: Path) -> None:
    task_folder(tmp_path, {"mill_begun": {**WRITTEN, "gen_prefix": "The grain is"}}, rows(1))
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_begun"), model(server), tmp_path)
        [body] = server.bodies
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert shown(body).endswith("Answer:\n\nThe grain is")
    assert ran.samples[0].prompt.startswith("user: Question: Grain number 0?")


async def test_repeats_are_other_samples(tmp_path: Path) -> None:
    told = {
        **WRITTEN,
        "repeats": 3,
        "generation_kwargs": {"until": ["\n"], "do_sample": True, "temperature": 1.0},
    }
    task_folder(tmp_path, {"mill_thrice": told}, rows(2))
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_thrice"), model(server), tmp_path, tmp_path / "c.sqlite")
        assert sent(server) == 6
        assert server.bodies[0]["temperature"] == 1.0
    assert ran.samples[0].details["repeats"] == ["rye"] * 3


async def test_one_task_in_two_ways_has_two_names(root: Path) -> None:
    with LmServer(grain) as server:
        one = await evaluate(task("mill_written", name="mill-1", num_fewshot=1, limit=2), model(server), root)
        both = await evaluate(task("mill_both", name="b", limit=1), model(server, "completions"), root)
    assert [info.name for info in one.infos] == ["mill-1"]
    assert [sample.item_id for sample in one.samples] == ["mill_written-0", "mill_written-1"]
    assert {sample.task for sample in both.samples} == {"b/mill_choice", "b/mill_written"}
    assert both.expected == {"b/mill_choice": 1, "b/mill_written": 1}


async def test_metrics_that_crash_cost_one_sample(root: Path, tmp_path: Path) -> None:
    folder = task_folder(tmp_path, {"mill_crash": WRITTEN}, rows(4))
    (folder / "broken.py").write_text(
        "def measure(doc, results):\n    return {'exact_match': 1 / (doc['gold'] - 2)}\n"
    )
    with (folder / "mill_crash.yaml").open("a") as file:
        file.write("process_results: !function broken.measure\n")
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_crash"), model(server), tmp_path)
    assert ran.samples[2].error.startswith("scoring-failed: ZeroDivisionError")
    assert ran.values("exact_match") == [-0.5, -1.0, None, 1.0]


async def test_a_chat_model_has_no_likelihoods_and_is_asked_nothing(root: Path) -> None:
    with LmServer() as server:
        with pytest.raises(UsageError, match="mill_choice needs log-likelihoods") as error:
            await run("mill_both", server, root)
        assert "endpoint: completions" in error.value.cure
        assert sent(server) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mill_unsafe", "code that the model writes"),
        ("mill_rouge", "rouge is code that would be downloaded"),
    ],
)
async def test_what_cannot_be_run_is_said_before_anything_is_sent(root: Path, name: str, said: str) -> None:
    with LmServer() as server:
        with pytest.raises(UsageError, match=said):
            await run(name, server, root)
        with pytest.raises(UsageError, match="no column 'nowhere'"):
            await evaluate(task("mill_written", cluster="nowhere"), model(server), root)
        assert sent(server) == 0


async def test_data_that_cannot_be_reached_are_named(tmp_path: Path) -> None:
    task_folder(
        tmp_path, {"mill_lost": {**WRITTEN, "dataset_path": "harrow/lost", "dataset_name": "deep"}}, []
    )
    with LmServer() as server, pytest.raises(UsageError, match="cannot be loaded") as error:
        await evaluate(task("mill_lost"), model(server), tmp_path)
    assert "its data: harrow/lost (deep)" in error.value.message
    assert error.value.cure.startswith("HF_HUB_OFFLINE forbids downloads")


async def test_the_process_is_left_as_it_was(root: Path) -> None:
    import lm_eval.api.task as module
    from lm_eval.utils import env

    random.seed(7)
    before = (random.getstate(), logging.getLogger("lm_eval").level, module.tqdm)
    with LmServer(grain) as server:
        await run("mill_written", server, root)
    assert (random.getstate(), logging.getLogger("lm_eval").level, module.tqdm) == before
    assert "from_string" not in vars(env)


async def test_a_number_of_examples_that_a_task_fixes_is_told(tmp_path: Path) -> None:
    task_folder(tmp_path, {"mill_zero": {**WRITTEN, "num_fewshot": 0}}, rows(2))
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_zero", num_fewshot=2), model(server), tmp_path)
    assert ran.infos[0].settings["num_fewshot"] == 0
    assert ran.infos[0].settings["notes"] == ["the task fixes num_fewshot at 0: 2 was not used"]


async def test_code_is_run_when_allowed(root: Path) -> None:
    with LmServer(grain) as server:
        ran = await evaluate(task("mill_unsafe", allow_code=True), model(server), root)
    assert ran.values("exact_match") == [1] * 8


async def test_a_file_by_its_path(root: Path) -> None:
    with LmServer(grain) as server:
        ran = await evaluate(LmEvalTask(task="tasks/mill_written.yaml"), model(server), root)
    assert [info.name for info in ran.infos] == ["mill_written"]
    assert ran.values("exact_match") == [1] * 8


async def test_a_folder_of_tasks_does_not_have_all_others_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lm_eval.tasks import TaskManager

    indexed: list[bool] = []
    real = TaskManager.__init__

    def told(self: Any, *args: Any, include_defaults: bool = True, **more: Any) -> None:
        indexed.append(include_defaults)
        real(self, *args, include_defaults=include_defaults, **more)

    monkeypatch.setattr(TaskManager, "__init__", told)
    began = time.monotonic()
    with LmServer(grain) as server:
        await run("mill_written", server, root)
    assert True not in indexed
    assert time.monotonic() - began < 5


async def test_a_spent_budget_ends_it_and_a_second_run_goes_on(root: Path) -> None:
    cache = root / "budget.sqlite"
    with LmServer(grain) as server:
        spec = model(server, concurrency=1, price={"input": 1e6, "output": 0})
        with pytest.raises(BudgetError):
            await evaluate(task("mill_written"), spec, root, cache, budget=Budget(usd=40.0))
        before = sent(server)
        ran = await evaluate(task("mill_written"), spec, root, cache)
        assert 0 < before < 8
        assert sent(server) == 8
    assert ran.values("exact_match") == [1] * 8


async def test_a_wrong_key_ends_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_KEY", "wrong")
    with LmServer(grain, key="right") as server, pytest.raises(ModelConfigError, match="401"):
        await evaluate(task("mill_written"), model(server, api_key_env="LM_KEY"), root)


async def test_whoever_waits_can_be_cancelled(root: Path) -> None:
    asked = asyncio.Event()
    with LmServer(grain, latency=30.0) as server:
        door = Door({"model": model(server)}, cache=None)
        context = EvalContext(door, "model", root, print, lambda name, count: asked.set())
        running = asyncio.create_task(task("mill_written").evaluate(context))
        await asked.wait()
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 4
        await door.close(grace=0)
    for thread in threading.enumerate():
        if thread.name == "gristmill-lm":
            thread.join(2)
            assert not thread.is_alive()


def test_a_killed_run_goes_on_where_it_was(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "c.sqlite"
    with LmServer(grain, latency=0.15) as server:
        command = [sys.executable, "-m", "support.lm_runs", server.url, str(root), str(cache)]
        process = subprocess.Popen(command, cwd=Path(__file__).parent)
        while server.answered.total() < 4 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        before = server.answered.total()
        assert before < 8
        ran = asyncio.run(evaluate(task("mill_written"), model(server), root, cache))
        assert before - 1 <= 8 - ran.sent <= before
    assert ran.values("exact_match") == [1] * 8


def test_an_unknown_name_is_told_with_those_that_are_close(root: Path) -> None:
    said = unknown("mill_choise", "plan", manager(root / "tasks", False))
    assert "lm-eval has no task 'mill_choise'" in str(said)
    assert "mill_choice" in said.cure
