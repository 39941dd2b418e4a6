"""Columns of benchmark files by their common names, rows that cannot be used, split and version."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import UsageError
from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark

MILL = "Which grain?"
GRAINS = ("rye", "oats", "wheat")
ROWS: list[tuple[dict[str, Any], tuple[str, str, tuple[str, ...]]]] = [
    ({"question": MILL, "answer": "rye"}, (MILL, "rye", ())),
    ({"problem": MILL, "solution": "rye"}, (MILL, "rye", ())),
    ({"prompt": MILL, "target": 3}, (MILL, "3", ())),
    ({"question": "", "prompt": MILL}, (MILL, "", ())),
    ({"question": MILL, "input": "not this", "gold": True}, (MILL, "True", ())),
    ({"question": MILL, "options": list(GRAINS), "answer": 2}, (MILL, "wheat", GRAINS)),
    ({"question": MILL, "options": list(GRAINS), "answer": 3}, (MILL, "3", GRAINS)),
    ({"question": MILL, "choices": list(GRAINS), "answer": "(B)"}, (MILL, "oats", GRAINS)),
    ({"question": MILL, "choices": list(GRAINS), "answer": "oats"}, (MILL, "oats", GRAINS)),
    ({"question": MILL, "choices": list(GRAINS), "answer": "none"}, (MILL, "none", GRAINS)),
    ({"question": MILL, "choices": ["4", "2", "1"], "answer": "2"}, (MILL, "2", ("4", "2", "1"))),
    ({"question": MILL, "choices": json.dumps(GRAINS), "answer": "1"}, (MILL, "oats", GRAINS)),
    (
        {"question": MILL, "choices": {"a": "rye", "b": "oats"}, "answer": "b"},
        (MILL, "oats", ("rye", "oats")),
    ),
    (
        {"question": MILL, "choices": {"label": ["1", "2"], "text": ["rye", "oats"]}, "answerKey": "2"},
        (MILL, "oats", ("rye", "oats")),
    ),
    ({"question": MILL, "A": "rye", "B": "oats", "D": "hay", "answer": "B"}, (MILL, "oats", ("rye", "oats"))),
]


@pytest.mark.parametrize(("row", "expected"), ROWS)
def test_columns_by_their_common_names(
    tmp_path: Path, row: dict[str, Any], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"task_id": "t/1", **row}))
    [item] = load_benchmark("b.jsonl", tmp_path).items
    assert item == BenchmarkItem("t/1", *expected)


def test_blank_questions_are_counted_and_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"id": n, "question": " \n" if n % 3 == 0 else f"Question {n}?"} for n in range(1, 8)]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, [*rows, {"id": 8, "question": None}])))
    with caplog.at_level(logging.WARNING):
        benchmark = load_benchmark("b.jsonl", tmp_path)
    assert [item.id for item in benchmark.items] == ["1", "2", "4", "5", "7"]
    assert benchmark.unusable == tuple(f"b.jsonl:{n} blank question" for n in (3, 6, 8))
    assert "b: 3 of 8 rows are not used: b.jsonl:3 blank question" in caplog.text
    (tmp_path / "c.csv").write_text('id,question\n1,\n2,"  "\n')
    with pytest.raises(UsageError, match="every question of the benchmark is blank"):
        load_benchmark("c.csv", tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,question\n1,a,b\n", "c.csv:2: not CSV in UTF-8: more cells"),
        ('id,question\n1,"a\n', "not CSV in UTF-8"),
        (b"id,question\n1,Gr\xfctze?\n", "not CSV in UTF-8"),
        ("id,answer\n1,a\n", "the row has no question"),
    ],
)
def test_broken_csv_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    (tmp_path / "c.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=message):
        load_benchmark("c.csv", tmp_path)


def test_split_and_version_of_a_file(tmp_path: Path) -> None:
    def load(*splits: str | None) -> Benchmark:
        rows = [{"id": n, "question": f"Q{n}?", "split": split} for n, split in enumerate(splits)]
        (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return load_benchmark("b.jsonl", tmp_path)

    test = load("test", "test")
    assert (test.split, load("test", "train").split, load(None, None).split) == ("test", "", "")
    assert test.version == test.digest[:12] == load("train", "train").version
    made = Benchmark.make("b", test.items)
    assert (made.digest, made.split, made.version) == (test.digest, "", test.version)


def test_a_large_file_is_read_row_by_row(tmp_path: Path) -> None:
    with (tmp_path / "b.jsonl").open("w") as file:
        file.writelines(f'{{"id": {n}, "question": "What is {n} plus {n}?"}}\n' for n in range(100_000))
    benchmark = load_benchmark("b.jsonl", tmp_path)
    assert len(benchmark.items) == 100_000
    assert benchmark.items[-1] == BenchmarkItem("99999", "What is 99999 plus 99999?")


def test_each_turn_of_a_conversation_is_an_item(tmp_path: Path) -> None:
    rows = [
        {"question_id": 81, "turns": ["Describe the mill.", "Now in one sentence."]},
        {"id": 82, "turns": ["Why?"]},
    ]
    (tmp_path / "talk.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    items = load_benchmark("talk.jsonl", tmp_path).items
    assert [(item.id, item.question) for item in items] == [
        ("81", "Describe the mill."),
        ("81#2", "Now in one sentence."),
        ("82", "Why?"),
    ]


@pytest.mark.parametrize("turns", ["one", [], [1], {"a": "b"}])
def test_turns_that_are_no_texts_are_an_error(tmp_path: Path, turns: object) -> None:
    (tmp_path / "talk.jsonl").write_text(json.dumps({"id": "1", "turns": turns}), encoding="utf-8")
    with pytest.raises(UsageError, match="turns is not a list of texts"):
        load_benchmark("talk.jsonl", tmp_path)
