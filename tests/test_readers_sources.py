"""Patterns into files: sorted, each once, found before anything runs; rows of tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import UsageError
from gristmill.records import Document, FileFailure
from gristmill.registry import Reader, load, names
from gristmill_data.readers import expand_sources, read_file, read_sources
from gristmill_data.readers.sources import _readers

MADE = ("a.md", "b/c.md", "b/d/e.txt", "b/.hidden.md", ".git/x.md", "odd [1].md")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in MADE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"Text of {name}.")
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["a.md"], ["a.md"]),
        (["*.md"], ["a.md", "odd [1].md"]),
        (["**/*.md"], ["a.md", "b/c.md", "odd [1].md"]),
        (["b"], ["b/c.md", "b/d/e.txt"]),
        (["."], ["a.md", "b/c.md", "b/d/e.txt", "odd [1].md"]),
        (["b/**/*.txt", "b", "./b/../b/c.md"], ["b/c.md", "b/d/e.txt"]),
        (["odd [1].md"], ["odd [1].md"]),
        (["b/.hidden.md"], ["b/.hidden.md"]),
    ],
)
def test_patterns_stand_for_sorted_files_each_once(
    tree: Path, patterns: list[str], expected: list[str]
) -> None:
    assert [path.relative_to(tree).as_posix() for path in expand_sources(patterns, tree)] == expected


def test_absolute_patterns_and_files_outside_of_the_root(tree: Path) -> None:
    (document,) = read_sources([str(tree / "a.md")], tree / "b")
    assert document.uri == "../a.md"


@pytest.mark.parametrize("pattern", ["missing.md", "*.pdf", "nowhere/**/*.md", "", "~nobody-of-that-name/x"])
def test_a_pattern_without_files_is_an_error_before_anything_is_read(tree: Path, pattern: str) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(UsageError, match="matches no file"):
        read_sources(["a.md", pattern or "empty"], tree)


def test_every_registered_reader_loads_and_suffixes_do_not_collide() -> None:
    suffixes = [suffix for name in names("readers") for suffix in load("readers", name).suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert {
        ".md",
        ".rst",
        ".txt",
        ".html",
        ".pdf",
        ".docx",
        ".pptx",
        ".xlsx",
        ".epub",
        ".msg",
        ".eml",
    } <= set(suffixes)
    assert {".ipynb", ".csv", ".tsv", ".jsonl", ".parquet", ".xls", ".json"} <= set(suffixes)


class Crashing(Reader):
    """A reader of another package, with a bug."""

    def read(self, path: Path, uri: str) -> Any:
        """Read one row, then fail in a way nobody foresaw."""
        yield Document.make(uri, path.read_text(), "text/plain")
        raise RuntimeError("boom")


def test_a_crashing_reader_is_a_failure_row(tree: Path) -> None:
    _readers()[".md"], real = Crashing(), _readers()[".md"]
    try:
        found = list(read_file(tree / "a.md", "a.md"))
    finally:
        _readers()[".md"] = real
    assert isinstance(found[0], Document)
    assert found[1] == FileFailure("a.md", "broken", "RuntimeError: boom")


def test_a_vanished_file_is_unreadable(tree: Path) -> None:
    paths = read_sources(["b"], tree)
    (tree / "b/c.md").unlink()
    assert [getattr(result, "reason", "read") for result in paths] == ["unreadable", "read"]


def test_jsonl_rows_and_a_malformed_one(tmp_path: Path) -> None:
    rows = [
        '{"id": "x", "text": "Clay.", "page": 3, "tags": ["a"]}',
        "",
        '{"id": 7, "text": "Glaze."}',
        "{broken",
        "[1]",
    ]
    rows += ['{"id": 8}', '{"text": " "}', '{"text": "No id."}']
    (tmp_path / "w.jsonl").write_text("\n".join(rows))
    found = list(read_sources(["w.jsonl"], tmp_path))
    documents = {r.uri: (r.text, dict(r.metadata)) for r in found if isinstance(r, Document)}
    assert documents == {
        "w.jsonl#x": ("Clay.", {"page": 3}),
        "w.jsonl#7": ("Glaze.", {}),
        "w.jsonl#row-8": ("No id.", {}),
    }
    failures = [(r.uri, r.reason) for r in found if isinstance(r, FileFailure)]
    assert [uri for uri, _ in failures] == ["w.jsonl:4", "w.jsonl:5", "w.jsonl:6", "w.jsonl:7"]
    assert [reason for _, reason in failures] == ["malformed-row", "malformed-row", "no-text", "empty"]


def test_a_huge_jsonl_is_read_lazily(tmp_path: Path) -> None:
    with (tmp_path / "w.jsonl").open("w") as file:
        for number in range(3000):
            file.write(json.dumps({"id": number, "text": "word " * 100}) + "\n")
        file.write("not json")
    found = read_sources(["w.jsonl"], tmp_path)
    assert next(found).uri == "w.jsonl#0"
    assert sum(isinstance(r, FileFailure) for r in found) == 1


CSV = 'id;text;page\na;Clay is wet.;1\nb;"Glaze;\nshines.";2\nc;one;two;three\n'


def test_csv_with_texts_is_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CSV)
    found = list(read_sources(["t.csv"], tmp_path))
    assert [(r.uri, r.text) for r in found if isinstance(r, Document)] == [
        ("t.csv#a", "Clay is wet."), ("t.csv#b", "Glaze;\nshines.")
    ]  # fmt: skip
    assert [(r.uri, r.reason) for r in found if isinstance(r, FileFailure)] == [("t.csv:5", "malformed-row")]


@pytest.mark.parametrize(("name", "mark"), [("t.csv", ","), ("t.csv", ";"), ("t.tsv", "\t")])
def test_csv_without_texts_is_a_table(tmp_path: Path, name: str, mark: str) -> None:
    rows = [["cone", "use"], ["6", '"a | b"'], [], ["10", ""]]
    (tmp_path / name).write_text("\n".join(mark.join(row) for row in rows))
    (document,) = read_sources([name], tmp_path)
    assert isinstance(document, Document)
    assert document.text == "| cone | use |\n| --- | --- |\n| 6 | a \\| b |\n| 10 |  |\n"


def test_a_long_table_is_several_documents(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,m\n" + "".join(f"{n},{n * n}\n" for n in range(1, 1203)))
    found = [r for r in read_sources(["t.csv"], tmp_path) if isinstance(r, Document)]
    assert [r.uri for r in found] == ["t.csv#rows-1-500", "t.csv#rows-501-1000", "t.csv#rows-1001-1202"]
    assert all(r.text.startswith("| n | m |\n| --- | --- |\n") for r in found)
    assert sum(r.text.count("\n") - 2 for r in found) == 1202


def test_a_rerun_gives_the_same_documents(tree: Path) -> None:
    assert list(read_sources(["."], tree)) == list(read_sources(["."], tree))


@pytest.mark.shared
def test_all_shared_documents_are_read_but_the_two_unreadable_ones(shared: Path) -> None:
    found = list(read_sources(["documents"], shared))
    failures = {r.uri.rsplit("/", 1)[-1]: r.reason for r in found if isinstance(r, FileFailure)}
    assert failures == {"random.bin": "binary", "MEDRPT-2024-PAT-3847_medical_report_scan.pdf": "scanned"}
    assert len(found) == 64
