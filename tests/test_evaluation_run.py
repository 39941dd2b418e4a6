"""Evaluations run through the door: resumed, stopped, failed in part, and what their folders hold."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from support.eval_plans import eval_server, last_turn, run_plan, write_lines, write_plan
from support.judge_server import JudgeServer
from support.openai_server import Scripted, completion

from gristmill.errors import BudgetError, ModelConfigError, UsageError
from gristmill_evals.evaluation.each import for_each
from gristmill_evals.evaluation.folder import RunWriter, peek_run, read_run
from gristmill_evals.evaluation.plan import load_plan
from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.rehearsal import instance, rehearse
from gristmill_evals.evaluation.runner import EvalOptions, Evaluation
from gristmill_evals.evaluation.scores import scores

JUDGED = "  - {use: judged, path: p.jsonl, score: [{use: rubric, rubric: good.yaml, model: judge}]}"
RULES = "  - {use: judged, path: p.jsonl, score: [{use: refusal}]}"
RUN = EvalRun("1", "test", {"model": "openai:x"}, (), "2026-01-01T00:00:00+00:00", status="running")


def server() -> JudgeServer:
    return eval_server(lambda body: f"Well, {last_turn(body)}", lambda shown: "3" in shown["response"])


def plan(folder: Path, url: str, tasks: str = JUDGED, more: str = "", items: int = 6) -> Path:
    write_lines(folder / "p.jsonl", [{"id": str(n), "question": f"number {n}"} for n in range(items)])
    return write_plan(folder, url, tasks, more)


async def test_a_finished_evaluation_is_not_asked_again(tmp_path: Path) -> None:
    with server() as served:
        path = plan(tmp_path, served.url)
        first = await run_plan(path)
        text = (first.outcomes[0].folder / "samples.jsonl").read_bytes()
        again = await run_plan(path)
        assert sum(served.seen.values()) == 12
    assert again.outcomes[0].reused
    assert again.outcomes[0].folder == first.outcomes[0].folder
    assert (first.outcomes[0].folder / "samples.jsonl").read_bytes() == text


async def test_other_questions_have_a_folder_of_their_own(tmp_path: Path) -> None:
    with server() as served:
        first = await run_plan(plan(tmp_path, served.url))
        more = await run_plan(plan(tmp_path, served.url, items=7))
        few = await run_plan(tmp_path / "plan.yaml", EvalOptions(limit=2))
        assert sum(served.seen.values()) == 14
    folders = {job.outcomes[0].folder for job in (first, more, few)}
    assert len(folders) == 3
    assert [len(read_run(job.outcomes[0].folder)[1]) for job in (first, more, few)] == [6, 7, 2]


async def test_failed_items_are_asked_again_and_the_folder_stays_whole_meanwhile(tmp_path: Path) -> None:
    with server() as served:
        honest = served.say
        served.say = lambda body, n: "" if last_turn(body) == "number 4" else honest(body, n)
        path = plan(tmp_path, served.url)
        first = await run_plan(path)
        folder = first.outcomes[0].folder
        served.say = honest
        again = await run_plan(path, EvalOptions(redo=frozenset({"failed"})))
    assert again.outcomes[0].folder == folder
    _, samples = read_run(folder)
    assert [sample.error for sample in samples] == [""] * 6
    assert not (folder / "samples.new.jsonl").exists()
    assert again.outcomes[0].run.usage["this_time"]["sent"] == 2


async def test_a_judge_that_was_not_reached_is_asked_again(tmp_path: Path) -> None:
    with server() as served:
        served.script.extend([completion("Well, 3."), Scripted({"error": {"message": "down"}}, 500)])
        path = plan(tmp_path, served.url, items=1)
        first = await run_plan(path)
        _, (before,) = read_run(first.outcomes[0].folder)
        again = await run_plan(path)
        _, (after,) = read_run(again.outcomes[0].folder)
        assert sum(served.seen.values()) == 3
    assert (before.metrics, before.error) == ({"good": None}, "")
    assert before.details["scores"]["good"]["unscored"] == "server-error"
    assert after.metrics == {"good": 1.0}


async def test_one_task_that_cannot_be_run_does_not_lose_the_others(tmp_path: Path) -> None:
    missing = RULES.replace("p.jsonl", "gone.jsonl")
    twice = RULES.replace("use: refusal", "use: identity")
    with server() as served:
        job = await run_plan(plan(tmp_path, served.url, f"{missing}\n{JUDGED}\n{twice}"))
    run = job.outcomes[0].run
    assert (run.status, job.status) == ("failed", "failed")
    assert [task.name for task in run.tasks] == ["p"]
    assert "no such file" in run.failures["judged:gone.jsonl"]
    assert "two tasks are called 'p'" in run.failures["judged:p.jsonl#2"]
    assert run.finished


async def test_the_budget_stops_it_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    with server() as served:
        path = plan(tmp_path, served.url, items=40)
        path.write_text(
            path.read_text(encoding="utf-8").replace("retries: 0", "concurrency: 2"), encoding="utf-8"
        )
        poor = await run_plan(path, EvalOptions(max_cost=0.009))
        sent = sum(served.seen.values())
        rich = await run_plan(path)
        assert sum(served.seen.values()) == 80
    assert isinstance(poor.error, BudgetError)
    assert poor.status == "budget"
    assert 0 < sent < 80
    assert not poor.outcomes[0].run.finished
    assert rich.outcomes[0].run.status == "done"
    assert rich.outcomes[0].run.usage["calls"] == 80


async def test_stopping_keeps_what_is_on_the_wire(tmp_path: Path) -> None:
    with server() as served:
        served.behaviour.latency = 0.2
        path = plan(tmp_path, served.url, RULES, items=8)
        path.write_text(
            path.read_text(encoding="utf-8").replace("retries: 0", "concurrency: 2"), encoding="utf-8"
        )
        job = Evaluation(load_plan(path))
        work = asyncio.create_task(job.execute())
        while served.active < 2:  # noqa: ASYNC110 - the server runs in another thread
            await asyncio.sleep(0.01)
        job.stop()
        await work
        run, samples = read_run(job.outcomes[0].folder)
        assert (run.status, run.finished, len(samples)) == ("interrupted", "", 2)
        served.behaviour.latency = 0
        await run_plan(path)
        assert served.repeated == {}
        assert sum(served.seen.values()) == 8


async def test_a_wrong_key_fails_the_task_and_is_no_answer(tmp_path: Path) -> None:
    with server() as served:
        served.behaviour.key = "secret"
        job = await run_plan(plan(tmp_path, served.url))
        (reason,) = job.outcomes[0].run.failures.values()
    assert "key" in reason
    assert read_run(job.outcomes[0].folder)[1] == []


def files_with(text: bytes, folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and text in file.read_bytes()]


async def test_no_secret_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVAL_KEY", "sk-very-secret")
    with server() as served:
        served.behaviour.key = "sk-very-secret"
        path = plan(tmp_path, served.url, RULES)
        text = path.read_text(encoding="utf-8").replace("retries: 0", "api_key_env: EVAL_KEY")
        path.write_text(text, encoding="utf-8")
        job = await run_plan(path)
    run = orjson.loads((job.outcomes[0].folder / "run.json").read_bytes())
    assert run["model"]["api_key_env"] == "EVAL_KEY"
    assert run["status"] == "done"
    assert files_with(b"sk-very-secret", tmp_path) == []


async def test_the_dry_run_counts_the_calls_of_the_real_one(tmp_path: Path) -> None:
    talk = "  - {use: conversation, path: q.jsonl, judge: judge, rubric: good.yaml}"
    write_lines(tmp_path / "q.jsonl", [{"id": "1", "turns": ["Begin.", "Go on.", "End."]}])
    with server() as served:
        path = plan(tmp_path, served.url, f"{JUDGED}\n{talk}")
        loaded = load_plan(path, check_keys=False)
        (projection,) = await rehearse(loaded, Evaluation(loaded))
        assert sum(served.seen.values()) == 0
        await run_plan(path)
        assert sum(served.seen.values()) == 18
    assert projection.items == {"p": 6, "q": 1}
    assert {name: tally.sent for name, tally in projection.models.items()} == {
        "openai:small": 9,
        "openai:judge": 9,
    }
    assert projection.cost_usd
    assert not (tmp_path / "evaluations" / "calls.cache.sqlite-wal").exists()


def test_a_rehearsed_verdict_has_the_form_that_was_asked_for() -> None:
    row = {"type": "object", "properties": {"id": {"enum": ["a", "b"]}, "met": {"type": "boolean"}}}
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}, "n": {"minimum": 1}}}
    assert instance(schema) == {"rows": [{"id": "a", "met": False}, {"id": "b", "met": False}], "n": 1}


def test_samples_of_a_killed_run_are_read_up_to_the_line_that_was_cut(tmp_path: Path) -> None:
    with RunWriter(tmp_path) as writer:
        writer.save(RUN)
        writer.add(EvalSample("p", "1", "1", {"m": 1.0}, choices=("a", "b")))
        writer.add(EvalSample("p", "2", "2", {"m": None}, error="time-out: it was slow"))
    path = tmp_path / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    run, samples = read_run(tmp_path)
    assert (run, samples) == (RUN, [EvalSample("p", "1", "1", {"m": 1.0}, choices=("a", "b"))])


def test_a_finished_run_must_be_whole(tmp_path: Path) -> None:
    with RunWriter(tmp_path) as writer:
        writer.add(EvalSample("p", "1", "1", {"m": 1.0}))
        writer.save(replace(RUN, finished="2026-01-01T00:00:01+00:00"))
    path = tmp_path / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UsageError, match=r"samples.jsonl:1: not JSON"):
        read_run(tmp_path)


def test_a_finished_run_stays_until_its_successor_is_finished(tmp_path: Path) -> None:
    for item, ends in (("old", True), ("new", False)):
        with RunWriter(tmp_path) as writer:
            writer.add(EvalSample("p", item, "1", {"m": 1.0}))
            writer.save(replace(RUN, finished="2026-01-01T00:00:01+00:00" if ends else ""))
    run, samples = read_run(tmp_path)
    assert run.finished
    assert [sample.item_id for sample in samples] == ["old"]


def test_a_folder_is_written_by_one_at_a_time_and_others_are_no_run_folders(tmp_path: Path) -> None:
    with RunWriter(tmp_path), pytest.raises(UsageError, match="being run already"), RunWriter(tmp_path):
        pass
    assert peek_run(tmp_path) is None
    with pytest.raises(UsageError, match=r"no run.json here"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"id": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match="not the record of an evaluation"):
        read_run(tmp_path)


async def test_what_concerns_all_items_ends_the_task_and_nothing_else_begins() -> None:
    begun: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0)
        if number == 1:
            raise ModelConfigError("wrong key", kind="auth")

    with pytest.raises(ModelConfigError):
        await for_each(range(50), work, width=3)
    assert max(begun) < 8


def test_scores_tell_failed_unscored_and_absent_apart() -> None:
    metrics = (MetricInfo("turn_1"), MetricInfo("turn_3"), MetricInfo("drop", low=-1.0))
    rows: list[dict[str, float | None]] = [
        {"turn_1": 0.5, "drop": 0.0},
        {"turn_1": 0.7, "turn_3": 1.0, "drop": 0.0},
        {"turn_1": None, "turn_3": None, "drop": None},
    ]
    samples = [EvalSample("p", str(n), str(n), row) for n, row in enumerate(rows)]
    samples.append(EvalSample("p", "x", "x", {"turn_1": None}, error="time-out: slow"))
    run = replace(RUN, tasks=(TaskInfo("p", "conversation", metrics, 4),))
    first, third, drop = scores(run, samples)
    assert (first.failed, first.unscored, first.absent) == (1, 1, 0)
    assert (third.failed, third.unscored, third.absent) == (1, 1, 1)
    assert first.estimate is not None
    assert first.estimate.mean == pytest.approx(0.6)
    low, high = first.estimate.low, first.estimate.high
    assert low is not None
    assert high is not None
    assert 0 < low < 0.6 < high < 1  # Student's would leave the range
    assert drop.estimate is not None
    assert drop.estimate.low is None  # no share of ones, though all are 0


async def test_two_models_have_a_folder_each_and_share_the_budget_and_the_cache(tmp_path: Path) -> None:
    with server() as served:
        path = plan(tmp_path, served.url)
        text = path.read_text(encoding="utf-8").replace("evaluate: [small]", "evaluate: [small, big]")
        big = f'  big: {{model: "openai:big", base_url: "{served.url}", price: {{input: 1, output: 1}}}}\n'
        path.write_text(text.replace("evaluate:", f"{big}evaluate:"), encoding="utf-8")
        job = await run_plan(path)
        asked = [body["model"] for body in served.bodies]
    small, big_one = job.outcomes
    assert small.folder != big_one.folder
    assert (asked.count("small"), asked.count("big")) == (6, 6)
    assert asked.count("judge") == 6  # both gave the same answers: the judge is asked once
    assert big_one.run.usage["by_model"]["openai:judge"]["calls"] == 6
    assert big_one.run.usage["this_time"]["sent"] == 6
    assert job.counters.total.sent == 18


async def test_the_time_limit_stops_it_as_a_budget_does(tmp_path: Path) -> None:
    with server() as served:
        served.behaviour.latency = 0.3
        path = plan(tmp_path, served.url, more="budget: {minutes: 0.002}")
        job = await run_plan(path)
    assert job.status == "budget"
    assert "the time is up" in str(job.error)
