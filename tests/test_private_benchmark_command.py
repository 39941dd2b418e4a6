"""gristmill benchmark: from a reviewed dataset to a folder that plain lm-eval runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from support import processes
from support.holdout_rows import Run, document, export, owned, prose, reviewed, row
from support.openai_server import OpenAIServer, completion
from support.store_rows import new_store, preference, turns
from typer.testing import CliRunner

from gristmill.cli import app
from gristmill.errors import GristmillError
from gristmill.models import Door, ModelSpec
from gristmill.records import Chunk, Example, FileFailure
from gristmill_data.readers.sources import read_sources
from gristmill_data.store import Store
from gristmill_data.store.holdouts import held_out
from gristmill_evals.contamination import load_benchmark
from gristmill_evals.evaluation.lm import LmEvalTask
from gristmill_evals.evaluation.lm.rows import read_rows
from gristmill_evals.evaluation.records import EvalContext, EvalSample

HOUSES = 8
DOCUMENTS = [
    document(f"houses/{n}.md", f"House {n} was built in {1850 + n}. {prose(n, 30)}") for n in range(HOUSES)
]
BUILT = [
    row(f"In which year was house number {n} on Weir Lane built?", str(1850 + n), one)
    for n, one in enumerate(DOCUMENTS)
]
TOLD = [
    row(f"What do we know of the keeper of house {n}?", f"The keeper {prose(('keeper', n), 14)}", one)
    for n, one in enumerate(DOCUMENTS)
]
PAIR = preference(Chunk.make(DOCUMENTS[0], 0, len(DOCUMENTS[0].text), []))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight documents with two rows each, all reviewed but the last two; of the first one also a pair."""
    folder = tmp_path_factory.mktemp("filled")
    with new_store(folder) as store:
        Run(DOCUMENTS, [*BUILT, *TOLD], pairs=[PAIR]).into(store)
        reviewed(store, [*BUILT[:-1], *TOLD[:-1], PAIR])
        reviewed(store, TOLD[:1], "edit", messages=turns("Who kept house 0?", "Ada Kern."))
    return folder / "data.duckdb"


@pytest.fixture
def db(tmp_path: Path, filled: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "data.duckdb"))


def benchmark(db: Path, *args: object, code: int = 0) -> tuple[str, str]:
    """What the command says on both streams; a mistake's message stands on the second."""
    words = ["benchmark", "--db", db, "--out", db.parent / "bench", *args]
    done = CliRunner().invoke(app, [str(word) for word in words])
    error = done.exception
    if isinstance(error, GristmillError):
        assert error.exit_code == code, error
        return done.stdout, str(error)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def made(db: Path, *args: object) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(benchmark(db, "--json", *args)[0])
    return told


def items(db: Path, name: str) -> list[dict[str, Any]]:
    lines = (db.parent / "bench" / f"{name}.jsonl").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines]


def test_every_row_of_the_documents_is_an_item_or_left_out_for_a_reason(db: Path) -> None:
    told = made(
        db, "--name", "lane", "--uri", "houses/0.md", "--uri", "houses/7.md", "--note", "for the board"
    )
    assert (told["documents"], told["rows"], told["items"]) == (2, 5, 2)
    assert told["left_out"] == {"not reviewed": 2, "preference pair": 1}
    assert (told["training_rows"], told["training_rows_that_repeat_items"]) == (12, 0)
    assert told["training_rows_with_other_numbers"] == 6, "when the other six houses were built"
    found = {item["question"]: item["answer"] for item in items(db, "lane")}
    assert found == {BUILT[0].instruction: "1850", "Who kept house 0?": "Ada Kern."}
    facts = orjson.loads((db.parent / "bench" / "lane.json").read_bytes())
    assert facts["canary"] in items(db, "lane")[0]["canary"]
    assert (facts["note"], facts["dataset"], facts["items"]) == ("for the board", "data.duckdb", 2)
    with Store.open(db) as store:
        assert export(store)[1] == {one.uri for one in DOCUMENTS[1:7]}


def test_a_dry_run_holds_nothing_out_and_writes_nothing(db: Path) -> None:
    said = benchmark(db, "--name", "lane", "--documents", 3, "--dry-run")[1]
    assert "3 documents would be held out" in said
    assert not (db.parent / "bench").exists()
    with Store.open(db) as store:
        assert held_out(store) == {}


def test_documents_of_an_earlier_export_are_not_taken_and_named(db: Path) -> None:
    with Store.open(db) as store:
        export(store, db.with_name("train.jsonl"), statuses="reviewed")
    _, said = benchmark(db, "--name", "lane", "--share", 1, "--rows", "accepted")
    assert "7 documents cannot be taken" in said
    assert f"houses/0.md → {db.with_name('train.jsonl')}" in said
    assert {item["source"] for item in items(db, "lane")} == {"houses/7.md"}
    _, said = benchmark(db, "--name", "other", "--uri", "houses/1.md", code=1)
    assert "no document can be held out: 1 documents are in an earlier export" in said


def test_without_an_item_nothing_is_held_out(db: Path) -> None:
    _, said = benchmark(db, "--name", "lane", "--uri", "houses/7.md", code=1)
    assert "no row of the 1 chosen documents can be an item: 2 not reviewed" in said
    with Store.open(db) as store:
        assert held_out(store) == {}


DIES = """
import os
from gristmill.cli import benchmark
benchmark._write = lambda *_: os._exit(9)
"""


def test_killed_before_the_files_are_written_it_has_held_out_and_goes_on(db: Path) -> None:
    words = ["benchmark", "--db", db, "--out", db.parent / "bench", "--name", "lane", "--documents", 3]
    with processes.Process(*words, before=DIES) as killed:
        assert killed.wait(60) == 9
    assert list((db.parent / "bench").iterdir()) == []
    with Store.open(db) as store:
        held = set(held_out(store))
        [(canary,)] = store.rows("SELECT canary FROM benchmarks")
        _, sources = export(store)
    assert len(held) == 3
    told = made(db, "--name", "lane")
    assert (told["canary"], told["new_documents"]) == (canary, 0)
    assert not sources & {item["source"] for item in items(db, "lane")}


def test_made_again_it_takes_what_was_reviewed_since(db: Path) -> None:
    first = made(db, "--name", "lane", "--uri", "houses/6.md", "--uri", "houses/7.md")
    with Store.open(db) as store:
        reviewed(store, [BUILT[-1]])
    again = made(db, "--name", "lane")
    assert (first["items"], again["items"], again["canary"]) == (2, 3, first["canary"])


def test_files_of_something_else_are_not_overwritten(db: Path, tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "lane.yaml").write_text("task: mine\n")
    _, said = benchmark(db, "--name", "lane", "--documents", 2, code=2)
    assert "there are other files of this name" in said
    assert (tmp_path / "bench" / "lane.yaml").read_text() == "task: mine\n"
    with Store.open(db) as store:
        assert held_out(store) == {}


WRONG = [
    (["--name", "a b"], "cannot be the name", 2),
    (["--name", "x", "--metric", "bleu"], "there is no metric 'bleu' for generate", 2),
    (["--name", "x", "--share", 0.1, "--documents", 2], "more than one way", 2),
    (["--name", "x", "--uri", "nothing/*"], "no document can be held out", 1),
]


@pytest.mark.parametrize(("args", "message", "code"), WRONG)
def test_mistakes_are_one_message(db: Path, args: list[object], message: str, code: int) -> None:
    assert message in benchmark(db, *args, code=code)[1]
    assert not (db.parent / "bench").exists()


def test_a_training_row_with_the_same_fact_is_found_and_strict_says_so(db: Path) -> None:
    notes = document("notes.md", "Notes on Weir Lane. " + prose("notes", 60))
    same = row("In which year was house number 2 on Weir Lane built?", "It was 1852.", notes)
    with Store.open(db) as store:
        Run([notes], [same], "run-2", DOCUMENTS).into(store)
    _, said = benchmark(db, "--name", "lane", "--uri", "houses/2.md", "--strict", code=4)
    assert "1 of 16 accepted rows of other documents repeat an item" in said
    matches = map(orjson.loads, (db.parent / "bench" / "lane.overlap.jsonl").read_bytes().splitlines())
    [match] = (match for match in matches if match["label"] != "number-perturbed")
    assert (match["example_id"], match["item_id"], match["sources"]) == (same.id, BUILT[2].id, ["notes.md"])


def test_beside_the_process_that_owns_the_dataset(db: Path) -> None:
    with owned(db):
        told = made(db, "--name", "lane", "--documents", 2)
        out = db.with_name("train.jsonl")
        done = processes.run("export", "--db", db, "--format", "chat", "--out", out)
    assert told["items"] == 4
    assert "4 rows left out: source document is held out for benchmark lane" in done.stderr
    assert "houses/" in out.read_text()


def test_plain_lm_eval_runs_the_folder_from_anywhere(db: Path, tmp_path: Path) -> None:
    made(db, "--name", "lane-free", "--uri", "houses/[1-3].md", "--kind", "free")
    shutil.move(tmp_path / "bench", tmp_path / "moved")
    program = Path(sys.executable).with_name("lm_eval")
    words = ["--include_path", "moved", "--tasks", "lane-free", "--model", "dummy", "--output_path", "out"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([program, *words], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    [found] = (tmp_path / "out").rglob("results_*.json")
    told = json.loads(found.read_text())
    assert told["n-samples"]["lane-free"]["effective"] == 3
    assert told["results"]["lane-free"]["exact_match,none"] == 0
    assert told["higher_is_better"]["lane-free"].keys() == {"exact_match", "contains", "token_f1"}


async def test_gristmill_eval_runs_it_by_document(db: Path) -> None:
    chosen = ["--kind", "free", "--metric", "contains", "--metric", "exact_match"]
    made(db, "--name", "lane", "--uri", "houses/[1-3].md", *chosen)
    samples: list[EvalSample] = []
    with OpenAIServer() as server:
        server.script.extend(completion(text) for text in ("1851.", "The year 1852", "1999"))
        spec = ModelSpec(model="openai:test-model", base_url=server.url, concurrency=1)
        async with Door({"m": spec}, cache=None) as door:
            context = EvalContext(door, "m", db.parent, samples.append, lambda *_: None)
            task = LmEvalTask(task="lane", folder="bench", cluster="cluster")
            [told] = await task.evaluate(context)
    assert [metric.name for metric in told.metrics] == ["contains", "exact_match"]
    assert sum(one.metrics["exact_match"] or 0 for one in samples) == 1
    assert sum(one.metrics["contains"] or 0 for one in samples) == 2
    assert {one.cluster for one in samples} == {f"houses/{n}.md" for n in (1, 2, 3)}


def test_lm_eval_loads_and_scores_the_multiple_choice_kind(db: Path) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    made(db, "--name", "lane_choice", "--share", 1, "--kind", "choice", "--rows", "accepted")
    manager = TaskManager(include_path=str(db.parent / "bench"), include_defaults=False)
    found = simple_evaluate("dummy", tasks=["lane_choice"], task_manager=manager, bootstrap_iters=0)
    samples = found["samples"]["lane_choice"]
    assert len(samples) == HOUSES
    for sample in samples:
        assert len(sample["arguments"]) == 4
        assert sample["doc"]["choices"][sample["target"]] == sample["doc"]["answer"]
    assert {"acc,none", "acc_norm,none"} <= found["results"]["lane_choice"].keys()


def test_the_files_serve_the_contamination_check(db: Path) -> None:
    made(db, "--name", "lane", "--share", 1, "--kind", "choice")
    loaded = load_benchmark("bench/lane.jsonl", db.parent)
    by_task = load_benchmark("lm-eval:lane@bench", db.parent)
    assert len(loaded.items) == len(by_task.items) == HOUSES - 1
    known: dict[str, Example] = {one.id: one for one in BUILT}
    for item in loaded.items:
        assert (item.question, item.answer) == (known[item.id].instruction, known[item.id].response)
        assert item.answer in item.choices


def test_the_export_command_says_what_it_left_out_and_what_it_took_all_the_same(db: Path) -> None:
    made(db, "--name", "lane", "--uri", "houses/1.md")
    words = ["export", "--db", str(db), "--format", "chat", "--out", str(db.with_name("train.jsonl"))]
    plain = CliRunner().invoke(app, words)
    assert "2 rows left out: source document is held out for benchmark lane" in plain.stderr
    forced = CliRunner().invoke(app, [*words, "--include-held-out"])
    assert "2 rows of documents held out for a benchmark are in it (--include-held-out)" in forced.stderr
    _, said = benchmark(db, "--name", "lane", code=1)
    assert "no document can be held out: 1 documents are in an earlier export" in said


def test_a_run_makes_no_rows_of_the_files(db: Path, tmp_path: Path) -> None:
    made(db, "--name", "lane", "--uri", "houses/[1-3].md")
    shutil.move(tmp_path / "bench", tmp_path / "documents")
    (tmp_path / "documents" / "page.md").write_text("A gristmill private benchmark is not for training.")
    found = list(read_sources(["documents"], tmp_path))
    reasons = {one.uri: one.reason if isinstance(one, FileFailure) else "" for one in found}
    wanted = dict.fromkeys([f"documents/lane.{end}" for end in ("json", "jsonl", "md", "overlap.jsonl")])
    assert {uri: reasons.pop(uri) for uri in wanted} == dict.fromkeys(wanted, "private-benchmark")
    assert reasons == {
        "documents/lane.py": "unsupported-format",
        "documents/lane.yaml": "unsupported-format",
        "documents/page.md": "",
    }


def test_the_items_can_be_asked_without_lm_evals_templates(db: Path) -> None:
    made(db, "--name", "lane", "--share", 1, "--kind", "choice")
    rows = read_rows(db.parent / "bench" / "lane.jsonl", None)
    assert [row.cluster for row in rows] == [item["cluster"] for item in items(db, "lane")]
    assert all(len(row.choices) == 4 and row.choices[row.gold] == row.answers[0] for row in rows)
