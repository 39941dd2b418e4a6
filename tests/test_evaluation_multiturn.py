"""``use: conversation`` over HTTP: turns, their grades, the drop, and comparisons with a baseline."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from support.eval_plans import Body, eval_server, last_turn, run_plan, write_lines, write_plan
from support.openai_replies import blocks

from gristmill_evals.evaluation.baseline import win_metrics
from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.items import read_prompts
from gristmill_evals.evaluation.plan import load_plan
from gristmill_evals.evaluation.records import EvalRun, EvalSample
from gristmill_evals.evaluation.runner import EvalOptions, Evaluation
from gristmill_evals.evaluation.scores import scores
from gristmill_scorers.rubric_file import load_rubric

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
TALK = "  - {use: conversation, path: q.jsonl, judge: judge, rubric: good.yaml}"
ROWS = [
    {"id": "two", "category": "talk", "turns": ["First?", "Second?"], "reference": ["One.", "Two."]},
    {"id": "three", "turns": ["First?", "Second, yes?", "Third?"]},
]


def echo(body: Body) -> str:
    return f"answer {len(body['messages'])} to {last_turn(body)}"


async def evaluated(folder: Path, url: str, task: str = TALK) -> tuple[EvalRun, list[EvalSample], Path]:
    write_lines(folder / "q.jsonl", ROWS)
    job = await run_plan(write_plan(folder, url, task))
    return *read_run(job.outcomes[0].folder), job.outcomes[0].folder


async def test_each_turn_is_asked_with_the_models_own_answers_before_it(tmp_path: Path) -> None:
    with eval_server(echo, lambda shown: True) as server:
        await evaluated(tmp_path, server.url)
        longest = max((b["messages"] for b in server.bodies if b["model"] == "small"), key=len)
    assert [turn["content"] for turn in longest] == [
        "First?",
        "answer 1 to First?",
        "Second, yes?",
        "answer 3 to Second, yes?",
        "Third?",
    ]
    assert [turn["role"] for turn in longest] == ["user", "assistant", "user", "assistant", "user"]


async def test_turns_have_grades_a_mean_and_a_drop(tmp_path: Path) -> None:
    with eval_server(echo, lambda shown: "answer 1" in shown["response"]) as server:
        run, samples, _ = await evaluated(tmp_path, server.url)
    two, three = sorted(samples, key=lambda sample: len(sample.metrics))
    assert two.metrics == {"turn_1": 1.0, "turn_2": 0.0, "mean": 0.5, "drop": -1.0}
    assert three.metrics == {
        "turn_1": 1.0,
        "turn_2": 0.0,
        "turn_3": 0.0,
        "mean": pytest.approx(1 / 3),
        "drop": -1.0,
    }
    assert [metric.name for metric in run.tasks[0].metrics] == ["mean", "turn_1", "turn_2", "turn_3", "drop"]
    found = {score.metric.name: score for score in scores(run, samples)}
    assert (found["turn_3"].absent, found["turn_3"].unscored, found["turn_2"].absent) == (1, 0, 0)
    assert two.details["turns"][1]["response"] == "answer 3 to Second?"
    assert two.target == "One.\n\nTwo."


async def test_a_judge_of_one_answer_is_shown_the_talk_before_it(tmp_path: Path) -> None:
    with eval_server(echo, lambda shown: True) as server:
        await evaluated(tmp_path, server.url)
        shown = [blocks(b["messages"]) for b in server.bodies if b["model"] == "judge"]
    second = next(one for one in shown if one["response"] == "answer 3 to Second?")
    assert second["question"] == "user: First?\n\nassistant: answer 1 to First?\n\nuser: Second?"
    assert second["reference"] == "Two."


async def test_a_judge_of_conversations_is_shown_all_turns_so_far(tmp_path: Path) -> None:
    task = TALK.replace(", rubric: good.yaml", "")
    with eval_server(echo, lambda shown: True) as server:
        await evaluated(tmp_path, server.url, task)
        texts = [b["messages"][1]["content"] for b in server.bodies if b["model"] == "judge"]
    counts = Counter(text.count(" ASSISTANT ") // 2 for text in texts)
    assert counts == {1: 2, 2: 2, 3: 1}


async def test_a_turn_that_fails_ends_the_item_and_says_which(tmp_path: Path) -> None:
    with eval_server(
        lambda body: "" if "Second" in last_turn(body) else "Yes.", lambda shown: True
    ) as server:
        run, samples, _ = await evaluated(tmp_path, server.url)
        judged = sum(body["model"] == "judge" for body in server.bodies)
    assert all(sample.error.startswith("empty") and sample.error.endswith("(turn 2)") for sample in samples)
    assert all(value is None for sample in samples for value in sample.metrics.values())
    assert samples[0].details["turns"][0]["response"] == "Yes."
    assert judged == 0
    assert {score.failed for score in scores(run, samples)} == {2}


@pytest.mark.parametrize(("winner", "win"), [("tie", 0.5), ("A", 0.5)])
async def test_against_a_baseline_a_verdict_for_a_place_is_a_tie(
    tmp_path: Path, winner: str, win: float
) -> None:
    with eval_server(echo, lambda shown: True, winner) as server:
        _, _, folder = await evaluated(tmp_path, server.url)
        task = TALK.replace("}", f", against: {folder}}}")
        run, samples, other = await evaluated(tmp_path, server.url, task)
    assert other != folder
    assert [sample.metrics["win"] for sample in samples] == [win, win]
    assert samples[0].details["win"]["votes"][0]["agree"] is (winner == "tie")
    assert [metric.name for metric in run.tasks[0].metrics][-2:] == ["win", "win_length_controlled"]


async def test_the_better_conversation_wins_in_both_orders(tmp_path: Path) -> None:
    with eval_server(echo, lambda shown: True) as server:
        _, _, folder = await evaluated(tmp_path, server.url)
        honest = server.say

        def better(body: Body, number: int) -> str:
            if "winner" not in str(body.get("response_format")):
                return honest(body, number) + ("" if "response_format" in body else " Indeed.")
            first = blocks(body["messages"])["response_a"]
            return '{"explanation": "so", "winner": "%s"}' % ("A" if "Indeed" in first else "B")

        server.say = better
        task = TALK.replace("}", f", against: {folder}, system: Be kind.}}")
        _, samples, _ = await evaluated(tmp_path, server.url, task)
        sides = [blocks(b["messages"]) for b in server.bodies if "winner" in str(b.get("response_format"))]
    assert [sample.metrics["win"] for sample in samples] == [1.0, 1.0]
    assert sides[0]["question"].startswith("[TURN 1]\nFirst?\n\n[TURN 2]\n")
    assert "[ANSWER TO TURN 2]\nanswer" in sides[0]["response_b"]


async def test_a_baseline_must_have_the_same_task(tmp_path: Path) -> None:
    with eval_server(echo, lambda shown: True) as server:
        _, _, folder = await evaluated(tmp_path, server.url)
        task = TALK.replace("}", f", against: {folder}, name: other}}")
        job = await run_plan(write_plan(tmp_path, server.url, task))
    (reason,) = job.outcomes[0].run.failures.values()
    assert "no conversations of a task 'other'" in reason
    assert "it has the tasks: q" in reason


def compared(number: int, win: float, ours: int) -> EvalSample:
    details = {"win": {"votes": [{"chars": [ours, 500]}]}}
    return EvalSample("q", str(number), str(number), {"win": win}, details=details)


def test_win_rates_are_controlled_for_length() -> None:
    longer = [compared(n, float(n % 5 != 0), 900) for n in range(120)]
    shorter = [compared(n, float(n % 5 == 0), 300) for n in range(120, 160)]
    plain, controlled = win_metrics([*longer, *shorter])
    assert (plain.mean, controlled.mean) == (True, False)
    assert controlled.value is not None
    assert controlled.value < 0.6  # the raw rate is 0.65, and it is all length
    assert re.search(r"95 % interval 0\.\d+ to 0\.\d+, of 160 comparisons", controlled.note)


def test_a_win_rate_that_cannot_be_controlled_says_so() -> None:
    _, controlled = win_metrics([compared(n, float(n % 2), 900 if n % 2 else 300) for n in range(40)])
    assert controlled.value is None
    assert "no length-controlled rate" in controlled.note


@pytest.mark.parametrize("name", ["questions.jsonl", "talks.jsonl"])
def test_shipped_questions_have_turns_and_references(name: str) -> None:
    prompts = read_prompts(SAMPLES / name)
    assert all(2 <= len(prompt.turns) <= 3 for prompt in prompts)
    if name == "questions.jsonl":
        counts = Counter(prompt.category for prompt in prompts)
        assert (len(prompts), set(counts.values()), len(counts)) == (24, {3}, 8)
        exact = [p for p in prompts if p.category in ("math", "reasoning", "coding")]
        assert all(all(prompt.references) for prompt in exact)


def test_shipped_questions_are_none_of_mt_bench(shared: Path) -> None:
    theirs = read_prompts(shared / "benchmarks" / "mt_bench.jsonl")
    words = [set(turn.lower().split()) for prompt in theirs for turn in prompt.turns]
    for prompt in read_prompts(SAMPLES / "questions.jsonl"):
        for turn in prompt.turns:
            own = set(turn.lower().split())
            assert max(len(own & other) / len(own | other) for other in words) < 0.35, turn


async def test_mt_bench_runs(shared: Path, tmp_path: Path) -> None:
    path = shared / "benchmarks" / "mt_bench.jsonl"
    task = TALK.replace("path: q.jsonl", f"path: {path}")
    with eval_server(echo, lambda shown: "answer 1" in shown["response"]) as server:
        job = Evaluation(load_plan(write_plan(tmp_path, server.url, task)), EvalOptions())
        (outcome,) = await job.execute()
    run, samples = read_run(outcome.folder)
    assert (len(samples), run.tasks[0].items) == (80, 80)
    assert all(sample.metrics["drop"] == -1.0 for sample in samples)
    assert {sample.details["category"] for sample in samples} >= {"writing", "math", "coding"}


def test_the_sample_plan_names_files_that_are_there() -> None:
    plan = yaml.safe_load((SAMPLES / "evaluation.yaml").read_text(encoding="utf-8"))
    assert all((SAMPLES / task["path"]).is_file() for task in plan["tasks"])
    text = (SAMPLES / "evaluation.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"(?:path|rubric): ([\w./]+\.(?:jsonl|yaml))", text):  # also in comments
        assert (SAMPLES / name).is_file(), name
    assert load_rubric("rubrics/turn.yaml", SAMPLES).judges == "response"
