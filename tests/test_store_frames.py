"""Frames for charts and the report: the columns promised, counted right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from support.store_rows import Dataset, chunk, document, fill, instruction, match, new_store, outcome, review

from gristmill.records import Call, Chunk, Document, Score, Usage
from gristmill_data.store import SegmentWriter, Store, frames_of
from gristmill_data.store.frames import frames

COLUMNS = {
    "runs": "run_id name started finished status summary recipe version",
    "outcomes": "task state reason n",
    "rows": "example_id kind generator type uri document_id status stale instruction_chars response_chars"
    " review judge_state chosen_chars rejected_chars margin contrast total_chars turns",
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
    "texts": "example_id kind generator type document_id system instruction response rejected passage spans"
    " spans_found",
    "prompts": "generator text n",
    "copies": "of_ rows repeated groups largest",
    "verdicts": "example_id scorer generator document_id value forward swapped both position chosen_chars"
    " rejected_chars",
    "criteria": "scorer criterion points document_id n met void_ voted agreement",
    "seats": "example_id scorer document_id judge value",
    "makers": "generator rows accepted calls input_tokens output_tokens cost unpriced",
    "speed": "run_id role model answered failed cached retries p50 p95 waited_p95 output_tokens_per_second",
    "counted": "model n chars tokens cc ct tt",
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


def test_texts_are_those_of_accepted_rows_and_evidence_is_looked_up(store: Store, made: Dataset) -> None:
    store.decide(review(made.examples[0], "reject", reason="wrong"))
    wrong = instruction(
        made.chunk, 7, evidence=[{"chunk_id": made.chunk.id, "start": 9, "end": 14, "quote": "A duck"}]
    )
    writer = SegmentWriter(store.path, "run-1")
    for record in (wrong, outcome(wrong)):
        writer.add(record)
    writer.flush()
    store.ingest()
    texts = store.frames()["texts"].set_index("example_id")
    assert set(texts.index) == {example.id for example in (*made.examples[1:], wrong, *made.pairs)}
    assert texts.loc[made.examples[1].id, ["spans", "spans_found"]].tolist() == [1, 1]
    assert texts.loc[wrong.id, ["spans", "spans_found"]].tolist() == [1, 0]
    first = texts.loc[made.examples[1].id]
    assert (first["response"], first["passage"]) == (made.examples[1].response, made.chunk.text)
    assert texts.loc[made.pairs[0].id, "rejected"] == "bad 0"


def test_copies_are_counted_without_case_and_marks(store: Store, made: Dataset) -> None:
    again = [instruction(made.chunk, n, type=f"other {n}") for n in (1, 2)]
    louder = [
        type(e).make(
            "instruction",
            [{**m, "content": f"{m['content'].upper()} !"} for m in e.messages],
            generator=e.generator,
            chunk_ids=e.chunk_ids,
        )
        for e in again
    ]
    writer = SegmentWriter(store.path, "run-1")
    for record in (*louder, *map(outcome, louder)):
        writer.add(record)
    writer.flush()
    store.ingest()
    copies = store.frames()["copies"].set_index("of_")
    assert copies.loc["row"].tolist() == [6, 2, 2, 2]
    assert copies.loc["instruction"].tolist() == [6, 2, 2, 2]


def test_votes_of_judges_are_taken_apart(store: Store, made: Dataset) -> None:
    pair = {"judge": "m", "winner_forward": "1", "winner_swapped": "2", "position": "first", "chars": [6, 5]}
    met = [
        {"criterion": "clear", "points": 2.0, "met": True, "counted": n > 0, "agreement": 0.5}
        for n in range(2)
    ]
    jury = [{"jury": "both", "judge": "jury"}, *({"judge": name, "value": 0.5} for name in ("a", "b"))]
    writer = SegmentWriter(store.path, "run-1")
    writer.add(Score(made.pairs[0].id, "pair", "1", 0.5, votes=(pair,)))
    for example, row in zip(made.examples, met, strict=False):
        writer.add(Score(example.id, "clear", "1", 1.0, votes=(row,)))
    writer.add(Score(made.examples[0].id, "both", "1", 0.5, votes=tuple(jury)))
    writer.flush()
    store.ingest()
    found = store.frames()
    [verdict] = found["verdicts"].to_dict("records")
    assert [verdict[name] for name in ("forward", "swapped", "both", "position")] == ["1", "2", True, "first"]
    [criterion] = found["criteria"].to_dict("records")
    assert [criterion[name] for name in ("points", "n", "met", "void_", "agreement")] == [2.0, 2, 2, 1, 1.0]
    assert found["seats"][["judge", "value"]].to_numpy().tolist() == [["a", 0.5], ["b", 0.5]]


def test_calls_are_told_by_generator_and_prompts_are_kept(store: Store, made: Dataset) -> None:
    asked = ({"role": "system", "content": "Write."}, {"role": "user", "content": "12345678"})
    writer = SegmentWriter(store.path, "run-1")
    writer.add(Call("call-1", "openai:m", asked, {}, "", Usage(7, 5), 0.25))
    writer.flush()
    store.ingest()
    found = store.frames()
    makers = found["makers"].set_index("generator")
    assert makers.loc["qa", ["rows", "accepted", "calls", "cost"]].tolist() == [3, 3, 1, 0.25]
    assert makers.loc["preference", "calls"] == 0
    assert found["prompts"].to_numpy().tolist() == [["qa", "Write.", 1]]
    [counted] = found["counted"].to_dict("records")
    assert (counted["n"], counted["chars"], counted["tokens"], counted["ct"]) == (1, 14, 7, 98)


def test_many_texts_are_sampled(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill_data.store.frames.MAX_TEXTS", 50)
    fill(store, examples=400, pairs=0)
    texts = store.frames()["texts"]
    assert texts.attrs["sampled"] == {"of": 400, "every": 8}
    assert 25 < len(texts) < 75
