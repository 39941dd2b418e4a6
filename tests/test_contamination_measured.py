"""Recall and false positives on the real benchmarks beside the checkout."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from gristmill_evals.contamination import load_benchmark, scan

pytestmark = pytest.mark.shared


def _share(rows: list[dict[str, Any]], benchmark: str, shared: Path, labels: set[str]) -> float:
    """Share of rows whose best match is their own item, under one of ``labels``."""
    best = scan(rows, [load_benchmark(benchmark, shared / "benchmarks")], 0.0)
    hits = [
        match["score"] >= 0.5 and match["label"] in labels and match["item_id"] == row["item"]
        for match, row in zip(best, rows, strict=True)
    ]
    return sum(hits) / len(hits)


@pytest.mark.parametrize("name", ["gsm8k_test.jsonl", "mmlu_sociology.jsonl", "humaneval.jsonl"])
def test_every_verbatim_question_is_found(shared: Path, name: str) -> None:
    items = load_benchmark(name, shared / "benchmarks").items
    rows = [{"id": item.id, "text": item.question, "item": item.id} for item in items]
    assert _share(rows, name, shared, {"verbatim", "near"}) == 1.0


def test_reordered_options_are_found(shared: Path) -> None:
    chance, rows = random.Random(1), []
    for item in load_benchmark("mmlu_sociology.jsonl", shared / "benchmarks").items:
        choices = chance.sample(item.choices, len(item.choices))
        if tuple(choices) != item.choices:
            text = "\n".join([item.question, *(f"({a}) {c}" for a, c in zip("ABCD", choices, strict=False))])
            rows.append({"id": item.id, "text": text, "item": item.id})
    assert _share(rows, "mmlu_sociology.jsonl", shared, {"option-reordered"}) >= 0.98


def test_changed_numbers_are_found(shared: Path) -> None:
    rows = []
    for item in load_benchmark("gsm8k_test.jsonl", shared / "benchmarks").items[:400]:
        text = item.question.translate(str.maketrans("23456789", "57384926"))
        if text != item.question:
            rows.append({"id": item.id, "text": text, "item": item.id})
    assert _share(rows, "gsm8k_test.jsonl", shared, {"number-perturbed"}) >= 0.98


def test_few_clean_rows_are_flagged(shared: Path) -> None:
    lines = (shared / "contamination" / "gsm8k_clean.jsonl").read_text(encoding="utf-8").splitlines()
    bench = load_benchmark("gsm8k_test.jsonl", shared / "benchmarks")
    flagged = {match["id"] for match in scan(map(json.loads, lines), [bench])}
    assert len(flagged) / len(lines) <= 0.01
