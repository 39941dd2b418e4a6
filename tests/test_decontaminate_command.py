"""gristmill decontaminate: what it writes, counts and refuses, and how it ends."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gristmill.cli import app
from gristmill.cli.decontaminate import share_of
from gristmill.errors import UsageError

ITEMS = [
    "How many hectares of meadow does a shepherd with ninety-one sheep and four dogs rent for a dry summer?",
    "Why does the ferry at the lower crossing leave eleven minutes later on every second market day?",
]
CLEAN = "Sourdough is left to rise overnight in a cool room under a damp cloth before it is baked."
BAD: dict[str, tuple[bytes, str]] = {
    "text": (b"not json", "not-json"),
    "nan": (b'{"id": 1, "text": "x", "n": NaN}', "not-json"),
    "list": (b"[1, 2]", "not-an-object"),
    "empty": (b"{}", "no-text"),
    "null": (b'{"id": 1, "text": null}', "no-text"),
    "number": (b'{"id": 1, "text": 5}', "wrong-type"),
    "turns": (b'{"id": 1, "messages": ["hi"]}', "wrong-type"),
    "content": (b'{"id": 1, "messages": [{"role": "user", "content": 7}]}', "wrong-type"),
    "id": (b'{"id": {"a": 1}, "text": "x"}', "wrong-type"),
    "bytes": (b'{"id": 1, "text": "\xff"}', "not-utf8"),
    "half": (b'{"id": 1, "text": "\\ud83d"}', "lone-surrogate"),
    "deep": (b'{"text": ' + b"[" * 2000 + b"]" * 2000 + b"}", "not-json"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    items = [json.dumps({"id": f"q{n}", "question": text}) for n, text in enumerate(ITEMS)]
    (tmp_path / "bench.jsonl").write_text("\n".join(items), encoding="utf-8")
    return tmp_path


def rows(*lines: bytes | dict[str, Any], name: str = "rows.jsonl") -> list[bytes]:
    raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    Path(name).write_bytes(b"".join(line + b"\n" for line in raw))
    return raw


def invoke(*more: str, source: str = "rows.jsonl") -> Result:
    wanted = [source, "--benchmark", "bench.jsonl", "--out", "m.jsonl", *more]
    return CliRunner().invoke(app, ["decontaminate", *wanted])


def summary(*more: str, code: int = 0, source: str = "rows.jsonl") -> dict[str, Any]:
    done = invoke("--json", *more, source=source)
    assert done.exit_code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def written(name: str = "m.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]


def test_a_match_row_has_what_is_promised(folder: Path) -> None:
    rows({"id": "a", "text": CLEAN}, {"id": 7, "messages": [{"role": "user", "content": "Ask: " + ITEMS[1]}]})
    summary()
    [match] = written()
    assert {"id", "benchmark", "item_id", "label", "score", "tier", "spans", "line"} <= set(match)
    assert (match["id"], match["item_id"], match["label"], match["line"]) == ("7", "q1", "verbatim", 2)
    assert match["spans"]["field"] == "messages[0]"
    assert ("Ask: " + ITEMS[1])[slice(*match["spans"]["row"])] == ITEMS[1].rstrip("?")


def test_clean_rows_stay_byte_for_byte(folder: Path) -> None:
    kept = [
        b'{ "id":1,"text" : "caf\\u00e9, z\xc3\xbcrich"}\r',
        b'{"text":"' + CLEAN.encode() + b'", "n": 1.50}',
    ]
    blocked = {"id": 3, "text": ITEMS[0]}
    rows(kept[0], b"", blocked, b"broken", kept[1])
    found = summary("--clean-out", "clean.jsonl")
    assert Path("clean.jsonl").read_bytes() == kept[0] + b"\n" + kept[1] + b"\n"
    assert (found["rows"], found["rows_matched"], found["rows_blocked"], found["malformed"]) == (3, 1, 1, 1)


def test_the_last_line_keeps_its_missing_end(folder: Path) -> None:
    Path("rows.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "rye"}\n{"text": "oats"}')
    summary("--clean-out", "clean.jsonl")
    assert Path("clean.jsonl").read_bytes() == Path("rows.jsonl").read_bytes()


def test_only_the_named_labels_block(folder: Path) -> None:
    rows({"text": ITEMS[0]}, {"text": CLEAN})
    found = summary("--clean-out", "clean.jsonl", "--block", "template", "--block", "paraphrase")
    assert (found["rows_matched"], found["rows_blocked"]) == (1, 0)
    assert Path("clean.jsonl").read_bytes() == Path("rows.jsonl").read_bytes()
    refused = invoke("--block", "verbatm")
    assert "there is no label 'verbatm'" in str(refused.exception)


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_line_is_listed_with_its_reason(folder: Path, name: str) -> None:
    line, reason = BAD[name]
    rows({"text": CLEAN}, b"", line, {"text": ITEMS[0]})
    found = summary("--clean-out", "clean.jsonl")
    assert (found["rows"], found["malformed_reasons"]) == (2, {reason: 1})
    [reject] = written("m.jsonl.malformed.jsonl")
    assert (reject["line"], reject["reason"]) == (3, reason)
    assert reject["raw"].encode("utf-8", "surrogatepass").startswith(line[:6])
    assert [match["line"] for match in written()] == [4]
    assert len(Path("clean.jsonl").read_bytes().splitlines()) == 1


def test_rejects_are_told_and_an_old_list_of_them_goes(folder: Path) -> None:
    rows(*[b"broken"] * 9, {"text": CLEAN})
    told = invoke().stderr
    assert "9 lines could not be checked" in told
    assert "line 1: not-json" in told
    assert "line 6:" not in told
    rows({"text": CLEAN})
    summary()
    assert not Path("m.jsonl.malformed.jsonl").exists()
    summary("--rejects", "bad.jsonl")
    assert Path("bad.jsonl").read_bytes() == b""


def test_content_in_parts_is_read(folder: Path) -> None:
    parts = [{"type": "image_url", "image_url": {}}, {"type": "text", "text": ITEMS[0]}]
    rows({"id": 1, "messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": None}]})
    found = summary()
    assert (found["malformed"], found["matches"]) == (0, {"verbatim": 1})


def test_a_row_without_an_id_is_called_by_its_line(folder: Path) -> None:
    rows({"text": CLEAN}, {"text": ITEMS[0]}, {"id": "", "text": ITEMS[1]}, {"id": None, "text": ITEMS[1]})
    summary()
    assert [match["id"] for match in written()] == ["rows.jsonl:2", "rows.jsonl:3", "rows.jsonl:4"]


def test_min_score_zero_gives_every_row_one_candidate_and_blocks_no_more(folder: Path) -> None:
    rows({"id": 1, "text": ITEMS[0]}, {"id": 2, "text": CLEAN}, {"id": 3, "text": "Ξ ψ ω"})
    found = summary("--min-score", "0", "--clean-out", "clean.jsonl")
    assert [match["id"] for match in written()] == ["1", "2", "3"]
    assert (found["rows_matched"], found["rows_blocked"]) == (1, 1)
    assert len(Path("clean.jsonl").read_bytes().splitlines()) == 2


@pytest.mark.parametrize(
    ("limit", "code"), [("0.6", 0), ("50%", 0), ("49.9 %", 4), ("0.1%", 4), ("0", 4), ("1", 0)]
)
def test_fail_over(folder: Path, limit: str, code: int) -> None:
    rows({"text": ITEMS[0]}, {"text": CLEAN})
    found = summary("--fail-over", limit, code=code)
    assert found["exceeded"] is (code == 4)
    assert written()


@pytest.mark.parametrize("wrong", ["", "%", "ten", "-1%", "101%", "1.5", "nan"])
def test_fail_over_that_is_no_share(wrong: str) -> None:
    with pytest.raises(UsageError, match="is not a share"):
        share_of(wrong)


def test_when_no_line_can_be_checked_it_fails(folder: Path) -> None:
    rows(b"broken", b"{}")
    assert summary("--fail-over", "1%", code=1)["malformed"] == 2
    rows()
    assert summary("--fail-over", "1%")["rows"] == 0


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files_are_read_and_written(folder: Path, suffix: str) -> None:
    raw = rows({"text": CLEAN}, {"text": ITEMS[0]})
    Path("rows.jsonl.gz").write_bytes(gzip.compress(Path("rows.jsonl").read_bytes()))
    summary("--block", "template", "--clean-out", f"all.jsonl{suffix}", source="rows.jsonl.gz")
    found = summary("--clean-out", "clean.jsonl", source=f"all.jsonl{suffix}")
    assert (found["rows"], found["rows_blocked"]) == (2, 1)
    assert Path("clean.jsonl").read_bytes() == raw[0] + b"\n"


def test_damaged_compression_is_an_error_and_writes_nothing(folder: Path) -> None:
    packed = gzip.compress(b'{"text": "rye"}\n' * 5000)
    Path("rows.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    Path("m.jsonl").write_text("from before")
    done = invoke(source="rows.jsonl.gz")
    assert "the compression is damaged" in str(done.exception)
    assert Path("m.jsonl").read_text() == "from before"
    assert sorted(path.name for path in folder.iterdir()) == ["bench.jsonl", "m.jsonl", "rows.jsonl.gz"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--clean-out", "m.jsonl"), "--clean-out would overwrite --out"),
        (("--clean-out", "rows.jsonl"), "--clean-out would overwrite the rows"),
        (("--report", "none/r.html"), "no such folder"),
        (("--rejects", "."), "a folder, not a file"),
    ],
)
def test_outputs_that_cannot_be(folder: Path, options: tuple[str, str], message: str) -> None:
    rows({"text": CLEAN})
    error = invoke(*options).exception
    assert isinstance(error, UsageError)
    assert message in str(error)


def test_two_benchmarks_of_one_name_are_refused(folder: Path) -> None:
    rows({"text": CLEAN})
    (folder / "more").mkdir()
    (folder / "more" / "bench.jsonl").write_bytes((folder / "bench.jsonl").read_bytes())
    assert "two benchmarks are called 'bench'" in str(invoke("--benchmark", "more/bench.jsonl").exception)


def test_the_report_and_its_twin_are_written(folder: Path) -> None:
    rows({"text": ITEMS[0]}, b"broken", {"text": CLEAN})
    found = summary("--report", "r.html")
    twin = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert twin["summary"]["rows_matched"] == found["rows_matched"] == 1
    assert [reject["line"] for reject in twin["malformed"]] == [2]
    assert "shepherd" in Path("r.html").read_text(encoding="utf-8")
