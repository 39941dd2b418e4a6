"""Frames for charts and the report: the columns promised, counted right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from support.store_rows import Dataset, chunk, document, fill, instruction, match, new_store, outcome, review

from gristmill.records import Call, Chunk, Document, Usage
from gristmill_data.store import SegmentWriter, Store, frames_of
from gristmill_data.store.frames import frames

COLUMNS = {
    "runs": "run_id name started finished status summary recipe version",
    "outcomes": "task state reason n",
    "rows": "example_id kind generator type uri document_id status stale instruction_chars response_chars"
    " review judge_state chosen_chars rejected_chars margin contrast",
    "scores": "example_id scorer value unscored_reason generator document_id",
    "coverage": "uri media_type chars chunks chunks_used covered_chars accepted rejected failed rows reviewed"
    " kept",
    "failures": "uri reason detail",
    "matches": "example_id benchmark item_id label score example_text item_text example_start example_end"
    " item_start item_end status tier side",
    "reviews": "reviewer action reason n",
    "calls": "model n input_tokens output_tokens cost",
    "samples": "example_id kind generator type status reason uri heading_path instruction response chosen"
    " rejected evidence scores",
    "match_verdicts": "benchmark label tier score right reviewer",
    "states": "kind judge_state review queue_status n",
    "pairings": "of_ one other said_one said_other n",
    "ballots": "of_ votes n",
    "judged": "window_ first last judge people n",
    "pace": "reviewer day n timed quarter median three_quarters",
    "reasons": "reviewer reason bulk n",
    "matched": "benchmark label n",
    "spent": "run_id name started cost calls unpriced asked accepted kept",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def made(store: Store) -> Dataset:
    return fill(store)


def test_columns_are_those_promised_even_when_empty(store: Store) -> None:
    empty = store.frames()
    assert {name: " ".join(frame.columns) for name, frame in empty.items()} == COLUMNS
    assert all(len(frame) == 0 for frame in empty.values())
    fill(store)
    assert {name: " ".join(frame.columns) for name, frame in store.frames().items()} == COLUMNS


def test_rows_carry_the_reviewers_word_before_the_machines(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[0], "reject", reason="wrong"))
    rows = store.frames()["rows"].set_index("example_id")
    first, second = rows.loc[made.examples[0].id], rows.loc[made.examples[1].id]
    assert (first["status"], first["review"], first["judge_state"]) == ("rejected", "rejected", "accepted")
    assert (second["status"], second["judge_state"]) == ("accepted", "accepted")
    assert rows["review"].isna().sum() == 3
    assert second["response_chars"] == len(made.examples[1].response)
    [only] = store.frames()["reviews"].to_dict("records")
    assert only == {"reviewer": "ann", "action": "reject", "reason": "wrong", "n": 1}


def test_coverage_counts_overlapping_chunks_once(store: Store) -> None:
    doc = Document.make("long.md", "x" * 100, "text/markdown")
    chunks = [Chunk.make(doc, start, end, []) for start, end in ((0, 40), (20, 60), (30, 35), (80, 100))]
    writer = SegmentWriter(store.path, "run")
    writer.add(doc)
    for piece in chunks:
        writer.add(piece)
    for number, piece in enumerate(chunks[:3]):
        example = instruction(chunk(document()), number)
        moved = type(example).make(
            "instruction", example.messages, generator=example.generator, chunk_ids=[piece.id]
        )
        writer.add(moved)
        writer.add(outcome(moved))
    writer.flush()
    store.ingest()
    [row] = store.frames()["coverage"].to_dict("records")
    assert (row["chars"], row["covered_chars"], row["chunks"], row["chunks_used"]) == (100, 60, 4, 3)


def test_coverage_shows_documents_of_the_latest_run_only(store: Store, made: Dataset) -> None:
    changed = document(text="# Ovens\n\nNew.")
    writer = SegmentWriter(store.path, "run-2")
    writer.add(changed)
    writer.add_row("run_documents", {"document_id": changed.id, "uri": changed.uri})
    writer.add_row("runs", {"name": "bakery"})
    writer.flush()
    store.ingest()
    found = store.frames()
    assert found["coverage"][["uri", "chars", "chunks"]].to_numpy().tolist() == [["ovens.md", 13, 0]]
    assert len(found["failures"]) == 0
    assert found["rows"]["stale"].all()


def test_agreement_goes_by_first_words_that_stand_and_not_by_those_on_many_rows(
    store: Store, made: Dataset
) -> None:
    first, second, third = made.examples[:3]
    for event in (
        review(first, "accept", by="ann"), review(first, "reject", by="bo", reason="x", tags=["x", "y"]),
        review(first, "accept", by="bo"), review(second, "accept", by="ann", bulk="b1"),
        review(second, "reject", by="bo", note="no tag"), undone := review(third, "accept", by="ann"),
        review(third, "accept", by="bo"), review(third, "undo", by="ann", event_id=undone.event_id),
    ):  # fmt: skip
        store.decide(event)
    found = store.frames()
    assert found["pairings"].to_numpy().tolist() == [["rows", "ann", "bo", "accepted", "rejected", 1]]
    [ballot] = found["ballots"].to_dict("records")
    assert orjson.loads(ballot["votes"]) == [
        {"said": "accepted", "votes": 1},
        {"said": "rejected", "votes": 1},
    ]
    assert found["judged"].groupby("people")["n"].sum().to_dict() == {"accepted": 2, "rejected": 1}
    assert found["reasons"].to_numpy().tolist() == [["bo", "in words only", False, 1]]
    paced = found["pace"].set_index("reviewer")[["n", "timed"]]
    assert paced.to_numpy().tolist() == [[2, 1], [4, 3]]


def test_a_live_table_gives_the_same_frames(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[0], "reject", reason="wrong"))
    before = store.frames()
    store.live()
    store.decide(review(made.examples[1], "accept"))
    after = store.frames()
    assert before["states"]["n"].sum() == after["states"]["n"].sum() == 4
    assert (after["states"]["review"] == "accepted").sum() == 1
    assert after["rows"].drop(columns=["review"]).equals(before["rows"].drop(columns=["review"]))
    assert after["samples"].equals(before["samples"])


def test_outcomes_calls_and_failures_are_counted(store: Store, made: Dataset) -> None:
    writer = SegmentWriter(store.path, "run-1")
    for number, cost in ((1, 0.5), (2, None)):
        writer.add(Call(f"k{number}", "openai:m", (), {}, "", Usage(10, number), cost))
    writer.flush()
    store.ingest()
    found = store.frames()
    assert found["calls"].to_numpy().tolist() == [["openai:m", 2, 20, 3, 0.5]]
    assert found["outcomes"].to_numpy().tolist() == [
        ["qa", "accepted", "", 4],
        ["qa", "failed", "broken-json", 1],
        ["qa", "rejected", "too-short", 1],
    ]
    assert found["failures"].to_numpy().tolist() == [["locked.pdf", "encrypted", ""]]


def test_matches_quote_the_text_that_was_compared(store: Store, made: Dataset) -> None:
    pair = made.pairs[0]
    writer = SegmentWriter(store.path, "run-1")
    writer.add(match(pair))
    writer.flush()
    store.ingest()
    [row] = store.frames()["matches"].to_dict("records")
    assert row["example_text"] == "How does pair 0 work?\n\ngood 0\n\nbad 0"
    assert row["example_text"][row["example_start"] : row["example_end"]] == "How "


def test_samples_take_of_every_kind_and_carry_evidence_and_scores(store: Store) -> None:
    made = fill(store, examples=400, pairs=3)
    samples = store.frames()["samples"]
    assert len(samples) == 300
    assert samples["kind"].value_counts().to_dict() == {"instruction": 297, "preference": 3}
    again = store.frames()["samples"]
    assert samples.equals(again)
    row = samples[samples["example_id"] == samples["example_id"].iloc[0]].iloc[0]
    assert orjson.loads(row["evidence"])[0]["quote"] == "holds its heat in stone"
    assert orjson.loads(row["scores"])[0]["scorer"] == "answer"
    assert row["example_id"] in {example.id for example in made.examples}


def test_long_frames_are_sampled_by_example_and_say_so(store: Store) -> None:
    fill(store, examples=400, pairs=0)
    first = frames(store, max_rows=100)
    assert first["rows"].attrs["sampled"] == {"of": 400, "every": 8}
    assert 25 < len(first["rows"]) < 75
    assert set(first["scores"]["example_id"]) == set(first["rows"]["example_id"])
    assert frames(store, max_rows=100)["rows"].equals(first["rows"])
    assert "sampled" not in store.frames()["rows"].attrs


def test_frames_pass_through_files_unchanged(store: Store, made: Dataset) -> None:
    direct, read = store.frames(), frames_of(store.path)
    for name, frame in direct.items():
        assert list(read[name].columns) == list(frame.columns)
        assert len(read[name]) == len(frame)
    assert read["rows"].equals(direct["rows"])
