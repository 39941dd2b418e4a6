"""``use: judged`` over HTTP: answers and their scores, what is unscored and what failed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.eval_plans import Body, eval_server, last_turn, run_plan, write_lines, write_plan
from support.judge_server import JudgeServer

from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.records import EvalRun, EvalSample
from gristmill_evals.evaluation.scores import reasons, scores

TASK = """\
  - use: judged
    path: p.jsonl
    score:
      - {use: rubric, rubric: good.yaml, model: judge}
      - {use: refusal}
"""
ROWS = [
    {"id": "a", "cluster": "c", "question": "Say yes please.", "reference": "yes", "category": "talk"},
    {"id": "b", "cluster": "c", "question": "Say no please."},
    {"id": "null", "question": "Say nothing."},
    {"id": "odd", "question": "Say something strange."},
]


def said(body: Body) -> str:
    return "" if "nothing" in last_turn(body) else f"Here: {last_turn(body)}"


async def evaluated(
    folder: Path, server: JudgeServer, task: str = TASK
) -> tuple[EvalRun, dict[str, EvalSample]]:
    write_lines(folder / "p.jsonl", ROWS)
    job = await run_plan(write_plan(folder, server.url, task))
    run, samples = read_run(job.outcomes[0].folder)
    return run, {sample.item_id: sample for sample in samples}


def yes(shown: object) -> bool:
    return "yes" in str(shown)


async def test_answers_scores_and_reasons_are_kept(tmp_path: Path) -> None:
    with eval_server(said, yes) as server:
        run, samples = await evaluated(tmp_path, server)
    first = samples["a"]
    assert first.metrics == {"good": 1.0, "refusal": 1.0}
    assert (first.response, first.target, first.cluster) == ("Here: Say yes please.", "yes", "c")
    assert first.details["category"] == "talk"
    assert first.details["scores"]["good"]["votes"][0]["quote"] == "Here: Say yes please."
    assert samples["b"].metrics["good"] == 0.0
    (task,) = run.tasks
    assert (task.name, task.kind, task.items) == ("p", "judged", 4)
    assert task.settings["score"][0]["rubric_content"]


async def test_null_content_is_a_failure_and_no_answer(tmp_path: Path) -> None:
    with eval_server(said, yes) as server:
        run, samples = await evaluated(tmp_path, server)
    failed = samples["null"]
    assert failed.error.startswith("empty")
    assert failed.metrics == {"good": None, "refusal": None}
    score = scores(run, list(samples.values()))[0]
    assert score.estimate is not None
    assert (score.estimate.n, score.failed, score.unscored, score.items) == (3, 1, 0, 4)
    assert score.estimate.mean == pytest.approx(1 / 3)
    assert score.estimate.clusters == 2


async def test_a_judge_that_cannot_be_read_leaves_the_item_unscored(tmp_path: Path) -> None:
    with eval_server(said, yes) as server:
        honest = server.say
        server.say = lambda body, n: (
            "no idea" if "strange" in str(body) and "response_format" in body else honest(body, n)
        )
        run, samples = await evaluated(tmp_path, server)
    odd = samples["odd"]
    assert odd.error == ""
    assert odd.metrics == {"good": None, "refusal": 1.0}
    assert odd.details["scores"]["good"]["unscored"] == "invalid-json"
    found = {score.metric.name: score for score in scores(run, list(samples.values()))}
    assert (found["good"].unscored, found["refusal"].unscored) == (1, 0)
    failed, unscored = reasons(list(samples.values()))
    assert (dict(failed), dict(unscored)) == ({"empty": 1}, {"invalid-json": 1})


async def test_context_and_system_turn_are_sent_and_the_judge_sees_the_passage_once(tmp_path: Path) -> None:
    with eval_server(said, yes) as server:
        write_lines(tmp_path / "p.jsonl", [{"question": "{context}?", "context": "A {question} text."}])
        task = TASK.replace("path:", "system: Be brief.\n    prompt: 'Q: {question} T: {context}'\n    path:")
        await run_plan(write_plan(tmp_path, server.url, task))
        asked = next(body for body in server.bodies if "response_format" not in body)["messages"]
        judged = next(body for body in server.bodies if "response_format" in body)["messages"]
    assert asked[0] == {"role": "system", "content": "Be brief."}
    assert asked[1]["content"] == "Q: {context}? T: A {question} text."
    assert (
        judged[1]["content"].count("A {question} text.") == 2
    )  # the passage, and the answer that repeats it
    assert "REFERENCE" not in judged[1]["content"]


def rules(text: str) -> str:
    return text.replace("openai:small", "offline:extractive").replace(
        'base_url: "http://127.0.0.1:9/v1", ', "", 1
    )


async def test_without_a_context_a_model_by_rules_says_what_it_needs(tmp_path: Path) -> None:
    write_lines(tmp_path / "p.jsonl", ROWS)
    path = write_plan(
        tmp_path, "http://127.0.0.1:9/v1", "  - {use: judged, path: p.jsonl, score: [{use: refusal}]}"
    )
    path.write_text(rules(path.read_text(encoding="utf-8")), encoding="utf-8")
    job = await run_plan(path)
    (reason,) = job.outcomes[0].run.failures.values()
    assert "works by rules and cannot do a free prompt" in reason
    assert "give this role a model" in reason


async def test_a_task_that_shuts_the_door_does_not_shut_it_for_the_next(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "c.jsonl", [{"question": "What is it?", "context": "It is a mill. A mill grinds."}]
    )
    write_lines(tmp_path / "p.jsonl", ROWS)
    tasks = "".join(f"  - {{use: judged, path: {name}.jsonl, score: [{{use: refusal}}]}}\n" for name in "pc")
    path = write_plan(tmp_path, "http://127.0.0.1:9/v1", tasks)
    path.write_text(rules(path.read_text(encoding="utf-8")), encoding="utf-8")
    run = (await run_plan(path)).outcomes[0].run
    assert list(run.failures) == ["judged:p.jsonl"]
    assert [task.name for task in run.tasks] == ["c"]
