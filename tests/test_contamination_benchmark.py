"""Loading benchmarks, and what is said when one is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from gristmill.errors import UsageError
from gristmill_evals.contamination import load_benchmark
from gristmill_evals.contamination.lm_eval_tasks import load_task

ROWS = [
    {"id": "q1", "question": "How tall is the mill?", "answer": "12 metres"},
    {"id": "q2", "question": "Which grain?", "choices": ["rye", "oats"], "answer": "A"},
]


def test_jsonl_csv_and_parquet_agree(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
    frame = pd.DataFrame([{**row, "choices": row.get("choices")} for row in ROWS])
    frame.to_parquet(tmp_path / "b.parquet")
    frame.assign(choices=[None, '["rye", "oats"]']).to_csv(tmp_path / "c.csv", index=False)
    loaded = [load_benchmark(name, tmp_path) for name in ("a.jsonl", "b.parquet", "c.csv")]
    assert loaded[0].items == loaded[1].items == loaded[2].items
    assert loaded[0].items[1].text == "Which grain?\nrye\noats"
    assert [benchmark.name for benchmark in loaded] == ["a", "b", "c"]


BROKEN = [
    ('{"id": 1, "question": "x"}\n{"id": 2}', ":2: the row has no question"),
    ('{"question": "x"}', ":1: the row has no usable id"),
    ('{"id": 1, "question": "x"\n', ":1: not JSON"),
    ("[1]", ":1: not a JSON object"),
    ('{"id": 1, "question": "x", "choices": "A or B"}', ":1: choices is not a JSON list"),
    ('{"id": 1, "question": "x", "choices": [["A"]]}', ":1: choices is not a list of texts"),
    ('{"id": 1, "question": "x", "answer": {}}', ":1: answer is not a text"),
    ('{"id": 1, "question": "x"}\n{"id": "1", "question": "y"}', "the id '1' occurs twice"),
    ("", "has no rows"),
]


@pytest.mark.parametrize(("content", "message"), BROKEN)
def test_broken_rows_are_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "b.jsonl").write_text(content)
    with pytest.raises(UsageError) as error:
        load_benchmark("b.jsonl", tmp_path)
    assert message in str(error.value)
    assert "b.jsonl" in str(error.value)


@pytest.mark.parametrize("name", ["missing.jsonl", "b.xml", "b.parquet"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    for broken in ("b.xml", "b.parquet"):
        (tmp_path / broken).write_text("<x/>")
    with pytest.raises(UsageError, match=name):
        load_benchmark(name, tmp_path)


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text(json.dumps(ROWS[0]))
    before = load_benchmark("b.jsonl", tmp_path).digest
    assert load_benchmark("b.jsonl", tmp_path).digest == before
    path.write_text(json.dumps({**ROWS[0], "answer": "13 metres"}))
    assert load_benchmark("b.jsonl", tmp_path).digest != before


def test_an_unknown_lm_eval_task_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no task 'gsm8kk'\n.*close: gsm8k"):
        load_task("gsm8kk")


def test_an_lm_eval_task_without_its_data_says_which_file_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"save its test split as gsm8k\.jsonl"):
        load_benchmark("lm-eval:gsm8k")
