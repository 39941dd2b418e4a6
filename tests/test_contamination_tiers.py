"""What each tier finds and leaves alone, as a table of rows against a small benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import UsageError
from gristmill.records import Chunk, Document, Example, Item, Origin, example_text
from gristmill.registry import Blocked, Passed
from gristmill_evals.contamination import Benchmark, BenchmarkItem, ContaminationGate, load_benchmark, scan

DATA = Path(__file__).parent / "data" / "contamination"
BENCH = load_benchmark("mill.jsonl", DATA)
MILL = BENCH.items[0].question
CASES = [json.loads(line) for line in (DATA / "cases.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_tiers(case: dict[str, Any]) -> None:
    """``item`` null: nothing reaches the threshold."""
    matches = list(scan([{"id": case["name"], "text": case["text"]}], [BENCH]))
    found = [(match["item_id"], match["label"]) for match in matches[:1]]
    assert found == ([(case["item"], case["label"])] if case["item"] else [])


def test_spans_point_into_the_field_and_the_item() -> None:
    row = {"id": 1, "instruction": "Hello there.", "response": f"Sure! {MILL}"}
    match = next(scan([row], [BENCH], texts=True))
    spans = match["spans"]
    assert spans["field"] == "response"
    assert row["response"][slice(*spans["row"])] == MILL.rstrip("?")
    assert match["item_text"][slice(*spans["item"])] == MILL.rstrip("?")
    assert 0 <= match["score"] <= 1


def test_min_score_zero_gives_every_row_its_best_candidate() -> None:
    rows = [{"id": n, "text": text} for n, text in enumerate([MILL, "rye is a grain", "Ξ ψ ω"])]
    matches = list(scan(rows, [BENCH], 0.0))
    assert [match["id"] for match in matches] == ["0", "1", "2"]
    assert matches[0]["score"] == 1.0
    assert 0 < matches[1]["score"] < 0.5
    assert (matches[2]["item_id"], matches[2]["score"]) == (None, 0.0)


def test_a_form_shared_by_many_items_is_boilerplate() -> None:
    form = "Read the text carefully and then choose the one word that fits best into the gap: {}"
    words = ["granite", "harvest", "lantern", "ferry", "orchard"]
    bench = Benchmark.make("forms", [BenchmarkItem(word, form.format(word)) for word in words])
    scores = [m["score"] for m in scan([{"id": 1, "text": form.format("pebble")}], [bench], 0.0)]
    assert scores[0] < 1
    labels = {m["label"] for m in scan([{"id": 1, "text": form.format("granite")}], [bench])}
    assert "verbatim" in labels


def test_rows_are_read_lazily() -> None:
    def endless() -> Any:
        while True:
            yield {"id": "again", "text": MILL}

    matches = scan(endless(), [BENCH])
    assert [next(matches)["item_id"] for _ in range(3)] == ["sacks"] * 3


@pytest.mark.parametrize("row", [{"text": "x"}, {"id": 1}, {"id": 1, "messages": "x", "prompt": 3}])
def test_rows_that_cannot_be_checked_are_named(row: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="row"):
        list(scan([row], [BENCH]))


def test_messages_and_preference_rows_are_understood() -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": MILL}]
    rows = [{"id": 1, "messages": turns}, {"id": 2, "prompt": "Hi", "chosen": "No.", "rejected": MILL}]
    assert [m["spans"]["field"] for m in scan(rows, [BENCH])] == ["messages[1]", "rejected"]


def _item(question: str, response: str) -> Item:
    document = Document.make("a.md", "text", "text/markdown")
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": response}]
    example = Example.make("instruction", messages, generator=Origin("t", "1"), chunk_ids=["c"])  # type: ignore[arg-type]
    return Item(example, Chunk.make(document, 0, 4, []), document)


def _gate(**arguments: Any) -> ContaminationGate:
    gate = ContaminationGate(benchmarks=["mill.jsonl"], **arguments)
    gate.prepare(DATA)
    return gate


def test_the_gate_blocks_and_names_the_item() -> None:
    item = _item("Question: " + MILL, "225")
    decision = _gate().check(item)
    assert isinstance(decision, Blocked)
    assert decision.reason == "contaminated"
    assert "mill:sacks" in decision.detail
    match = decision.matches[0]
    assert example_text(item.example)[slice(*match.example_span)] == match.item_text[slice(*match.item_span)]


def test_the_gate_keeps_matches_it_does_not_block() -> None:
    question = MILL
    decision = _gate(block=["near"]).check(_item(question, "225"))
    assert isinstance(decision, Passed)
    assert [match.label for match in decision.matches] == ["verbatim"]
    assert _gate().check(_item("What is a tide?", "Water that rises.")) == Passed()


def test_the_fingerprint_follows_the_benchmark_file(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"id": 1, "question": "How deep is the well?"}')
    gate = ContaminationGate(benchmarks=["b.jsonl"])
    gate.prepare(tmp_path)
    before = gate.fingerprint()
    (tmp_path / "b.jsonl").write_text('{"id": 1, "question": "How deep is the pond?"}')
    gate.prepare(tmp_path)
    assert gate.fingerprint() != before


def test_the_gate_refuses_two_benchmarks_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two benchmarks"):
        ContaminationGate(benchmarks=["mill.jsonl", "mill.jsonl"]).prepare(DATA)
