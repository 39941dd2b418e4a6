"""From a reviewed dataset to an export: which rows leave, and in which text."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.store_rows import Dataset, document, fill, new_store, outcome, preference, review, turns

from gristmill.errors import UsageError
from gristmill_data.exports import export_rows
from gristmill_data.store import SegmentWriter, Store, call

Filled = tuple[Path, Dataset]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Instruction 0 accepted, 1 rejected, 2 edited, 3 pending by people; two pairs pending."""
    folder = tmp_path_factory.mktemp("filled")
    with new_store(folder) as store:
        result = fill(store, examples=4, pairs=2)
        store.decide(review(result.examples[0], "accept"))
        store.decide(review(result.examples[1], "reject"))
        store.decide(review(result.examples[2], "edit", messages=turns("Edited?", "Yes, edited.")))
    return folder, result


@pytest.fixture
def made(tmp_path: Path, filled: Filled) -> Dataset:
    """What ``store`` holds when a test names this one first: a copy of :func:`filled`."""
    assert not list(tmp_path.iterdir()), "name it before store"
    shutil.copytree(filled[0], tmp_path, dirs_exist_ok=True)
    return filled[1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


def export(store: Store, format: str, **more: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # noqa: A002
    out = store.path.with_name("out.jsonl")
    result = call(store.path, "export", format=format, out=str(out), **more)
    assert result.pop("path") == str(out)
    return result, [orjson.loads(line) for line in out.read_bytes().splitlines()]


CASES = [
    ("accepted", {0: "reviewed", 2: "reviewed", 3: "accepted"}),
    ("reviewed", {0: "reviewed", 2: "reviewed"}),
    ("all", {0: "reviewed", 1: "rejected", 2: "reviewed", 3: "accepted"}),
]


@pytest.mark.parametrize(("statuses", "expected"), CASES)
def test_statuses(made: Dataset, store: Store, statuses: str, expected: dict[int, str]) -> None:
    result, rows = export(store, "chat", statuses=statuses)
    found = {row["metadata"]["id"]: row["metadata"]["status"] for row in rows}
    assert found == {made.examples[number].id: status for number, status in expected.items()}
    pairs = 0 if statuses == "reviewed" else 2
    assert result == {"written": len(expected), "skipped": {"kind preference": pairs} if pairs else {}}


def test_edits_are_applied_and_lineage_kept(made: Dataset, store: Store) -> None:
    _, rows = export(store, "alpaca", statuses="reviewed")
    edited = next(row for row in rows if row["metadata"]["id"] == made.examples[2].id)
    assert (edited["instruction"], edited["output"]) == ("Edited?", "Yes, edited.")
    assert edited["metadata"]["sources"] == ["ovens.md"]
    assert edited["metadata"]["scores"] == [{"scorer": "answer", "value": 0.2}]


SIDES = [
    ("prefer", {"side": "chosen"}, ("good 0", "bad 0")),
    ("prefer", {"side": "rejected"}, ("bad 0", "good 0")),
    ("prefer", {"side": "tie"}, None),
    ("prefer", {"side": "both_bad"}, None),
    ("accept", {}, ("good 0", "bad 0")),
    ("edit", {"chosen": "new", "side": "rejected"}, ("bad 0", "new")),
]


@pytest.mark.parametrize(("action", "payload", "expected"), SIDES)
def test_sides_follow_the_reviewer(
    made: Dataset, store: Store, action: Any, payload: dict[str, str], expected: tuple[str, str] | None
) -> None:
    store.decide(review(made.pairs[0], action, **payload))
    result, rows = export(store, "dpo", args={"style": "plain", "lineage": True})
    mine = [(r["chosen"], r["rejected"]) for r in rows if r["metadata"]["id"] == made.pairs[0].id]
    assert mine == ([expected] if expected else [])
    assert result["written"] == (2 if expected else 1)


def test_a_later_verdict_turns_the_sides_back(made: Dataset, store: Store) -> None:
    pair = made.pairs[0]
    store.decide(review(pair, "prefer", side="rejected", event="swap"))
    store.decide(review(pair, "undo", event_id="swap"))
    rows = {row.example.id: row.example for row in export_rows(store, kinds=["preference"])}
    assert (rows[pair.id].chosen, rows[pair.id].rejected) == ("good 0", "bad 0")


def test_kinds_narrow_the_rows_without_counting_the_others(made: Dataset, store: Store) -> None:
    result, rows = export(store, "chat", kinds=["instruction"])
    assert result == {"written": 3, "skipped": {}}
    assert export(store, "chat", kinds=["conversation"])[0] == {"written": 0, "skipped": {}}
    assert len(rows) == 3


def test_stale_rows_stay_out_and_are_counted(made: Dataset, store: Store) -> None:
    changed = document(text="# Ovens\n\nNew.")
    writer = SegmentWriter(store.path, "run-2")
    writer.add_row("run_documents", {"document_id": changed.id, "uri": changed.uri})
    writer.add_row("runs", {"name": "bakery"})
    writer.flush()
    store.ingest()
    assert export(store, "chat")[0] == {"written": 0, "skipped": {"stale": 5}}
    assert export(store, "chat", statuses="reviewed")[0] == {"written": 0, "skipped": {"stale": 2}}
    result, rows = export(store, "chat", statuses="all")
    assert result == {"written": 4, "skipped": {"kind preference": 2}}
    assert {row["metadata"]["status"] for row in rows} == {"stale"}


def test_many_rows_leave_in_the_order_of_their_ids_within_a_chunk(store: Store) -> None:
    made = fill(store, examples=0, pairs=0)
    writer = SegmentWriter(store.path, "run-1")
    for number in range(4500):  # more than two batches of the database cursor
        example = preference(made.chunk, number)
        writer.add(example)
        writer.add(outcome(example))
    writer.flush()
    store.ingest()
    result, rows = export(store, "dpo", args={"lineage": True})
    ids = [row["metadata"]["id"] for row in rows]
    assert result["written"] == len(set(ids)) == 4500
    assert ids == sorted(ids)


WRONG = [
    ({"format": "morse"}, "unknown export 'morse'"),
    ({"format": "chat", "statuses": "some"}, "unknown rows 'some'"),
    ({"format": "dpo", "args": {"style": "rhymed"}}, "conversational"),
    ({"format": "dpo", "args": {"stile": "plain"}}, "not permitted"),
    ({"format": "chat", "out": "relative.jsonl"}, "absolute"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_arguments_are_explained(
    store: Store, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        call(store.path, "export", **{"out": str(tmp_path / "out"), **arguments})
    assert caught.value.cure
    assert not (tmp_path / "out").exists()
