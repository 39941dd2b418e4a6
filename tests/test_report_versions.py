"""Runs record what they were made with, and the report tells it."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import orjson
from support.projects import make_project, run_json

from gristmill.pipeline.versions import versions
from gristmill_data.store import Store
from gristmill_evals.report import build_report


def test_versions_are_those_installed() -> None:
    found = versions()
    assert (found["python"], found["duckdb"]) == (platform.python_version(), version("duckdb"))
    assert all(found.values())


def test_a_run_records_them_and_the_report_shows_them(tmp_path: Path) -> None:
    run_json(make_project(tmp_path))
    with Store.open(tmp_path / "gristmill.duckdb") as store:
        frames = store.frames()
    summary = orjson.loads(frames["runs"]["summary"].iloc[-1])
    assert summary["versions"] == versions()
    told = build_report(frames, title="x").markdown()
    assert f"| duckdb | {version('duckdb')} |" in told
