"""A whole run without a model: it balances, repeats nothing, and follows edits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.projects import gristmill, make_project, run_json

TABLES = ("documents", "chunks", "examples", "scores", "matches", "outcomes", "calls")
JUDGED = 'score:\n  - {use: rubric, rubric: answer, model: writer}\naccept: "answer >= 0.5"\n'


def dump(recipe: Path) -> dict[str, list[Any]]:
    """Every row of the tables a run may change."""
    from gristmill_data.store import Store

    with Store.open(recipe.parent / "gristmill.duckdb") as store, store.cursor() as cursor:
        return {t: sorted(map(repr, cursor.execute(f"FROM {t}").fetchall())) for t in TABLES}


def test_run_balances_and_tells_where_every_row_went(tmp_path: Path) -> None:
    summary = run_json(make_project(tmp_path, extra=JUDGED))
    decided = summary["accepted"] + sum(summary["rejected"].values()) + sum(summary["failed"].values())
    assert summary["balanced"]
    assert summary["planned"] == 2 * summary["chunks"] == decided + summary["pending"]
    assert summary["accepted"] > 0
    assert summary["files"] == {"found": 2, "read": 2, "failed": {}, "pending": 0, "rows_unread": {}}


def test_second_run_sends_nothing_and_changes_no_row(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra=JUDGED)
    first = run_json(recipe)
    before = dump(recipe)
    second = run_json(recipe)
    assert second["calls"] == {"sent": 0, "cached": 0, "retried": 0, "repairs": 0}
    assert dump(recipe) == before
    assert (second["accepted"], second["rejected"]) == (first["accepted"], first["rejected"])
    assert second["resumed"] == second["planned"]


def test_editing_one_document_runs_only_its_chunks(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    first = run_json(recipe)
    path = tmp_path / "documents" / "well-000.md"
    path.write_text(path.read_text().replace("down to the groundwater", "into wet sand"), encoding="utf-8")
    second = run_json(recipe)
    assert second["balanced"]
    assert 0 < second["resumed"] < second["planned"]
    assert 0 < second["calls"]["sent"] < first["calls"]["sent"]
    assert second["calls"]["cached"] > 0  # the passages that stayed the same


def test_rows_of_the_old_text_leave_the_export(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    run_json(recipe)
    path = tmp_path / "documents" / "well-000.md"
    path.write_text(path.read_text().replace("down to the groundwater", "into wet sand"), encoding="utf-8")
    run_json(recipe)
    out = tmp_path / "sft.jsonl"
    done = gristmill("export", "--db", tmp_path / "gristmill.duckdb", "--format", "chat", "--out", out)
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert "wet sand" in text
    assert "down to the groundwater" not in text


def test_other_settings_decide_again_without_new_questions(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    first = run_json(recipe)
    recipe.write_text(recipe.read_text() + "gates: [{use: quality_rules, min_response_chars: 5000}]\n")
    second = run_json(recipe)
    assert second["resumed"] == 0
    assert second["calls"]["sent"] == 0
    assert second["accepted"] == 0 < first["accepted"]


def test_unreadable_file_is_a_row_and_the_run_goes_on(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    (tmp_path / "documents" / "noise.bin").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "documents" / "empty.md").write_text("")
    summary = run_json(recipe)
    assert summary["balanced"]
    assert summary["files"]["found"] == 4
    assert sum(summary["files"]["failed"].values()) == 2


def test_dry_run_writes_and_sends_nothing(tmp_path: Path) -> None:
    recipe = make_project(tmp_path, extra=JUDGED)
    projection = run_json(recipe, "--dry-run")
    assert projection["calls"]["writer"] == projection["chunks"] + projection["planned"]
    assert projection["tokens"]["input"] > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["documents", "recipe.yaml"]


def test_preview_shows_rows_and_leaves_the_store_alone(tmp_path: Path) -> None:
    recipe = make_project(tmp_path)
    done = gristmill("run", recipe, "--preview", 2, "--json")
    shown = json.loads(done.stdout)
    assert len(shown["rows"]) == shown["planned"] == 4
    assert "What is" in done.stderr
    assert not (tmp_path / "gristmill.duckdb").exists()


def test_limit_and_target_leave_the_rest_out_or_pending(tmp_path: Path) -> None:
    recipe = make_project(tmp_path / "a", copies=3)
    assert run_json(recipe, "--limit", 2)["chunks"] == 2
    wanted = make_project(tmp_path / "b", copies=30, extra="target: {accepted: 3}\ngates: []\n")
    wanted.write_text(wanted.read_text().replace('extractive"', 'extractive", concurrency: 1'))
    summary = run_json(wanted)
    assert (summary["status"], summary["balanced"]) == ("target", True)
    assert 3 <= summary["accepted"] < summary["planned"]
    assert summary["pending"] > 0
