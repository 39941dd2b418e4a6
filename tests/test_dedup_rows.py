"""``gristmill dedup``: the first of every group stays, the rest is set down with the row it repeats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.projects import gristmill

from gristmill_scorers.dedup import Comparison, Deciding

ASKED = "How deep is the well of the village, and who dug it?"
ANSWER = "It is eleven metres deep, and miners from the north dug it in the spring of that year."
ROWS: list[dict[str, Any]] = [
    {"id": "a", "instruction": ASKED, "response": ANSWER},
    {
        "id": "b",
        "messages": [{"role": "user", "content": ASKED.upper()}, {"role": "assistant", "content": ANSWER}],
    },
    {"id": "c", "instruction": ASKED, "response": ANSWER.replace("spring", "springs")},
    {"id": "d", "instruction": ASKED, "response": ANSWER.replace("eleven", "11")},
    {"id": "e", "instruction": ASKED, "response": ANSWER.replace("eleven", "12")},
    {"id": "f", "prompt": ASKED, "chosen": ANSWER, "rejected": "I do not know."},
    {"id": "g", "text": ANSWER},
    {"id": "h", "text": ANSWER + "!"},
    {"id": "h", "text": "Another text altogether, with an id that was there before."},
]


def written(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("options", "kept", "dropped"),
    [
        ([], "acdefgh", {"b": ("exact-duplicate", "a"), "h": ("exact-duplicate", "g")}),
        (
            ["--near"],
            "adefgh",
            {"b": ("exact-duplicate", "a"), "c": ("near-duplicate", "a"), "h": ("exact-duplicate", "g")},
        ),
        (["--near", "--ignore-numbers"], "afgh", {}),
        (["--compare", "instruction"], "afg", {}),
    ],
)
def test_what_stays_and_why_the_rest_goes(
    tmp_path: Path, options: list[str], kept: str, dropped: dict[str, tuple[str, str]]
) -> None:
    out = tmp_path / "out.jsonl"
    done = gristmill("dedup", written(tmp_path), "--out", out, "--json", *options)
    assert done.returncode == 0, done.stderr
    summary, rest = json.loads(done.stdout), read(tmp_path / "out.dropped.jsonl")
    assert "".join(row["id"] for row in read(out)) == kept
    assert summary["rows"] == len(ROWS) == summary["kept"] + len(rest)
    assert sum(summary["dropped"].values()) == len(rest)
    if dropped:
        assert {row["id"]: (row["reason"], row["kept_id"]) for row in rest} == dropped
    assert [row["row"] for row in rest] == [ROWS[row["line"] - 1] for row in rest]
    assert all(ROWS[row["kept_line"] - 1]["id"] == row["kept_id"] for row in rest)


def test_lines_that_stay_are_not_rewritten(tmp_path: Path) -> None:
    lines = ['{"text": "é  one",   "id": 1}', '{ "id":2,"text":"two\\u00e9" }', '{"id": 3, "text": "É one"}']
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    done = gristmill("dedup", source, "--out", tmp_path / "out.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert "3 rows, 2 kept" in done.stderr
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines() == lines[:2]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "rows.jsonl:2: not JSON"),
        ("[]", "rows.jsonl:2: not a JSON object"),
        ('{"id": 1}', "row 2: the row has no text"),
        ('{"text": 7}', "row 2: text is neither"),
        ('{"messages": "hi"}', "row 2: messages is neither"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_and_nothing_is_left_behind(
    tmp_path: Path, line: str, says: str
) -> None:
    source = written(tmp_path, ROWS[:1])
    source.write_text(source.read_text() + line + "\n")
    done = gristmill("dedup", source, "--out", tmp_path / "out.jsonl")
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_input_and_outputs_must_differ(tmp_path: Path) -> None:
    source = written(tmp_path)
    for options in (
        ["--out", source],
        ["--out", tmp_path / "o", "--dropped", tmp_path / "o"],
        ["--out", tmp_path],
    ):
        assert gristmill("dedup", source, *options).returncode == 2
    assert read(source) == ROWS


def test_groups_are_counted_by_their_first_row() -> None:
    how = Comparison()
    deciding, work = Deciding(how), how.open()
    texts = ["one", "two", "ONE", "two!", "three", "one."]
    found = [deciding.decide(r) for r in work([(n, {"text": t}) for n, t in enumerate(texts)])]
    assert [duplicate.first if duplicate else None for duplicate in found] == [None, None, 0, 1, None, 0]
    assert (deciding.kept, deciding.groups) == (3, {0: 2, 1: 1})
