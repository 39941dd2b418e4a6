"""Whole runs with judges that say how sure they are: what the store keeps, the dry run, warnings."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.judge_server import verdict
from support.logprob_server import LogprobServer, Odds
from support.openai_replies import answer
from support.projects import gristmill, run_json

from gristmill.pipeline.project import project
from gristmill.recipe import load_recipe
from gristmill_data.store import Store

MILL = "The mill at the ford employed forty people in 1880, and most of them lived on the other bank."
RUBRIC = """name: mill
criteria:
  - {id: exact, text: It is exact., points: 4, scale: {0: wrong, 10: exact}}
"""
RECIPE = """name: mill
documents: [mill.txt]
chunking: {{max_chars: 200}}
models:
  writer: {{model: "{model}"{more}}}
generate:
  - {{use: qa, model: writer, per_chunk: 1}}
score:
  - {{use: rubric, rubric: ./mill.yaml, model: writer, {options}}}
accept: "mill >= 0.7"
"""


def recipe(folder: Path, options: str, server: LogprobServer | None = None) -> Path:
    (folder / "mill.txt").write_text(MILL, encoding="utf-8")
    (folder / "mill.yaml").write_text(RUBRIC, encoding="utf-8")
    model = "openai:test-model" if server else "offline:extractive"
    more = f', base_url: "{server.url}", api_key_env: null' if server else ""
    made = folder / "recipe.yaml"
    made.write_text(RECIPE.format(model=model, more=more, options=options), encoding="utf-8")
    return made


def server(grade: int | str, odds: Odds | None) -> LogprobServer:
    def say(body: dict[str, Any], _: int) -> str:
        schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema", {})
        if "criteria" not in schema.get("properties", {}):
            return answer(body, random.Random(0))
        if isinstance(grade, str):
            row = {"id": "exact", "grade": grade, "quote": "", "reason": "cannot tell"}
            return json.dumps({"criteria": [row]})
        return verdict({"exact": grade}, "employed forty people in 1880")

    return LogprobServer(say, (lambda *_: [odds]) if odds else None)


def stored(made: Path) -> list[tuple[Any, ...]]:
    with Store.open(made.parent / "gristmill.duckdb") as store, store.cursor() as cursor:
        rows = cursor.execute("SELECT value, unscored_reason, votes FROM scores").fetchall()
    return [(value, reason, json.loads(votes)) for value, reason, votes in rows]


def test_a_run_keeps_mode_share_and_draws(tmp_path: Path) -> None:
    with server(8, {" 8": 0.6, " 6": 0.4}) as judge:
        options = "logprobs: true, samples: 3, temperature: 1.0, repeat_near: 0.7, repeat_within: 0.05"
        made = recipe(tmp_path, options, judge)
        done = run_json(made)
        [(value, _, votes)] = stored(made)
        # the first sample, then the other two
        assert [body.get("n", 1) for body in judge.bodies if body.get("logprobs")] == [1, 2]
        again = run_json(made)
    assert done["accepted"] == 1
    assert value == pytest.approx(0.72)
    assert [vote["mode"] for vote in votes[0]["votes"]] == ["logprobs"] * 3
    assert votes[0]["drawn"] == 3
    assert (again["accepted"], again["calls"]["sent"]) == (1, 0)


def test_a_judge_that_abstains_makes_no_zero_and_no_failure(tmp_path: Path) -> None:
    with server("unsure", None) as judge:
        made = recipe(tmp_path, "abstain: true, logprobs: true", judge)
        done = run_json(made)
    assert (done["failed"], done["rejected"]) == ({}, {"unscored:mill:abstained": 1})
    assert stored(made)[0][:2] == (None, "abstained")


def test_a_run_without_log_probabilities_says_so_once(tmp_path: Path) -> None:
    with server(9, None) as judge:
        made = recipe(tmp_path, "logprobs: true", judge)
        done = gristmill("run", made)
    assert done.returncode == 0
    assert done.stderr.count("gave no log probabilities") == 1
    assert "openai:test-model" in done.stderr
    assert stored(made)[0][2][0]["why"] == "no-logprobs"


async def test_the_recipe_is_checked_and_counted_before_anything_is_sent(tmp_path: Path) -> None:
    made = recipe(tmp_path, "logprobs: true")
    [warning] = load_recipe(made).warnings
    assert "recipe.yaml:9: rubric: offline:extractive gives no log probabilities" in warning
    made = recipe(tmp_path, "samples: 5, temperature: 1.0, repeat_near: 0.7, repeat_within: 0.25")
    found = await project(load_recipe(made), None)
    assert found.roles["writer"].calls == pytest.approx(1 + 1 + 4 * 0.5)
    [note] = found.notes
    assert note.startswith("mill: repeats near 0.7 are counted as if scores were spread evenly over 0 to 1;")
    shown = gristmill("run", made, "--dry-run")
    assert note in shown.stdout + shown.stderr
