"""The exact tiers, skimming: no line is passed over that they find something in, or that is no row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill_evals.contamination import Benchmark, BenchmarkItem
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.scan import ScanJob
from gristmill_evals.contamination.skim import quiet

QUESTION = 'A cooper binds 9 casks a day, "sound or not".\nHow many casks does he bind in a month of 26 days?'
ITEMS = [
    BenchmarkItem("casks", QUESTION),
    BenchmarkItem("short", "Who invented the flail?"),
    BenchmarkItem("hoop", "What holds staves?", choices=("an iron hoop", "a willow bast", "tar and oakum")),
    BenchmarkItem(
        "straße", "Welche Straße führt über die alte Brücke hinter der Mühle zum Markt von Höxter?"
    ),
]
BENCH = Benchmark.make("coopers", ITEMS)
LOUD: list[dict[str, Any]] = [
    {"text": QUESTION},
    {"text": QUESTION.upper().replace("9", "14")},
    {"instruction": "Answer.", "response": f"You asked:\n\t{QUESTION}\nI think 234."},
    {"messages": [{"role": "user", "content": "who INVENTED the flail"}]},
    {"text": "Which?\nA) tar and oakum\nB) an iron hoop\nC) a willow bast"},
    {"text": ITEMS[3].question},
    {"text": "c:\\new\\casks " + QUESTION},
]
QUIET: list[dict[str, Any]] = [
    {"text": "The casks stood in the yard until the brewer came for them."},
    {"id": 7, "prompt": "Hello", "chosen": "Good morning to you!", "rejected": "Go away."},
    {"messages": [{"role": "user", "content": 'Say "hoop".'}, {"role": "assistant", "content": "hoop"}]},
]
BROKEN = [b'{"text": "cut off', b'["a list"]', b'{"id": 1}', b'{"text": 5}', b'{"id": true, "text": "x"}']


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker([BENCH])


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("row", LOUD)
def test_what_may_repeat_an_item_is_not_passed_over(
    checker: Checker, row: dict[str, Any], *, ascii_only: bool
) -> None:
    assert quiet(checker.index, [json.dumps(row, ensure_ascii=ascii_only).encode()]) == [False]


@pytest.mark.parametrize("row", QUIET)
def test_what_cannot_is_passed_over(checker: Checker, row: dict[str, Any]) -> None:
    assert quiet(checker.index, [json.dumps(row).encode()]) == [True]


def test_what_is_no_row_is_not_passed_over(checker: Checker) -> None:
    assert quiet(checker.index, BROKEN) == [False] * len(BROKEN)


def test_a_scan_counts_all_lines_and_finds_what_is_there_word_by_word() -> None:
    lines = [json.dumps(row).encode() for row in (*LOUD, *QUIET)] + BROKEN
    done = ScanJob((BENCH,), exact=True).open()(list(enumerate(lines, 1)))
    assert done.checked == len(LOUD) + len(QUIET)
    assert [reject.line for reject in done.rejects] == list(range(done.checked + 1, len(lines) + 1))
    assert [match["line"] for match in done.matches] == list(range(1, len(LOUD) + 1))
    assert {match["tier"] for match in done.matches} <= {"exact", "n-grams", "numbers", "options"}


@pytest.mark.shared
def test_real_rows_give_what_all_tiers_find_word_by_word(shared: Path) -> None:
    from gristmill_evals.contamination import load_benchmark

    bench = load_benchmark("gsm8k_test.jsonl", shared / "benchmarks")
    texts = [item.question for item in bench.items[:60]]
    clean = (shared / "contamination" / "gsm8k_clean.jsonl").read_bytes().splitlines()[:300]
    lines = [*clean, *(json.dumps({"text": f"Solve this.\n{text}"}).encode() for text in texts)]
    exact = ScanJob((bench,), exact=True).open()(list(enumerate(lines, 1)))
    everything = ScanJob((bench,)).open()(list(enumerate(lines, 1)))
    word_by_word = [m for m in everything.matches if m["tier"] != "reworded"]
    assert [(m["line"], m["item_id"], m["label"]) for m in exact.matches] == [
        (m["line"], m["item_id"], m["label"]) for m in word_by_word
    ]
    assert len(exact.matches) >= len(texts)
