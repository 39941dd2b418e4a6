"""Export formats: what each writes, what it leaves out, and that the usual loaders read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from support.store_rows import chunk, document, instruction, preference

from gristmill.errors import StoreError
from gristmill.records import Example, Message, Origin
from gristmill.registry import Export, ExportRow, load, names

SOURCE = chunk(document())
SYSTEM = Message(role="system", content="Be brief.")
USER = Message(role="user", content="Hé?")
ANSWER = Message(role="assistant", content='Yes 🍞\n"quoted"')
ORIGIN = Origin("chat", "2")


def row(kind: Any, *messages: Message, chosen: str | None = None, rejected: str | None = None) -> ExportRow:
    made = Example.make(kind, messages, generator=ORIGIN, chunk_ids=["c"], chosen=chosen, rejected=rejected)
    return ExportRow(made, {"answer": 0.5}, ("a.md",), "reviewed", ("m",))


SINGLE = row("instruction", USER, ANSWER)
WITH_SYSTEM = row("conversation", SYSTEM, USER, ANSWER)
LONG = row("conversation", USER, ANSWER, USER, ANSWER)
PAIR = row("preference", USER, chosen="good", rejected="bad")
LONG_PAIR = row("preference", USER, ANSWER, USER, chosen="good", rejected="bad")
HALF = row("preference", USER, chosen="good")
ALL = [SINGLE, WITH_SYSTEM, LONG, PAIR, LONG_PAIR, HALF]
ANSWER_TEXT = ANSWER["content"]

CASES: list[tuple[str, dict[str, Any], list[dict[str, Any]], dict[str, int]]] = [
    (
        "chat",
        {},
        [{"messages": list(r.example.messages)} for r in (SINGLE, WITH_SYSTEM, LONG)],
        {"kind preference": 3},
    ),
    (
        "sharegpt",
        {},
        [
            {"conversations": [{"from": "human", "value": "Hé?"}, {"from": "gpt", "value": ANSWER_TEXT}]},
            {
                "conversations": [
                    {"from": "system", "value": "Be brief."},
                    {"from": "human", "value": "Hé?"},
                    {"from": "gpt", "value": ANSWER_TEXT},
                ]
            },
            {"conversations": [{"from": "human", "value": "Hé?"}, {"from": "gpt", "value": ANSWER_TEXT}] * 2},
        ],
        {"kind preference": 3},
    ),
    (
        "alpaca",
        {},
        [{"instruction": "Hé?", "input": "", "output": ANSWER_TEXT}],
        {"kind preference": 3, "a system prompt": 1, "several turns": 1},
    ),
    (
        "dpo",
        {},
        [
            {
                "prompt": list(r.example.messages),
                "chosen": [{"role": "assistant", "content": "good"}],
                "rejected": [{"role": "assistant", "content": "bad"}],
            }
            for r in (PAIR, LONG_PAIR)
        ],
        {"kind instruction": 1, "kind conversation": 2, "one side is missing": 1},
    ),
    (
        "dpo",
        {"style": "plain"},
        [{"prompt": "Hé?", "chosen": "good", "rejected": "bad"}],
        {"kind instruction": 1, "kind conversation": 2, "one side is missing": 1, "several turns": 1},
    ),
]


@pytest.mark.parametrize(("name", "args", "expected", "skipped"), CASES)
def test_lines(
    tmp_path: Path, name: str, args: dict[str, Any], expected: list[dict[str, Any]], skipped: dict[str, int]
) -> None:
    exporter = load("exports", name)(**args, lineage=False)
    assert exporter.write(ALL, tmp_path / "out.jsonl") == len(expected)
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line) for line in lines] == expected
    assert exporter.skipped == skipped
    assert len(expected) + sum(skipped.values()) == len(ALL)


@pytest.mark.parametrize("name", ["chat", "sharegpt", "alpaca", "dpo"])
def test_lineage_names_source_scores_and_generator(tmp_path: Path, name: str) -> None:
    load("exports", name)().write(ALL, tmp_path / "out.jsonl")
    first = orjson.loads((tmp_path / "out.jsonl").read_bytes().splitlines()[0])
    expected = PAIR if name == "dpo" else SINGLE
    assert first["metadata"] == {
        "id": expected.example.id,
        "kind": expected.example.kind,
        "status": "reviewed",
        "generator": "chat",
        "generator_version": "2",
        "models": ["m"],
        "sources": ["a.md"],
        "chunk_ids": ["c"],
        "scores": [{"scorer": "answer", "value": 0.5}],
    }


@pytest.mark.parametrize("name", ["chat", "sharegpt", "alpaca", "dpo"])
def test_hugging_face_datasets_read_it(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    rows = [ExportRow(instruction(SOURCE, n), {"answer": n / 10} if n else {}, ("a.md",)) for n in range(5)]
    rows += [ExportRow(preference(SOURCE, n), {}, ()) for n in range(5)]
    out = tmp_path / "out.jsonl"
    assert load("exports", name)().write(rows, out) == 5
    loaded = datasets.load_dataset(
        "json", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(loaded) == 5
    assert [dict(r) for r in loaded] == [orjson.loads(line) for line in out.read_bytes().splitlines()]


def test_parquet_keeps_everything(tmp_path: Path) -> None:
    import pandas as pd

    example = instruction(SOURCE)
    rows = [ExportRow(example, {"answer": 0.5}, ("a.md", "b.md"), "reviewed"), *ALL]
    exporter = load("exports", "parquet")()
    assert exporter.write(rows, tmp_path / "out.parquet") == 7
    frame = pd.read_parquet(tmp_path / "out.parquet")
    first = frame.iloc[0]
    assert [dict(message) for message in first["messages"]] == list(example.messages)
    assert (list(first["sources"]), first["status"]) == (["a.md", "b.md"], "reviewed")
    assert list(first["scores"]) == [{"scorer": "answer", "value": 0.5}]
    assert orjson.loads(first["metadata"]) == example.metadata
    assert orjson.loads(first["generator_args"]) == example.generator.args
    assert frame["chosen"].isna().tolist() == [True] * 4 + [False] * 3
    assert exporter.skipped == {}


def test_no_rows_make_an_empty_file(tmp_path: Path) -> None:
    import pandas as pd

    assert load("exports", "chat")().write([], tmp_path / "out.jsonl") == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""
    assert load("exports", "parquet")().write([], tmp_path / "out.parquet") == 0
    assert "messages" in pd.read_parquet(tmp_path / "out.parquet").columns


def breaking() -> Any:
    yield SINGLE
    raise RuntimeError("half way")


@pytest.mark.parametrize("name", ["chat", "parquet"])
def test_a_failing_export_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        load("exports", name)().write(breaking(), out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(StoreError, match="cannot write the export"):
        load("exports", name)().write([SINGLE], tmp_path / "no" / "out")


def test_every_registered_export_describes_itself() -> None:
    for name in names("exports"):
        kind: type[Export] = load("exports", name)
        assert kind.registered_name == name
        assert kind.suffix in {".jsonl", ".parquet"}
        assert set(kind.kinds) <= {"instruction", "conversation", "preference"}
