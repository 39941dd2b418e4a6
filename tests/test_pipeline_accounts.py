"""What the table says is what the store holds: no row lost, doubled or accepted without being decided."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.openai_server import OpenAIServer, completion
from support.projects import gristmill, make_project, run_json
from support.store_rows import chunk, document, instruction, new_store, outcome

from gristmill.pipeline.run import Run
from gristmill.pipeline.sink import FLUSH_ROWS, Sink
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.recipe import load_recipe
from gristmill.records import Document, FileFailure, Match, Review, Score
from gristmill_data.store import Filters, SegmentWriter, Store, segments_folder

FACT = "A well is a shaft that is dug down to the groundwater. The village well is eleven metres deep."


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with Store.open(folder / "gristmill.duckdb") as store:
        return store.rows(query)


def project(folder: Path, **files: str) -> Path:
    """A project with these documents only; ``__`` in a name stands for its last dot."""
    recipe = make_project(folder)
    for path in (folder / "documents").iterdir():
        path.unlink()
    for name, text in files.items():
        (folder / "documents" / name.replace("__", ".")).write_text(text)
    return recipe


def test_a_row_that_is_there_twice_is_asked_for_once(tmp_path: Path) -> None:
    line = json.dumps({"id": "same", "text": FACT})
    summary = run_json(project(tmp_path, rows__jsonl=f"{line}\n{line}\n"))
    assert summary["planned"] == 2
    assert summary["files"]["rows_unread"] == {"repeated-row": 1}
    assert stored(tmp_path, "SELECT count(*) FROM outcomes") == [(2,)]
    found = stored(tmp_path, "SELECT count(*) FROM rows_ WHERE status = 'accepted'")
    assert found == [(summary["accepted"],)]


def test_names_that_look_like_rows_are_files(tmp_path: Path) -> None:
    recipe = project(tmp_path, good__md=f"# Well\n\n{FACT}\n")
    folder = tmp_path / "documents" / "C#"
    folder.mkdir()
    for path in (folder / "empty.md", tmp_path / "documents" / "notes#1.md", tmp_path / "documents" / "a:12"):
        path.write_text("")
    files = run_json(recipe)["files"]
    assert (files["found"], files["read"], sum(files["failed"].values())) == (4, 1, 3)
    assert files["rows_unread"] == {}


def test_numbers_and_letters_that_json_cannot_hold_do_not_end_a_run(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": FACT, "n": 10**30, "half": "\ud83d"},
        {"id": "\ud83d", "text": FACT.replace("well", "pit")},
        {"id": "c", "text": FACT.replace("well", "sink") + " \ud83d"},
    ]
    recipe = project(tmp_path, rows__jsonl="".join(json.dumps(row) + "\n" for row in rows))
    Path(os.fsdecode(bytes(tmp_path / "documents") + b"/n\xff.md")).write_text(f"# Pit\n\n{FACT}\n")
    summary = run_json(recipe)
    assert (summary["documents"], summary["files"]["read"]) == (4, 2)
    assert summary["balanced"]


def test_half_an_emoji_in_an_answer_does_not_stop_the_cache(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        server.script.append(completion("cut in the middle \ud83d"))
        url = f'"openai:test-model", base_url: "{server.url}"'
        recipe = make_project(tmp_path, url, "max_failed_share: 1\n")
        first, again = run_json(recipe), run_json(recipe)
    assert first["balanced"]
    assert first["accepted"] > 0
    assert again["calls"]["sent"] == 0


def test_the_store_among_the_documents_is_not_read(tmp_path: Path) -> None:
    recipe = project(tmp_path, good__md=f"# Well\n\n{FACT}\n")
    text = recipe.read_text().replace("[documents]", "[documents, data]") + "store: data/x.duckdb\n"
    recipe.write_text(text)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pit.md").write_text(f"# Pit\n\n{FACT}\n")
    first = run_json(recipe)
    writer = SegmentWriter(tmp_path / "data" / "x.duckdb", "killed")
    writer.add(Document.make("old.md", FACT, "text/plain"))
    writer.flush()
    again = run_json(recipe)
    assert first["files"]["found"] == again["files"]["found"] == 2
    assert again["calls"]["sent"] == 0


async def test_rows_that_did_not_reach_the_store_are_missed(tmp_path: Path) -> None:
    loaded = load_recipe(make_project(tmp_path))
    run = Run(loaded)
    summary = await run.execute()
    assert summary.tally.balanced
    with Store.open(loaded.store) as store, store.write() as cursor:
        cursor.execute("DELETE FROM outcomes WHERE slot_id IN (SELECT slot_id FROM outcomes LIMIT 3)")
    sink, tally = Sink(loaded.store, run.id, Tally()), Tally()
    with Spool() as spool:
        recount = Run(loaded, id=run.id, tally=tally)
        await asyncio.to_thread(recount._scan, spool, sink)
        tally.accepted = summary.tally.decided
        tally.unsaved = await recount._unsaved(sink, spool)
    assert tally.unsaved == 3
    assert not tally.balanced


def test_rows_missing_after_a_whole_run_do_not_balance() -> None:
    tally = Tally(planned=2)
    tally.count("accepted", "")
    assert not tally.balanced
    for _ in range(2):
        tally.count("accepted", "")
    tally.pending = -1
    assert not tally.balanced


async def test_a_run_that_ends_during_an_ingest_waits_for_it(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "x.duckdb", "run", Tally())
    for segment in range(20):
        for number in range(300):
            sink.add(Document.make(f"{segment}-{number}", "x" * 2000, "text/plain"))
        sink._writer.flush()
    ingest = asyncio.create_task(sink.query("ingest"))
    while Store.opened(sink.db) is None:  # noqa: ASYNC110 - another thread opens it
        await asyncio.sleep(0.001)
    ingest.cancel()
    await asyncio.gather(ingest, return_exceptions=True)
    assert Store.opened(sink.db) is None
    sink.add(Document.make("last", "y", "text/plain"))
    await sink.flush()
    with Store.open(sink.db) as store:
        assert store.rows("SELECT count(*) FROM documents") == [(6001,)]


def test_a_row_comes_into_one_segment_with_its_outcome(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "x.duckdb", "run", Tally())
    source = chunk(document())
    example = instruction(source)
    for number in range(FLUSH_ROWS - 1):
        sink.add(FileFailure(str(number), "empty"))
    sink.add(Match(example.id, "bench", "i", "near", 0.8, (0, 4), (0, 4)))
    sink.add(Score(example.id, "answer", "1", 0.2))
    sink.add(example)
    assert not segments_folder(sink.db).exists()
    sink.settle(outcome(example, "rejected", "low-score:answer"))
    assert len(list(segments_folder(sink.db).iterdir())) == 1


def test_an_example_that_nobody_decided_is_not_accepted(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        doc = document()
        source = chunk(doc)
        first, second = instruction(source, 1), instruction(source, 2)
        writer = SegmentWriter(store.path, "run")
        for record in (doc, source, first, outcome(first, "rejected", "low-score:answer"), second):
            writer.add(record)
        writer.flush()
        store.ingest()
        query = "SELECT status, queue_status, reason FROM rows_ ORDER BY status DESC"
        expected = [("rejected", "machine_rejected", "low-score:answer"), ("failed", "failed", "undecided")]
        assert store.rows(query) == expected


def test_rejected_rows_stay_out_when_their_slot_is_decided_anew(tmp_path: Path) -> None:
    """The cache is gone and the rules have changed: new answers take the slots of rejected ones."""
    pair = {"question": "What is a comet?", "answer": "A ball of ice.", "evidence": "ice", "type": "factual"}
    with OpenAIServer() as server:
        server.script.append(completion(json.dumps({"pairs": [pair]})))
        spec = f'"openai:test-model", base_url: "{server.url}"'
        recipe = make_project(tmp_path, spec)
        first = run_json(recipe)
        (tmp_path / "gristmill.cache.sqlite").unlink()
        recipe.write_text(recipe.read_text() + "gates: []\n")
        summary = run_json(recipe)
    assert first["rejected"]["evidence-not-found"] == 1
    assert stored(tmp_path, "SELECT status FROM rows_ WHERE messages LIKE '%comet%'") == [("failed",)]
    accepted = stored(tmp_path, "SELECT count(*) FROM rows_ WHERE status = 'accepted'")
    assert accepted == [(summary["accepted"],)]


def test_matches_of_an_earlier_decision_go_with_it(tmp_path: Path) -> None:
    with new_store(tmp_path) as store:
        source = chunk(document())
        example = instruction(source)
        found = Match(example.id, "bench", "i", "near", 0.8, (0, 4), (0, 4))
        for records in ((found, outcome(example, "rejected", "contaminated")), (outcome(example),)):
            writer = SegmentWriter(store.path, "run")
            for record in (example, *records):
                writer.add(record)
            writer.flush()
            store.ingest()
        assert store.rows("SELECT count(*) FROM matches") == [(0,)]


def test_other_arguments_retire_the_rows_that_nobody_reviewed(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    first = run_json(recipe)
    recipe.write_text(recipe.read_text().replace("per_chunk: 2", "per_chunk: 3"), encoding="utf-8")
    second = run_json(recipe)
    assert second["accepted"] >= first["accepted"] > 0
    assert "exact-duplicate" not in second["rejected"]
    out = tmp_path / "sft.jsonl"
    done = gristmill("export", "--db", tmp_path / "gristmill.duckdb", "--format", "chat", "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_text().count("\n") == second["accepted"]


def test_a_reviewed_row_survives_other_arguments(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    run_json(recipe)
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        kept = store.queue_page(Filters(), None, 1)[0]["example_id"]
        store.decide(Review("event-1", kept, 0, "ada", "accept", {}, datetime.now(UTC)))
    recipe.write_text(recipe.read_text().replace("per_chunk: 2", "per_chunk: 3"), encoding="utf-8")
    run_json(recipe)
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        assert not store.item(kept).stale
        others = store.queue_page(Filters(stale=True), None, 50)
    assert {row["example_id"] for row in others if row["stale"]}
