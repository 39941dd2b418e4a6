"""Paths that cannot be meant: refused with a reason, and nothing that is there is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.projects import gristmill, make_project, run_json

from gristmill_data.store import Store


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one run, a plain file, a folder, rows and a benchmark."""
    folder = tmp_path_factory.mktemp("project")
    run_json(make_project(folder))
    (folder / "plain").write_text("text")
    (folder / "folder").mkdir()
    (folder / "rows.jsonl").write_text('{"id": 1, "text": "hello"}\n')
    (folder / "bench.jsonl").write_text('{"id": "b", "question": "What is a well?"}\n')
    return folder


WRONG = [
    ("export -f chat --out gristmill.duckdb", "overwrite the dataset"),
    ("export -f chat --out gristmill.cache.sqlite", "overwrite the dataset"),
    ("report --out gristmill.duckdb", "overwrite the dataset"),
    ("report --out folder", "a folder, not a file"),
    ("report --out plain/x.html", "not a folder"),
    ("export -f chat --out plain/x.jsonl", "not a folder"),
    ("export -f chat --out folder", "a folder, not a file"),
    ("init plain", "a file, not a folder"),
    ("init plain/x", "Not a directory"),
    ("decontaminate rows.jsonl --benchmark bench.jsonl --out folder", "a folder, not a file"),
    ("decontaminate rows.jsonl --benchmark bench.jsonl --out none/x", "no such folder"),
    ("decontaminate rows.jsonl --benchmark bench.jsonl --out rows.jsonl", "overwrite the rows"),
    ("status --db plain", "not a valid DuckDB"),
    ("run folder", "cannot be read"),
]


@pytest.mark.parametrize(("line", "says"), WRONG)
def test_wrong_path_is_one_message(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str, says: str
) -> None:
    monkeypatch.chdir(project)
    done = gristmill(*line.split())
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    with Store.open(project / "gristmill.duckdb", create=False) as store:
        assert store.rows("SELECT count(*) FROM runs") == [(1,)]
    assert (project / "rows.jsonl").read_text() == '{"id": 1, "text": "hello"}\n'
    assert not list(project.glob("*.part"))


@pytest.mark.parametrize("option", [[], ["--preview", "1"]])
def test_a_store_where_no_folder_can_be_is_one_message(project: Path, option: list[str]) -> None:
    recipe = project / "elsewhere.yaml"
    recipe.write_text((project / "recipe.yaml").read_text() + "store: /proc/none/x.duckdb\n")
    done = gristmill("run", recipe, *option)
    assert done.returncode == 1
    assert "the folder of the store cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_is_readable_whatever_the_encoding_of_stdout(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (project / "documents" / "quern.md").write_text(
        "# Quern\n\nA quern is a hand mill – « meule » – for grain.\n"
    )
    assert run_json(project / "recipe.yaml", "--preview", 5)["balanced"]
