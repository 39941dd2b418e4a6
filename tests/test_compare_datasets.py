"""Figures of datasets beside each other, worked out from frames made by hand."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd
import pytest

from gristmill.records import OTHER_KIND
from gristmill_evals.comparing import Dataset, compare_datasets, write_comparison
from gristmill_evals.comparing.datasets import ComparedMeasure
from gristmill_evals.comparing.rows import row_changes
from gristmill_evals.comparing.settings import changed
from gristmill_evals.comparing.sides import endings
from gristmill_evals.statistics import difference, paired_difference

GATES = [{"use": "contamination", "benchmarks": ["b.jsonl"]}]


def _dataset(label: str, score: float, documents: range, seed: int, per_chunk: int = 4) -> Dataset:
    """One chunk a document, of which every row has a score around ``score`` and its document's own level."""
    chance, levels = random.Random(seed), random.Random(0)
    level = [levels.gauss(0, 0.15) for _ in range(100)]
    slots, rows, scores = [], [], []
    for number in documents:
        for place in range(per_chunk):
            key = f"{label}-{number}-{place}"
            value = min(1.0, max(0.0, score + level[number] + chance.gauss(0, 0.03)))
            slots.append((f"c{number}", f"d{number}", "a.md", "qa", place, "accepted", "", key))
            words = f"What does the {chance.choice(['mill', 'weir', 'gate'])} do in year {number}?"
            rows.append(
                (key, f"d{number}", "a.md", "instruction", "qa", "fact", "accepted", None, 40, 90, words, key)
            )
            scores.append((key, f"d{number}", "answer", "1", value, None))
    scores.append(("pair", "d1", "answer", "1", None, OTHER_KIND))
    scores.append(("bad", "d1", "answer", "1", None, "timeout"))
    recipe = json.dumps({"name": label, "gates": GATES, "score": [{"use": "rubric"}]})
    frames = {
        "runs": pd.DataFrame(
            [(f"run-{label}", label, "2026", "2026", "done", recipe, "{}", "1")], columns=_RUNS
        ),
        "slots": pd.DataFrame(slots, columns=_SLOTS),
        "rows": pd.DataFrame(rows, columns=_ROWS),
        "scores": pd.DataFrame(scores, columns=_SCORES),
        "matches": pd.DataFrame(columns=["example_id", "benchmark", "label", "score"]),
        "spent": pd.DataFrame([("r", 1.5, 10, 2, 0, 100, 50)], columns=_SPENT),
    }
    return Dataset(label, frames, lambda ids: {key: {"instruction": "Why?", "response": key} for key in ids})


_RUNS = ["run_id", "name", "started", "finished", "status", "recipe", "summary", "version"]
_SLOTS = ["chunk_id", "document_id", "uri", "task", "place", "state", "reason", "example_id"]
_ROWS = [
    *("example_id", "document_id", "uri", "kind", "generator", "type", "status", "review"),
    *("instruction_chars", "response_chars", "instruction", "text"),
]
_SCORES = ["example_id", "document_id", "scorer", "version", "value", "unscored_reason"]
_SPENT = ["run_id", "cost", "calls", "cached", "unpriced", "input_tokens", "output_tokens"]


def _score(*sides: Dataset) -> ComparedMeasure:
    return next(one for one in compare_datasets(sides).compared if one.a.name == "score: answer")


def test_the_same_documents_are_paired_and_others_are_not() -> None:
    one = _score(_dataset("a", 0.5, range(20), 1), _dataset("b", 0.53, range(20), 2))
    assert (one.paired, one.shared) == (True, (1.0, 1.0))
    other = _score(_dataset("a", 0.5, range(20), 1), _dataset("b", 0.53, range(20, 40), 2))
    assert (other.paired, other.documents) == (False, None)
    assert one.verdict == "better"
    assert other.verdict == "noise"


def test_the_differences_are_those_of_the_statistics() -> None:
    one = _score(_dataset("a", 0.5, range(20), 1), _dataset("b", 0.53, range(12), 2))
    a, b = one.a.values, one.b.values
    plain = difference(list(b.value), list(b.document_id), list(a.value), list(a.document_id))
    assert one.rows == plain
    means = [side.groupby("document_id").value.mean() for side in (b, a)]
    both = sorted(set(a.document_id) & set(b.document_id))
    assert one.documents == paired_difference(list(means[0][both]), list(means[1][both]), both)
    assert one.shared == (pytest.approx(0.6), 1.0)


def test_unscored_rows_are_counted_and_rows_of_another_kind_are_not() -> None:
    one = _score(_dataset("a", 0.5, range(5), 1), _dataset("b", 0.5, range(5), 2))
    assert (one.a.left_out, len(one.a.values)) == (1, 20)


def test_a_clean_dataset_that_was_checked_has_a_share_of_zero() -> None:
    found = compare_datasets([_dataset("a", 0.5, range(5), 1), _dataset("b", 0.5, range(5), 2)])
    one = next(one for one in found.compared if one.a.name.startswith("contaminated"))
    assert one.verdict == "same"
    assert list(one.a.values["value"]) == [0.0] * 20


def test_slots_tell_what_became_of_their_rows() -> None:
    a, b = _dataset("a", 0.5, range(1), 1, 5).frames, _dataset("b", 0.5, range(1), 2, 4).frames
    b["rows"].loc[0, "text"] = a["rows"].loc[0, "text"]
    b["rows"].loc[1, "status"] = "rejected"
    a["rows"].loc[2, "status"] = "rejected"
    counts = row_changes(a, b, "b").counts
    assert counts == {
        "same row": 1,
        "other text": 1,
        "accepted now": 1,
        "no longer accepted": 1,
        "only in the first": 1,
        "only in the other": 0,
    }


def test_the_page_shows_both_rows_of_a_slot(tmp_path: Path) -> None:
    found = compare_datasets([_dataset("a", 0.5, range(6), 1), _dataset("b", 0.5, range(6), 2)])
    html, twin, _ = write_comparison(found, tmp_path / "c.html")
    browse = next(s for s in json.loads(twin.read_text())["sections"] if s["id"] == "browse")["blocks"][0]
    sides = browse["items"][0]["sides"]
    assert [title.split(":")[0] for title, _ in sides] == ["a", "b"]
    assert sides[0][1].startswith("Why?\n\na-")
    assert "$1.50" in html.read_text()


def test_settings_are_told_apart_by_key_and_secrets_removed() -> None:
    one = {"models": {"w": {"api_key": "s3cret-a", "params": {"t": 0.7}}}, "docs": ["a", "b"]}
    two = {"models": {"w": {"api_key": "s3cret-b", "params": {"t": 0.2}, "seed": 1}}, "docs": ["a"]}
    rows = {row.name: row.values for row in changed([one, two])}
    assert rows == {
        "models.w.params.t": ("0.7", "0.2"),
        "models.w.seed": ("not set", "1"),
        "docs": ('["a", "b"]', '["a"]'),
    }


def test_paths_are_named_by_as_much_as_tells_them_apart() -> None:
    assert endings([Path("/x/one/run"), Path("/x/two/run")]) == ["one/run", "two/run"]
    assert endings([Path("/x/one"), Path("/x/two")]) == ["one", "two"]
