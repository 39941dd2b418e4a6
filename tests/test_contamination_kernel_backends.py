"""With numba and without: the same index, the same candidates, to the last bit."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gristmill_evals.contamination.kernel import compiled

LOOK_UP = """
import json, sys
from gristmill_evals.contamination import Benchmark, BenchmarkItem, row_of_mapping
from gristmill_evals.contamination.index import ItemIndex
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.scan import ScanJob
from gristmill_evals.contamination.skim import Skim

backend()
items, rows = json.load(sys.stdin)
made = [BenchmarkItem(i, q, a, tuple(c)) for i, q, a, c in items]
bench = Benchmark.make("b", made)
index = ItemIndex.open([bench])
looked_up = index.candidates([row_of_mapping(row) for row in rows])
told = ("cosine", "rival", "others_mean", "others_std", "field", "first", "last")
found = [[[c.side.number, *(getattr(c, name) for name in told)] for c in one] for one in looked_up]
repeats = index.repeats([row_of_mapping(row) for row in rows])
lines = [json.dumps(row).encode() for row in rows] + [b'{"text": "nothing"}', b'{"text": "cut', b"[]"]
done = ScanJob((bench,), exact=True).open()(list(enumerate(lines, 1)))
scanned = [done.checked, done.matches, [reject.line for reject in done.rejects]]
quiet = sum(Skim(Checker([bench])).quiet(lines))
print(json.dumps([backend().NAME, quiet, found, repeats, scanned]))
"""
WORDS = ["mill", "river", "rye", "sacks", "harbour", "miller", "stone", "wheel", "grain"]
WORDS += ["market", "bakes", "turns", "sells", "carries", "old", "12", "7", "three"]


def _corpus() -> tuple[list[Any], list[Any]]:
    """Items and rows of all kinds: long, short, with choices, symbols, identifiers, Chinese."""
    say = [" ".join(WORDS[(n * k + k * k) % len(WORDS)] for k in range(1, 30 + n % 9)) for n in range(40)]
    items: list[Any] = [[f"i{n}", text, "", []] for n, text in enumerate(say)]
    items += [
        ["o", "Which?", "", ["the mill", "the river"]],
        ["s", "∫ ?", "", []],
        ["z", "磨坊每小时磨十五袋", "", []],
    ]
    items += [["c", "def grindAllSacks(sackList): return 0", "for x in y:\n  a;\nreturn b;", []]]
    rows: list[Any] = [{"id": n, "text": text} for n, text in enumerate(say[::5])]
    rows += [{"id": "long", "prompt": " ".join(say * 2), "response": "∫ ∫"}, {"id": "odd", "text": "∫ ?"}]
    rows += [{"id": "o", "text": "A) the river\nB) the mill"}, {"id": "z", "text": "每小时磨十五袋黑麦"}]
    return items, [*rows, {"id": "c", "text": "grindAllSacks HTTPServer"}, {"id": "no", "text": " "}]


@functools.cache
def _looked_up(**environment: str) -> Any:
    told = json.dumps(_corpus())
    run = subprocess.run(
        [sys.executable, "-c", LOOK_UP],
        input=told,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return json.loads(run.stdout)


def test_both_backends_give_the_same() -> None:
    pytest.importorskip("numba")
    compiled_one, plain = _looked_up(GRISTMILL_NO_NUMBA=""), _looked_up(GRISTMILL_NO_NUMBA="1")
    assert (compiled_one[0], plain[0]) == ("numba", "numpy")
    assert compiled_one[2:] == plain[2:]
    assert all(found and 0 < found[0][1] <= 1 for found in plain[2][:8])


def test_lines_are_passed_over_with_numba_alone_and_the_scan_is_the_same() -> None:
    pytest.importorskip("numba")
    compiled_one, plain = _looked_up(GRISTMILL_NO_NUMBA=""), _looked_up(GRISTMILL_NO_NUMBA="1")
    assert compiled_one[1] >= 3
    assert plain[1] == 0
    assert compiled_one[4] == plain[4]
    assert plain[4][0] == len(_corpus()[1]) + 1


def test_a_function_that_no_file_can_cache_still_runs() -> None:
    space: dict[str, Any] = {}
    exec("def double(x):\n    return 2 * x", space)  # numba finds no source file and so no place for a cache
    assert compiled.compiled(space["double"])(21) == 42


def test_the_cache_is_stamped_with_all_sources() -> None:
    from gristmill_evals.contamination.kernel import retrieve

    assert retrieve.search._cache._cache_file._source_stamp == compiled.sources()  # type: ignore[attr-defined]
    assert len(list(Path(compiled.__file__).parent.glob("*.py"))) > 10
