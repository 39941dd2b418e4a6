"""Segments: what goes in comes out, once; what is broken is set aside and kept."""

from __future__ import annotations

import random
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from support.store_rows import chunk, document, fill, instruction, match, new_store, outcome

from gristmill.errors import StoreError
from gristmill.records import Call, Chunk, FileFailure, Message, Outcome, Score, Usage
from gristmill_data.store import SegmentWriter, Store, call, example_from_json, segments_folder
from gristmill_data.store.connect import is_out_of_memory
from gristmill_data.store.segments import waiting
from gristmill_data.store.tables import TABLES


@pytest.fixture
def store(tmp_path: Path):
    with new_store(tmp_path) as opened:
        yield opened


def put(store: Store, *records, run_id: str = "run-1") -> int:
    writer = SegmentWriter(store.path, run_id)
    for record in records:
        writer.add(record)
    writer.flush()
    return store.ingest()


def test_records_come_back_as_they_were(store: Store) -> None:
    made = fill(store)
    original = store.item(made.examples[0].id).original
    assert original == made.examples[0]
    assert store.item(made.pairs[0].id).original == made.pairs[0]
    [(path, start, end)] = store.rows("SELECT heading_path, start_, end_ FROM chunks")
    assert (tuple(path), start, end) == (made.chunk.heading_path, made.chunk.start, made.chunk.end)


def test_calls_keep_messages_usage_and_cost(store: Store) -> None:
    said = (Message(role="user", content='say "hé\n"'),)
    put(store, Call("k", "openai:m", said, {"temperature": 0.7}, "ok", Usage(3, 4), 0.25))
    [row] = store.dicts("SELECT * FROM calls")
    assert orjson.loads(row["messages"]) == list(said)
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (3, 4, 0.25)
    assert orjson.loads(row["params"]) == {"temperature": 0.7}


def test_the_same_rows_again_change_nothing(store: Store) -> None:
    fill(store)
    before = store.rows("SELECT * FROM rows_ ORDER BY 1")
    fill(store)
    assert store.rows("SELECT * FROM rows_ ORDER BY 1") == before
    assert store.ingest() == 0


def test_a_slot_decided_again_replaces_its_outcome(store: Store) -> None:
    source = chunk(document())
    first = Outcome("s", source.id, "qa", 0, "old", "failed", "broken-json")
    again = Outcome("s", source.id, "qa", 0, "new", "accepted")
    put(store, first)
    put(store, Outcome("s", source.id, "qa", 0, "mid", "failed", "timeout"), again)
    assert call(store.path, "decided", slot_ids=["s", "t"]) == {"s": ["new", "accepted", "", None]}


def test_scores_and_matches_are_replaced(store: Store) -> None:
    example = fill(store).examples[0]
    put(store, Score(example.id, "answer", "2", None, "refused"), match(example, "i1"), match(example, "i2"))
    put(store, match(example, "i3"))
    view = store.item(example.id)
    assert [(s.version, s.value, s.unscored_reason) for s in view.scores] == [("2", None, "refused")]
    assert [m.item_id for m in view.matches] == ["i3"]


def test_a_later_row_of_a_run_changes_only_what_it_gives(store: Store) -> None:
    fill(store)
    writer = SegmentWriter(store.path, "run-1")
    writer.add_row("runs", {"finished": datetime.now(UTC), "status": "budget"})
    writer.flush()
    store.ingest()
    [row] = store.dicts("SELECT * FROM runs")
    assert (row["name"], row["status"], row["db_seq"]) == ("bakery", "budget", 1)
    assert row["started"] <= row["finished"]


def test_an_example_accepted_in_any_slot_is_accepted(store: Store) -> None:
    source = chunk(document())
    example = instruction(source)
    other = Outcome("slot-2", source.id, "qa", 1, "s", "rejected", "duplicate", example_id=example.id)
    put(store, document(), source, example, outcome(example), other)
    assert store.rows("SELECT judge_state, reason FROM rows_") == [("accepted", "")]


@pytest.mark.parametrize("text", ["nul \0 here", "lone \ud800 surrogate", "emoji 🍞\r\n", "", "' -- \\ %"])
def test_any_text_can_be_kept(store: Store, text: str) -> None:
    put(store, Outcome("s", "c", "qa", 0, "x", "failed", "broken-json", detail=text, raw=text))
    kept = text.replace("\ud800", "?")
    assert store.rows("SELECT detail, raw FROM outcomes") == [(kept, kept)]


def test_nothing_added_writes_no_segment(store: Store) -> None:
    writer = SegmentWriter(store.path, "run")
    assert writer.flush() is None
    assert not segments_folder(store.path).exists()


def test_pending_counts_and_unknown_columns_are_refused(store: Store) -> None:
    writer = SegmentWriter(store.path, "run")
    writer.add(FileFailure("a", "empty"))
    assert writer.pending == 1
    with pytest.raises(ValueError, match="no column colour"):
        writer.add_row("runs", {"colour": "red"})
    with pytest.raises(ValueError, match="no table 'people'"):
        writer.add_row("people", {})
    writer.flush()
    assert writer.pending == 0


def damage_manifest(segment: Path) -> None:
    (segment / "manifest.json").unlink()


def damage_version(segment: Path) -> None:
    (segment / "manifest.json").write_text('{"format": 9, "rows": {}}')


def damage_table(segment: Path) -> None:
    (segment / "manifest.json").write_text('{"format": 1, "rows": {"spells": 3}}')


def damage_tail(segment: Path) -> None:
    file = segment / "file_failures.parquet"
    file.write_bytes(file.read_bytes()[:-20])


def damage_middle(segment: Path) -> None:
    file = segment / "file_failures.parquet"
    data = bytearray(file.read_bytes())
    data[4:200] = bytes(196)
    file.write_bytes(data)


def damage_count(segment: Path) -> None:
    manifest = segment / "manifest.json"
    manifest.write_text(manifest.read_text().replace(":40", ":41"))


def damage_missing(segment: Path) -> None:
    (segment / "file_failures.parquet").unlink()


DAMAGES = [
    (damage_manifest, "no usable manifest"),
    (damage_version, "format 9"),
    (damage_table, "unknown table spells"),
    (damage_tail, "magic bytes"),
    (damage_middle, ""),
    (damage_count, "holds 40 rows, the manifest says 41"),
    (damage_missing, "file_failures.parquet is missing"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_segment_is_set_aside_with_its_reason(store: Store, damage, reason: str) -> None:
    writer = SegmentWriter(store.path, "run")
    for number in range(40):
        writer.add(FileFailure(f"lost-{number}", "empty"))
    broken = writer.flush()
    assert broken is not None
    damage(broken)
    writer.add(FileFailure("kept", "empty"))
    writer.flush()
    assert store.ingest() == 1
    assert store.rows("SELECT uri FROM file_failures") == [("kept",)]
    [(name, why)] = store.rows("SELECT name, reason FROM set_aside")
    assert name == broken.name
    assert reason in why
    kept = segments_folder(store.path) / "set-aside" / name
    assert (kept / "REASON.txt").read_text().strip() == why
    assert call(store.path, "status")["segments_set_aside"] == 1


def test_rows_that_the_schema_refuses_are_set_aside(store: Store) -> None:
    writer = SegmentWriter(store.path, "run")
    writer.add_row("examples", {"id": "e", "kind": "instruction"})
    writer.flush()
    assert store.ingest() == 0
    [(why,)] = store.rows("SELECT reason FROM set_aside")
    assert "NOT NULL" in why


def test_a_segment_put_back_after_repair_is_taken(store: Store) -> None:
    writer = SegmentWriter(store.path, "run")
    writer.add(FileFailure("kept", "empty"))
    path = writer.flush()
    assert path is not None
    manifest = path / "manifest.json"
    good = manifest.read_text()
    manifest.write_text("{")
    store.ingest()
    aside = path.parent / "set-aside" / path.name
    (aside / "manifest.json").write_text(good)
    aside.rename(path)
    assert store.ingest() == 1


def test_a_segment_in_the_ledger_is_only_deleted(store: Store, tmp_path: Path) -> None:
    writer = SegmentWriter(store.path, "run")
    writer.add(FileFailure("once", "empty"))
    path = writer.flush()
    assert path is not None
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in path.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert store.ingest() == 1
    copy.rename(path)  # as if a crash came between commit and deletion
    assert store.ingest() == 0
    assert not path.exists()
    assert store.rows("SELECT count(*) FROM file_failures") == [(1,)]


def test_an_unwritable_folder_keeps_the_rows_pending(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb.segments").write_text("in the way")
    writer = SegmentWriter(tmp_path / "x.duckdb", "run")
    writer.add(FileFailure("a", "empty"))
    with pytest.raises(StoreError, match="cannot write a segment") as caught:
        writer.flush()
    assert caught.value.cure
    assert writer.pending == 1
    (tmp_path / "x.duckdb.segments").unlink()
    assert writer.flush() is not None


def test_threads_ingest_and_read_at_once(store: Store) -> None:
    made = fill(store)
    writer = SegmentWriter(store.path, "run")
    for number in range(40):
        writer.add(FileFailure(f"f{number}", "empty"))
        writer.flush()
    totals: list[int] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            totals.append(store.ingest())
            for example in made.examples:
                store.item(example.id)
        except Exception as error:  # noqa: BLE001 - a thread must hand its error to the test
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(totals) == 40
    assert store.rows("SELECT count(*) FROM file_failures WHERE run_id = 'run'") == [(40,)]
    assert waiting(segments_folder(store.path)) == []


def test_accepted_pages_through_examples_in_order_of_id(store: Store) -> None:
    made = fill(store, examples=5, pairs=2)
    seen, after = [], None
    while page := call(store.path, "accepted", after=after, limit=3):
        seen += [example_from_json(row) for row in page]
        after = seen[-1].id
    assert seen == sorted([*made.examples, *made.pairs], key=lambda example: example.id)
    assert page == []


def test_run_totals(store: Store) -> None:
    fill(store)
    assert call(store.path, "run_totals", run_id="run-1") == {
        "states": {"accepted": 4, "rejected": 1, "failed": 1},
        "rejected": {"too-short": 1},
        "failed": {"broken-json": 1},
        "files_failed": {"encrypted": 1},
        "documents": 1,
    }


def test_rows_of_a_document_that_a_later_run_no_longer_saw_are_stale(store: Store) -> None:
    made = fill(store)
    changed = document(text="# Ovens\n\nNew text.")
    writer = SegmentWriter(store.path, "run-2")
    writer.add(changed)
    writer.add(Chunk.make(changed, 9, 18, ["Ovens"]))
    writer.add_row("run_documents", {"document_id": changed.id, "uri": changed.uri})
    writer.add_row("runs", {"name": "another recipe"})
    writer.flush()
    store.ingest()
    assert store.rows("SELECT count(*) FROM rows_ WHERE stale") == [(0,)]
    writer.add_row("runs", {"name": "bakery"})
    writer.flush()
    store.ingest()
    stale = store.rows("SELECT example_id FROM rows_ WHERE stale ORDER BY 1")
    assert stale == sorted((example.id,) for example in [*made.examples, *made.pairs])
    assert call(store.path, "accepted") == []
    fill(store, run_id="run-3")  # the old text is back
    assert store.rows("SELECT count(*) FROM rows_ WHERE stale") == [(0,)]


def test_rows_too_large_for_a_light_opening_are_taken_over_all_the_same(tmp_path: Path) -> None:
    said, db = (Message(role="user", content="Turn this into questions. " * 4_000),), tmp_path / "x.duckdb"
    writer = SegmentWriter(db, "run-1")
    for number in range(1_500):
        writer.add(Call(f"k{number}", "openai:m", said, {}, f"answer {number}", Usage(3, 4), None))
    writer.flush()
    with pytest.raises(StoreError) as error, Store.open(db, light=True) as light:
        light.ingest()
    assert is_out_of_memory(error.value)
    assert call(db, "ingest") == 1_500
    with Store.open(db) as store:
        assert store.rows(
            "SELECT count(*), count(DISTINCT key), min(length(messages)) > 100_000 FROM calls"
        ) == [(1_500, 1_500, True)]


def test_of_several_rows_with_one_key_the_right_one_stays(store: Store) -> None:
    said = (Message(role="user", content="hello"),)
    calls = [Call("k", "openai:m", said, {}, text, Usage(1, 1), None) for text in ("first", "second")]
    texts = [Chunk("c", "d", text, 0, 5, ()) for text in ("kept", "later")]
    scores = [Score("e", "rubric", "1", value, None, "", (), ()) for value in (0.25, 0.5)]
    put(store, *calls, *texts, *scores)
    put(store, calls[1], texts[1], Score("e", "rubric", "1", 0.75, None, "", (), ()))
    assert store.rows("SELECT response FROM calls") == [("second",)]
    assert store.rows("SELECT text FROM chunks") == [("kept",)]
    assert store.rows("SELECT value FROM scores") == [(0.75,)]


def hand_in(store: Store, seed: int, *, again: bool) -> None:
    """Eight segments that wait: calls, runs and documents come again and again, rows if that is said."""
    drawn, source = random.Random(seed), chunk(document())
    examples = [instruction(source, number) for number in range(4 if again else 16)]
    for number in range(8):
        writer = SegmentWriter(store.path, f"run-{number % 2}")
        writer.add_row("runs", {"run_id": f"run-{number % 2}", "name": "n", "status": str(number)})
        for record in (document(), source):
            writer.add(record)
        for example in drawn.sample(examples, 2) if again else examples[2 * number : 2 * number + 2]:
            writer.add(example)
            writer.add(outcome(example, drawn.choice(["accepted", "rejected"])))
            writer.add(Score(example.id, "answer", str(number), number / 10, None))
            if drawn.random() < 0.6:
                writer.add(match(example, f"item-{number}"))
        key, said = f"call-{drawn.randrange(3)}", drawn.randrange(2)
        writer.add(Call(key, "openai:m", (), {}, str(said), Usage(1, said), 0.1))
        writer.flush()


def contents(store: Store) -> dict[str, set[str]]:
    """All rows of all tables that segments fill."""
    return {table: {str(row) for row in store.rows(f"SELECT * FROM {table}")} for table in TABLES}


@pytest.mark.parametrize(("seed", "again"), [(seed, seed % 2 == 0) for seed in range(6)])
def test_segments_taken_together_leave_what_they_leave_one_by_one(
    tmp_path: Path, seed: int, again: bool
) -> None:
    (tmp_path / "other").mkdir()
    with new_store(tmp_path) as together, new_store(tmp_path / "other") as single:
        hand_in(together, seed, again=again)
        segments = waiting(segments_folder(together.path))
        for path in segments:
            shutil.copytree(path, segments_folder(single.path) / path.name)
            single.ingest()
        before = together.writes
        together.ingest()
        assert together.writes - before == (8 if again else 1)
        assert contents(together) == contents(single)


def test_one_transaction_takes_what_waits_together(store: Store) -> None:
    source = chunk(document())
    for number in range(5):
        writer = SegmentWriter(store.path, "run-1")
        for record in (document(), source, instruction(source, number)):
            writer.add(record)
        writer.flush()
    before = store.writes
    assert store.ingest() == 15
    assert store.writes == before + 1
    assert store.rows("SELECT count(*) FROM examples") == [(5,)]


def test_a_broken_segment_among_others_is_set_aside_alone(store: Store) -> None:
    source = chunk(document())
    for number in range(3):
        writer = SegmentWriter(store.path, "run-1")
        writer.add(instruction(source, number))
        writer.flush()
    (waiting(segments_folder(store.path))[1] / "examples.parquet").write_bytes(b"PAR1 cut off")
    assert store.ingest() == 2
    assert len(store.rows("SELECT reason FROM set_aside")) == 1
    assert waiting(segments_folder(store.path)) == []
