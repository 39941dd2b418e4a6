"""``gristmill eval`` as a user runs it: tables, JSON, exit codes, signals, and that its page tells all."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.eval_plans import eval_server, last_turn, write_lines, write_plan
from support.judge_server import JudgeServer
from support.processes import Process
from support.projects import gristmill

from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.plan import TASKS, CleanAgainst, EvalPlan, task_type

DOCS = Path(__file__).parents[1] / "docs"
JUDGED = "  - {use: judged, path: p.jsonl, score: [{use: rubric, rubric: good.yaml, model: judge}]}"
RULES = "  - {use: judged, path: p.jsonl, score: [{use: refusal}]}"


def server() -> JudgeServer:
    return eval_server(lambda body: f"Well, {last_turn(body)}", lambda shown: "3" in shown["response"])


def plan(folder: Path, url: str, tasks: str = JUDGED, more: str = "", items: int = 6) -> Path:
    write_lines(folder / "p.jsonl", [{"id": str(n), "question": f"number {n}"} for n in range(items)])
    return write_plan(folder, url, tasks, more)


def evaluated(*args: object, code: int = 0) -> dict[str, Any]:
    done = gristmill("eval", *args, "--no-report", "--json")
    assert done.returncode == code, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "p"
    assert gristmill("init", folder).returncode == 0
    return folder


def test_the_sample_evaluation_runs_as_it_is(project: Path) -> None:
    done = gristmill("eval", project / "evaluation.yaml")
    assert done.returncode == 0, done.stderr
    assert re.search(r"prompts +│ answer +│ 0\.\d{3} │ +0\.\d{3}–[01]\.\d{3} │ 12 │ +6 │", done.stderr)
    assert "is offline:extractive: rules (no language model)" in done.stderr
    (folder,) = (project / "evaluations").glob("samples-small-*")
    written = {path.name for path in folder.iterdir()}
    assert written >= {"run.json", "samples.jsonl", "report.html", "report.json", "report.md"}
    run, samples = read_run(folder)
    assert [task.items for task in run.tasks] == [12, 4]
    assert not any(sample.error for sample in samples)


def test_the_dry_run_says_what_would_be_asked_and_writes_nothing(tmp_path: Path) -> None:
    path = plan(tmp_path, "http://127.0.0.1:9/v1")
    found = evaluated(path, "--dry-run", "--limit", 4)
    (model,) = found["models"]
    assert model["items"] == {"p": 4}
    assert {name: row["calls"] for name, row in model["models"].items()} == {
        "openai:small": 4,
        "openai:judge": 4,
    }
    assert model["cost_usd"] > 0
    assert not (tmp_path / "evaluations").exists()


def test_a_quick_evaluation_without_a_plan(tmp_path: Path) -> None:
    rows = [{"id": str(n), "question": f"Say {n}.", "answer": str(n)} for n in (10, 11, 12, 13)]
    path = write_lines(tmp_path / "q.jsonl", rows)
    with eval_server(lambda body: "10" if "10" in last_turn(body) else "eleven", bool) as served:
        args = (
            "--model",
            "openai:small",
            "--base-url",
            served.url,
            "--task",
            path,
            "--out",
            tmp_path / "out",
        )
        found = evaluated(*args, "--limit", 2)
    (run,) = found["runs"]
    assert run["folder"].startswith(str(tmp_path / "out" / "eval-small-"))
    (score,) = [score for score in run["scores"] if score["metric"] in ("exact_match", "acc", "match")]
    assert (score["mean"], score["n"]) == (0.5, 2)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "name a plan, or a model and a task"),
        (["--model", "openai:x"], "name a plan, or a model and a task"),
        (["plan.yaml", "--model", "openai:x"], "--model and a plan exclude each other"),
        (["gone.yaml"], "no such file"),
        (["--model", "openai:x", "--base-url", "http://127.0.0.1:9/v1", "--task", "arc"], "'arc' is no task"),
        (["--model", "openai:x", "--task", "lm-eval:arc", "--limit", "0"], "--limit"),
        (["--model", "openai:x", "--task", "q.jsonl", "--redo", "all"], "redo"),
    ],
)
def test_wrong_usage_ends_with_2(args: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = gristmill("eval", *args)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_task_ends_with_1_after_the_others(tmp_path: Path) -> None:
    with server() as served:
        path = plan(tmp_path, served.url, f"{RULES.replace('p.jsonl', 'gone.jsonl')}\n{JUDGED}")
        found = evaluated(path, code=1)
    assert found["status"] == "failed"
    assert "no such file" in found["runs"][0]["failures"]["judged:gone.jsonl"]
    assert found["runs"][0]["scores"][0]["n"] == 6


def test_a_spent_budget_ends_with_3(tmp_path: Path) -> None:
    with server() as served:
        found = evaluated(plan(tmp_path, served.url), "--max-cost", "0.0001", code=3)
    assert found["status"] == "budget"
    assert "the budget is spent" in found["error"]


def test_more_failed_items_than_allowed_end_with_4(tmp_path: Path) -> None:
    with server() as served:
        honest = served.say
        served.say = lambda body, n: "" if last_turn(body) == "number 4" else honest(body, n)
        found = evaluated(plan(tmp_path, served.url), code=4)
        assert found["failed_share"] == pytest.approx(1 / 6)
        evaluated(plan(tmp_path, served.url, more="max_failed: 0.2"))


def test_killed_at_any_moment_only_calls_on_their_way_are_asked_again(tmp_path: Path) -> None:
    with server() as served:
        served.behaviour.latency = 0.02
        path = plan(tmp_path, served.url, items=40)
        path.write_text(
            path.read_text(encoding="utf-8").replace("retries: 0", "concurrency: 2"), encoding="utf-8"
        )
        for wanted in (10, 30, 50):
            with Process("eval", path, "--no-report") as process:
                while sum(served.answered.values()) < wanted:
                    time.sleep(0.005)
                process.kill()
                process.wait(10)
        found = evaluated(path)
    (score,) = found["runs"][0]["scores"]
    assert (score["n"], score["failed"], score["unscored"]) == (40, 0, 0)
    assert sum(served.repeated.values()) - len(served.repeated) <= 3 * 4
    assert len(served.answered) == 80


def test_the_first_signal_saves_and_running_again_goes_on(tmp_path: Path) -> None:
    with server() as served:
        served.behaviour.latency = 0.05
        path = plan(tmp_path, served.url, RULES, items=30)
        path.write_text(
            path.read_text(encoding="utf-8").replace("retries: 0", "concurrency: 2"), encoding="utf-8"
        )
        with Process("eval", path, "--no-report") as process:
            while sum(served.answered.values()) < 6:
                time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(20)
            assert process.wait() == 1
        assert "run again to go on" in said
        assert "Traceback" not in said
        evaluated(path)
    assert served.repeated == {}
    assert len(served.answered) == 30


def test_items_are_marked_against_the_dataset(project: Path) -> None:
    assert gristmill("run", project / "recipe.yaml", "--limit", 9).returncode == 0
    path = project / "evaluation.yaml"
    text = path.read_text(encoding="utf-8").replace("# clean_against", "clean_against")
    (project / "clean.yaml").write_text(text, encoding="utf-8")
    found = evaluated(project / "clean.yaml")["runs"][0]
    (answer, talk) = found["clean"]
    assert (answer["task"], talk["task"]) == ("prompts", "talks")
    assert answer["clean"]["n"] + answer["contaminated"]["n"] == 12
    assert answer["contaminated"]["n"] >= 1
    marks = (Path(found["folder"]) / "contamination.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(marks[0])["dataset"] == "gristmill.duckdb"
    assert len(marks) == 1 + 16
    again = evaluated(path)["runs"][0]  # the same evaluation, not asked about the dataset
    assert again["folder"] == found["folder"]
    assert not (Path(found["folder"]) / "contamination.jsonl").exists()


def test_the_page_tells_every_key_option_and_task() -> None:
    page = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    shown = gristmill("eval", "--help").stdout
    options = set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help", "--install-completion"}
    told = set(re.findall(r"--[a-z][a-z-]+", page))
    assert options - told - {"--no-dry-run", "--report"} == set()
    for kind in (EvalPlan, CleanAgainst, *(task_type(name, "") for name in ("judged", "conversation"))):
        missing = [name for name in kind.model_fields if f"`{name}" not in page]
        assert missing == [], kind.__name__
    assert all(f"`{name}`" in page for name in TASKS)
    assert "eval" in (DOCS / "commands.md").read_text(encoding="utf-8")


def test_the_plan_of_the_page_is_a_plan(tmp_path: Path) -> None:
    page = (DOCS / "evaluation.md").read_text(encoding="utf-8")
    (text,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.S) if "evaluate:" in block]
    assert EvalPlan.model_validate(yaml.safe_load(text)).tasks
