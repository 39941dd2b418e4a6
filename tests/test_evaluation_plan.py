"""The plan of an evaluation: what it takes, what its errors say, what makes another evaluation of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.eval_plans import run_plan, write_lines, write_plan

from gristmill.errors import GristmillError, RecipeError, UsageError
from gristmill_evals.evaluation.items import read_prompts
from gristmill_evals.evaluation.plan import LoadedPlan, load_plan
from gristmill_evals.evaluation.quick import quick_plan

URL = "http://127.0.0.1:9/v1"
JUDGED = "  - {use: judged, path: p.jsonl, score: [{use: rubric, rubric: good.yaml, model: judge}]}"


def plan_in(folder: Path, tasks: str = JUDGED, more: str = "") -> LoadedPlan:
    write_lines(folder / "p.jsonl", [{"id": "1", "question": "Is it so?"}])
    return load_plan(write_plan(folder, URL, tasks, more))


def test_roles_of_judges_belong_to_the_models_that_are_asked(tmp_path: Path) -> None:
    loaded = plan_in(tmp_path)
    assert loaded.under_test == ("small",)
    assert sorted(loaded.specs("small")) == ["judge", "small"]
    assert loaded.out == tmp_path / "evaluations"


def test_models_that_only_judge_are_not_evaluated_unless_named(tmp_path: Path) -> None:
    path = write_plan(tmp_path, URL, JUDGED)
    path.write_text(path.read_text(encoding="utf-8").replace("evaluate: [small]\n", ""), encoding="utf-8")
    assert load_plan(path).under_test == ("small",)


@pytest.mark.parametrize(
    ("tasks", "more", "says"),
    [
        (JUDGED, "limt: 3", "plan.yaml:8: unknown key 'limt'\n  → did you mean 'limit'?"),
        (
            JUDGED.replace("judged", "judge"),
            "",
            "plan.yaml:7: unknown task 'judge'\n  → did you mean 'judged'?",
        ),
        (JUDGED.replace("path", "paht"), "", "did you mean 'path'?"),
        (
            JUDGED.replace("model: judge", "model: jugde"),
            "",
            "unknown model 'jugde'\n  → did you mean 'judge'?",
        ),
        (JUDGED.replace("use: rubric", "use: rubrik"), "", "did you mean 'rubric'?"),
        (JUDGED.replace("good.yaml", "best.yaml"), "", "best.yaml"),
        ("  - {use: conversation, path: p.jsonl, judge: nobody}", "", "unknown model 'nobody'"),
        (JUDGED, "evaluate: [small]", "key 'evaluate' stands twice"),
        (JUDGED, "max_failed: 2", "see docs/evaluation.md"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, tasks: str, more: str, says: str) -> None:
    with pytest.raises(GristmillError) as caught:
        plan_in(tmp_path, tasks, more)
    assert says in str(caught.value)
    assert caught.value.where.startswith(str(tmp_path))


def test_a_judge_by_rules_is_refused_what_it_has_no_rules_for(tmp_path: Path) -> None:
    path = write_plan(tmp_path, URL, JUDGED.replace("use: rubric, rubric: good.yaml", "use: prometheus"))
    text = path.read_text(encoding="utf-8").replace("openai:judge", "offline:extractive")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="offline:extractive has no rules for"):
        load_plan(path)


def test_another_id_for_all_that_changes_the_answers_and_for_nothing_else(tmp_path: Path) -> None:
    first = plan_in(tmp_path)
    known = first.run_id("small", None)
    assert plan_in(tmp_path, more="budget: {usd: 3}\nout: elsewhere").run_id("small", None) == known
    others = {known, first.run_id("small", 5), first.run_id("judge", None)}
    write_lines(tmp_path / "p.jsonl", [{"id": "1", "question": "Is it not so?"}])
    others.add(load_plan(tmp_path / "plan.yaml").run_id("small", None))
    (tmp_path / "good.yaml").write_text(
        (tmp_path / "good.yaml").read_text(encoding="utf-8").replace("yes", "no"), encoding="utf-8"
    )
    others.add(load_plan(tmp_path / "plan.yaml").run_id("small", None))
    assert len(others) == 5


def test_a_plan_from_the_command_line(tmp_path: Path) -> None:
    write_lines(tmp_path / "q.jsonl", [{"id": "1", "question": "Is it so?", "answer": "yes"}])
    models = ["openai:org/one", "openai:two"]
    loaded = quick_plan(models, ["q.jsonl"], {"base_url": URL, "endpoint": None}, tmp_path)
    assert loaded.under_test == ("one", "two")
    assert [task.label for task in loaded.tasks] == ["jsonl:q.jsonl"]
    with pytest.raises(UsageError, match=r"no task\n  → write lm-eval:NAME\[@FOLDER\]"):
        quick_plan(models, ["arc_easy"], {}, tmp_path)
    with pytest.raises(UsageError, match="command line: unknown model backend 'gpt'"):
        quick_plan(["gpt:4"], ["q.jsonl"], {}, tmp_path)


def test_prompts_are_read_in_their_shapes(tmp_path: Path) -> None:
    rows = [
        {"question_id": 81, "category": "math", "turns": ["One?", "Two?"], "reference": ["1"]},
        {"question": "What is it?", "answer": 7, "passage": "It is seven.", "document_id": "d"},
        {
            "id": "c",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        },
    ]
    talk, asked, chat = read_prompts(write_lines(tmp_path / "p.jsonl", rows))
    assert (talk.id, talk.turns, talk.references, talk.category) == (
        "81",
        ("One?", "Two?"),
        ("1", ""),
        "math",
    )
    assert (asked.id, asked.references, asked.context, asked.cluster) == (
        "line-2",
        ("7",),
        "It is seven.",
        "d",
    )
    assert chat.said == ({"role": "system", "content": "Be brief."},)
    assert chat.turns == ("Hi",)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"id": "x"}, "no question in it"),
        ({"turns": []}, "no question in it"),
        ({"turns": ["a", " "]}, "no question in it"),
        ({"question": "a", "reference": ["b", "c"]}, "2 for 1 turns"),
        ({"question": "a", "context": 3}, "context is no text"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "must be a user's"),
        ({"messages": [{"role": "boss", "content": "a"}]}, "without role"),
        ({"id": "1", "question": "b"}, "stands twice"),
    ],
)
def test_a_prompt_that_is_none_is_named_with_its_line(
    tmp_path: Path, row: dict[str, object], says: str
) -> None:
    path = write_lines(tmp_path / "p.jsonl", [{"id": "1", "question": "a"}, row])
    with pytest.raises(UsageError, match=says) as caught:
        read_prompts(path)
    assert "p.jsonl:2" in str(caught.value)


def test_mt_bench_is_read(shared: Path) -> None:
    prompts = read_prompts(shared / "benchmarks" / "mt_bench.jsonl")
    assert len(prompts) == 80
    assert all(len(prompt.turns) == 2 for prompt in prompts)
    assert sum(any(prompt.references) for prompt in prompts) == 39


THEIRS = """
from pydantic import BaseModel, ConfigDict
from gristmill_evals.evaluation.records import EvalSample, MetricInfo, TaskInfo

class Ping(BaseModel):
    model_config = ConfigDict(extra="forbid")
    word: str

    async def evaluate(self, context):
        context.expect("ping", 1)
        context.emit(EvalSample("ping", "1", "1", {"length": float(len(self.word))}))
        return (TaskInfo("ping", "ping", (MetricInfo("length", high=None),), 1),)
"""


async def test_a_task_of_another_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_tasks.py").write_text(THEIRS, encoding="utf-8")
    info = tmp_path / "their_tasks-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tasks\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[gristmill.tasks]\nping = their_tasks:Ping\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    job = await run_plan(write_plan(tmp_path, URL, "  - {use: ping, word: hello}"))
    assert [task.name for task in job.outcomes[0].run.tasks] == ["ping"]
    with pytest.raises(RecipeError, match="unknown key 'wrod'\n  → did you mean 'word'"):
        load_plan(write_plan(tmp_path, URL, "  - {use: ping, wrod: hello}"))
    (info / "entry_points.txt").write_text("[gristmill.tasks]\nping = their_tasks:Pong\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="'ping' cannot be loaded"):
        load_plan(tmp_path / "plan.yaml")
