"""Plans of evaluations for tests, and a server that is both the model under test and its judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gristmill_evals.evaluation.plan import LoadedPlan, load_plan
from gristmill_evals.evaluation.runner import EvalOptions, Evaluation
from support.judge_server import JudgeServer
from support.openai_replies import blocks, schema_of

CRITERION = """\
name: good
criteria:
  - {id: says_yes, text: The answer says yes., points: 1}
"""
Body = dict[str, Any]


def eval_server(
    answer: Callable[[Body], str], good: Callable[[Mapping[str, str]], bool], first: str = "tie"
) -> JudgeServer:
    """Answers with ``answer``; as a judge it finds ``good`` what it is shown, of pairs ``first`` wins."""

    def say(body: Body, number: int) -> str:
        schema = schema_of(body)
        if schema is None:
            return answer(body)
        if "winner" in schema["properties"]:
            return json.dumps({"explanation": "so", "winner": first})
        shown = blocks(body["messages"][:2])
        ids = schema["properties"]["criteria"]["items"]["properties"]["id"]["enum"]
        met, quote = good(shown), _judged(shown)
        row = {"met": met, "quote": quote if met else "", "reason": "so"}
        return json.dumps({"criteria": [{"id": one, **row} for one in ids]})

    return JudgeServer(say)


def _judged(shown: Mapping[str, str]) -> str:
    if "response" in shown:
        return shown["response"].split("\n")[0]
    turns = [text for name, text in shown.items() if name.endswith("assistant")]
    return turns[-1].split("\n")[0]


def last_turn(body: Body) -> str:
    """What the user said last."""
    return str(body["messages"][-1]["content"])


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_plan(folder: Path, url: str, tasks: str, more: str = "") -> Path:
    """A plan with the roles small (under test) and judge; ``tasks`` are its YAML lines."""
    (folder / "good.yaml").write_text(CRITERION, encoding="utf-8")
    how = f'base_url: "{url}", price: {{input: 1, output: 1}}, retries: 0'
    models = "".join(f'  {role}: {{model: "openai:{role}", {how}}}\n' for role in ("small", "judge"))
    path = folder / "plan.yaml"
    text = f"name: test\nmodels:\n{models}evaluate: [small]\ntasks:\n{tasks}\n{more}"
    path.write_text(text, encoding="utf-8")
    return path


async def run_plan(path: Path, options: EvalOptions | None = None) -> Evaluation:
    """Evaluate; ``outcomes`` of what comes back hold the folders."""
    loaded: LoadedPlan = load_plan(path)
    job = Evaluation(loaded, options or EvalOptions())
    await job.execute()
    return job
