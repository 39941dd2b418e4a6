"""Maintenance of cache files: counting, export, import, pruning."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gristmill.errors import StoreBusyError, UsageError
from gristmill.models.cache import Entry, ResponseCache
from gristmill.models.cache_files import (
    Which,
    export_calls,
    import_calls,
    moment,
    prune,
    read_stats,
)
from gristmill.models.keys import call_key
from gristmill.records import Call, Usage

OLD, NEW = "2026-01-01T00:00:00.000000+00:00", "2026-11-01T00:00:00.000000+00:00"
ODD: dict[str, Any] = {"stop": ["\n"], "temperature": 0.7, "seed": 2**63, "big": 2**70, "nan": float("nan")}


def entry(text: str, response: str = "yes", finish: Any = "stop", **more: Any) -> Entry:
    model, params = more.pop("model", "openai:m"), more.pop("params", {"top_p": 1})
    schema, cost = more.pop("schema", None), more.pop("cost", 0.5)
    messages = ({"role": "user", "content": text},)
    key = call_key(model, messages, params, schema, more.get("sample", 0))
    call = Call(key, model, messages, params, response, Usage(3, 1), cost)  # type: ignore[arg-type]
    return Entry(call, finish, schema, **more)


async def fill(path: Path, *entries: Entry) -> Path:
    cache = ResponseCache(path)
    for one in entries:
        await cache.put(one)
    cache.close()
    return path


def exported(path: Path, **how: Any) -> bytes:
    out = io.BytesIO()
    export_calls(path, out, **how)
    return out.getvalue()


def rows(path: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT * FROM calls ORDER BY key").fetchall()
    finally:
        connection.close()


SOME = (
    entry("a", seconds=1.0, created=OLD),
    entry("b", "cu", "length", seconds=2.0, created=OLD),
    entry("c", "", "refusal", model="openai:other", seconds=6.0, created=NEW),
    entry("d", "", model="openai:other", cost=None, created=NEW),
    entry("e ü 漢 😀", params=ODD, schema={"type": "object"}, sample=2, created=NEW),
)


async def test_stats_count_calls_by_model_and_by_end(tmp_path: Path) -> None:
    stats = read_stats(await fill(tmp_path / "c.sqlite", *SOME)).as_json()
    assert (stats["calls"], stats["input_tokens"], stats["output_tokens"]) == (5, 15, 5)
    assert stats["by_finish"] == {"complete": 2, "truncated": 1, "refused": 1, "empty": 1}
    assert (stats["cost_usd"], stats["unpriced"]) == (2.0, 1)
    assert (stats["mean_seconds"], stats["median_seconds"]) == (1.8, 1.0)
    assert (stats["oldest"], stats["newest"]) == (OLD, NEW)
    assert {name: part["calls"] for name, part in stats["models"].items()} == {
        "openai:m": 3,
        "openai:other": 2,
    }
    assert stats["bytes"] >= (tmp_path / "c.sqlite").stat().st_size


async def test_an_export_imported_elsewhere_is_the_same_cache(tmp_path: Path) -> None:
    source = await fill(tmp_path / "a.sqlite", *SOME)
    (tmp_path / "calls.jsonl").write_bytes(exported(source))
    result = import_calls(tmp_path / "b.sqlite", tmp_path / "calls.jsonl")
    assert (result.read, result.added, result.bad) == (5, 5, [])
    assert rows(tmp_path / "b.sqlite") == rows(source)
    again = import_calls(tmp_path / "b.sqlite", tmp_path / "calls.jsonl")
    assert (again.read, again.known, again.added, again.replaced) == (5, 5, 0, 0)
    assert rows(tmp_path / "b.sqlite") == rows(source)


async def test_another_cache_file_can_be_imported_as_it_is(tmp_path: Path) -> None:
    source = await fill(tmp_path / "a.sqlite", *SOME)
    assert import_calls(tmp_path / "b.sqlite", source).added == 5
    assert rows(tmp_path / "b.sqlite") == rows(source)


async def test_export_can_be_narrowed(tmp_path: Path) -> None:
    source = await fill(tmp_path / "a.sqlite", *SOME)
    lines = [json.loads(line) for line in exported(source, models=["openai:o*"]).splitlines()]
    assert [line["model"] for line in lines] == ["openai:other"] * 2
    assert len(exported(source, since=moment("2026-06-01")).splitlines()) == 3
    with pytest.raises(UsageError, match="no call of a model"):
        exported(source, models=["gpt"])


LINE = {"model": "openai:m", "messages": [{"role": "user", "content": "q"}], "response": "r"}
KEY = call_key("openai:m", LINE["messages"], {}, None, 0)  # type: ignore[arg-type]
BAD_LINES = [
    ("{", "not JSON"),
    ("[]", "not an object"),
    ({**LINE, "response": None}, "response"),
    ({"model": "openai:m", "response": "r"}, "messages"),
    ({**LINE, "messages": [{"role": "user"}]}, "role and a content"),
    ({**LINE, "respnose": "r"}, "respnose"),
    ({**LINE, "finish_reason": "because"}, "finish_reason"),
    ({**LINE, "cost": -1}, "cost"),
    ({**LINE, "created": "yesterday"}, "created"),
    ({**LINE, "key": "0" * 32}, "not that of the content"),
    ({**LINE, "key": KEY, "params": {"temperature": 1}}, "not that of the content"),
    ({**LINE, "model": "offline:extractive@1"}, "needs its key"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_named_and_the_others_are_taken_over(tmp_path: Path, line: Any, reason: str) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    (tmp_path / "in.jsonl").write_text(f"{json.dumps(LINE)}\n\n{text}\n{json.dumps({**LINE, 'sample': 1})}")
    result = import_calls(tmp_path / "c.sqlite", tmp_path / "in.jsonl")
    assert (result.read, result.added, result.bad_count) == (3, 2, 1)
    assert result.bad[0].where == "line 3"
    assert reason in result.bad[0].reason
    assert rows(tmp_path / "c.sqlite")[0][0] in {KEY, call_key("openai:m", LINE["messages"], {}, None, 1)}  # type: ignore[arg-type]


async def test_import_never_replaces_a_usable_answer(tmp_path: Path) -> None:
    mine = await fill(tmp_path / "a.sqlite", entry("q", "mine"), entry("p", "cut", "length"))
    theirs = await fill(tmp_path / "b.sqlite", entry("q", "theirs"), entry("p", "whole"))
    result = import_calls(mine, theirs)
    assert (result.added, result.replaced, result.known) == (0, 1, 1)
    assert {row[6] for row in rows(mine)} == {"mine", "whole"}
    worse = await fill(tmp_path / "c.sqlite", entry("q", "cut", "length"), entry("p", "no", "refusal"))
    assert import_calls(mine, worse).known == 2
    assert {row[6] for row in rows(mine)} == {"mine", "whole"}


async def test_offline_calls_keep_the_key_they_came_with_and_are_counted(tmp_path: Path) -> None:
    call = Call("ab" * 16, "offline:extractive@1", (), {}, "text", Usage(), 0.0)
    source = await fill(tmp_path / "a.sqlite", Entry(call))
    result = import_calls(tmp_path / "b.sqlite", source)
    assert (result.added, result.on_trust) == (1, 1)
    assert rows(tmp_path / "b.sqlite") == rows(source)


@pytest.mark.parametrize(
    ("which", "left"),
    [
        (Which(before=moment("2026-06-01")), 3),
        (Which(unusable=True), 2),
        (Which(models=["openai:other"]), 3),
        (Which(models=["openai:*"]), 0),
        (Which(models=["openai:m"], unusable=True), 4),
        (Which(keep=[[SOME[0].call.key], [SOME[3].call.key, "f" * 32]]), 2),
        (Which(keep=[]), 0),
    ],
)
async def test_prune_removes_what_fits_all_that_is_given(tmp_path: Path, which: Which, left: int) -> None:
    path = await fill(tmp_path / "c.sqlite", *SOME)
    counted = prune(path, which, dry_run=True)
    assert len(rows(path)) == 5
    done = prune(path, which)
    assert (counted.removed, counted.kept) == (done.removed, done.kept) == (5 - left, left)
    assert len(rows(path)) == left


async def test_prune_gives_room_back_and_needs_a_reason(tmp_path: Path) -> None:
    path = await fill(tmp_path / "c.sqlite", *(entry(f"{i}", "long " * 2_000) for i in range(50)))
    with pytest.raises(UsageError, match="prune what"):
        prune(path, Which())
    done = prune(path, Which(models=["openai:m"]))
    assert done.bytes_after < done.bytes_before / 5
    assert done.by_model == {"openai:m": 50}
    assert done.cost_usd == 25.0


async def test_prune_waits_for_no_run(tmp_path: Path) -> None:
    path = await fill(tmp_path / "c.sqlite", *SOME)
    cache = ResponseCache(path)
    with pytest.raises(StoreBusyError, match="in use"):
        prune(path, Which(unusable=True))
    assert prune(path, Which(unusable=True), dry_run=True).removed == 3
    cache.close()
    assert prune(path, Which(unusable=True)).removed == 3
