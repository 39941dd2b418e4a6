"""The index on disk: shared, incremental, checked, and never used when something is wrong with it."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill_evals.contamination import Benchmark, BenchmarkItem, Checker, row_of_mapping
from gristmill_evals.contamination.index import ItemIndex

WORDS = ["mill", "river", "rye", "sacks", "harbour", "miller", "stone", "wheel", "grain", "market"]
ROW = row_of_mapping({"id": 1, "text": "mill stone river grain 3 market"})


def _bench(name: str, count: int = 6) -> Benchmark:
    texts = (" ".join(WORDS[(n * k) % 10] for k in range(1, 12)) + f" {name} {n}" for n in range(count))
    return Benchmark.make(
        name, [BenchmarkItem(f"{name}{n}", text, "", ("a b", f"c{n}")) for n, text in enumerate(texts)]
    )


def _found(index: ItemIndex) -> list[tuple[str, float, str]]:
    return [(c.side.item.id, c.cosine, c.side.text) for c in index.candidates([ROW])[0]]


def _files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_folder_gives_what_memory_gives(tmp_path: Path) -> None:
    benches = [_bench("a"), _bench("b")]
    memory = _found(ItemIndex.open(benches))
    assert memory == _found(ItemIndex.open(benches, tmp_path)) == _found(ItemIndex.open(benches, tmp_path))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".benchmark", ".benchmark", ".tables"]


def test_a_new_benchmark_leaves_the_others_alone(tmp_path: Path) -> None:
    ItemIndex.open([_bench("a")], tmp_path)
    before = _files(tmp_path)
    index = ItemIndex.open([_bench("a"), _bench("b")], tmp_path)
    after = _files(tmp_path)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 2
    assert index.items == 12
    assert {index.side(n).benchmark for n in range(len(index))} == {"a", "b"}


DAMAGE = [
    (lambda raw: raw[: len(raw) // 2], "truncated"),
    (lambda raw: raw[:20], "truncated"),
    (lambda raw: b"", "truncated"),
    (
        lambda raw: raw[: len(raw) // 2] + bytes([raw[len(raw) // 2] ^ 4]) + raw[len(raw) // 2 + 1 :],
        "damaged",
    ),
    (lambda raw: raw[:60] + b"?" + raw[61:], "damaged"),
    (lambda raw: b"something else entirely, and long enough to be read", "not an index"),
]


@pytest.mark.parametrize(("damage", "why"), DAMAGE)
@pytest.mark.parametrize("suffix", [".benchmark", ".tables"])
def test_what_is_damaged_is_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage, why, suffix
) -> None:
    good = _found(ItemIndex.open([_bench("a", 40)], tmp_path))
    path = next(tmp_path.glob(f"*{suffix}"))
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(damage(raw))
    with caplog.at_level(logging.WARNING):
        assert _found(ItemIndex.open([_bench("a", 40)], tmp_path)) == good
    assert why in caplog.text
    assert path.read_bytes() == raw


def test_another_version_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill_evals.contamination.index import store

    ItemIndex.open([_bench("a")], tmp_path)
    monkeypatch.setattr(store, "settings", lambda: "other")
    ItemIndex.open([_bench("a")], tmp_path)
    assert "another version" in caplog.text


def test_a_folder_that_cannot_be_made_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    index = ItemIndex.open([_bench("a")], tmp_path / "file" / "index")
    assert _found(index)
    assert "in memory only" in caplog.text


OPEN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_contamination_index_store import ItemIndex, _bench, _found
print(_found(ItemIndex.open([_bench("a", 200), _bench("b", 200)], Path({folder!r}))))
"""


def test_two_processes_build_and_open_at_once(tmp_path: Path) -> None:
    code = OPEN.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    said = [one.communicate()[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    benches = [_bench("a", 200), _bench("b", 200)]
    assert said[0] == said[1] == f"{_found(ItemIndex.open(benches))}\n"
    assert _found(ItemIndex.open(benches, tmp_path)) == _found(ItemIndex.open(benches))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_checker_comes_back_from_a_pickle(tmp_path: Path) -> None:
    checker = Checker([_bench("a")], tmp_path)
    again = pickle.loads(pickle.dumps(checker))
    assert _found(again.index) == _found(checker.index)
