"""The exact tiers, skimming: no line is passed over that they find something in, or that is no row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill_evals.contamination import Benchmark, BenchmarkItem
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.kernel import backend
from gristmill_evals.contamination.scan import ScanJob
from gristmill_evals.contamination.skim import HUGE, Skim

QUESTION = 'A cooper binds 9 casks a day, "sound or not".\nHow many casks does he bind in a month of 26 days?'
ITEMS = [
    BenchmarkItem("casks", QUESTION),
    BenchmarkItem("short", "Who invented the flail?"),
    BenchmarkItem("hoop", "What holds staves?", choices=("an iron hoop", "a willow bast", "tar and oakum")),
    BenchmarkItem(
        "many", "How many?", choices=("4", "6 or more than that, if the mill is a large one", "½", "Ёж")
    ),
    BenchmarkItem(
        "straße", "Welche Straße führt über die alte Brücke hinter der Mühle zum Markt von Höxter?"
    ),
    BenchmarkItem("磨", "磨坊每小时磨十五袋"),
]
BENCH = Benchmark.make("coopers", ITEMS)
LOUD: list[dict[str, Any]] = [
    {"text": QUESTION},
    {"text": QUESTION.upper().replace("9", "14")},
    {"instruction": "Answer.", "response": f"You asked:\n\t{QUESTION}\nI think 234."},
    {"messages": [{"role": "user", "content": "who INVENTED the flail"}]},
    {"text": "Which?\nA) tar and oakum\nB) an iron hoop\nC) a willow bast"},
    {"text": ITEMS[4].question},
    {"text": "c:\\new\\casks " + QUESTION},
]
LOUDER: list[dict[str, Any]] = [
    {"response": "flail?", "id": 3, "prompt": "Who invented the"},  # read in the order of the fields
    {"conversations": [{"from": "human", "value": "Who invented"}, {"from": "gpt", "value": "the flail?"}]},
    {"text": "– - tar and oakum\n - tar and oakum\n • an iron hoop\n* a willow bast"},
    {"text": "(1) 6 or more than that, if the mill is a large one (2) 4 (3) ёж (4) ½"},
    {"text": "a: 4\u2028b: ЁЖ\u2028c: 1\u20442\u2028d: 6 or more than that, if the mill is a large one"},
    {"text": "他说：磨坊每小时磨十五袋。"},
    {"text": ITEMS[4].question.replace("ü", "u\u0308").replace("S", "\uff33")},
]
QUIET: list[dict[str, Any]] = [
    {"text": "The casks stood in the yard until the brewer came for them."},
    {"id": 7, "prompt": "Hello", "chosen": "Good morning to you!", "rejected": "Go away."},
    {"messages": [{"role": "user", "content": 'Say "hoop".'}, {"role": "assistant", "content": "hoop"}]},
    {"conversations": [{"value": "Мельник 😀", "x": {}}, {"content": None}], "meta": [1, [{"content": 2}]]},
    {
        "text": "Ⅻ… ﬁne\u00a0— ２０ ½ 磨坊\u2028İ\x1c\x00\t\\/",
        "score": -0.5e-7,
        "ok": True,
        "of": {"größe": [], "b": {}},
    },
    {"text": "Press 1\ufe0f\u20e3 — \U0001f469\u200d\U0001f33e *bold* -- 2-3"},
    {"text": "Which?\nA) an iron hoop and nails\nB) tar\n\n1. 6 or more\n2. 4\n- tar, perhaps\n- both"},
]
BROKEN = [b'{"text": "cut off', b'["a list"]', b'{"id": 1}', b'{"text": 5}', b'{"id": true, "text": "x"}']
UNUSUAL = [
    b'{"text": "x", "text": "Who invented the flail?"}',
    b'{"te\\u0078t": "Who invented the flail?"}',
    b'{"text": "x", "n": 1e999}',
    b'{"text": "x", "n": 01}',
    b'{"text": "x",}',
    b'{"text": "x"} y',
    b'{"text": "\\ud83d"}',
    b'{"text": "\xed\xa0\x80"}',
    b'{"text": "\xc3',
    b'{"text": "a\tb"}',
    b'{"text": "\\x41"}',
    b'{"messages": []}',
    b'{"messages": [{"content": [{"text": "Who invented the flail?"}]}]}',
    b'{"text": "x", "history": [{"content": 5}]}',
    b'{"messages": [{"content": "x", "content": "Who invented the flail?"}]}',
    b'{"text": "x", "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b'\xef\xbb\xbf{"text": "x"}',
    b"",
    b"\x00",
]


@pytest.fixture(scope="module")
def skim() -> Skim:
    pytest.importorskip("numba")
    assert backend().NAME == "numba"
    return Skim(Checker([BENCH]))


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("row", LOUD + LOUDER)
def test_what_may_repeat_an_item_is_not_passed_over(
    skim: Skim, row: dict[str, Any], *, ascii_only: bool
) -> None:
    assert skim.quiet([json.dumps(row, ensure_ascii=ascii_only).encode()]) == [False]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("row", QUIET)
def test_what_cannot_is_passed_over(skim: Skim, row: dict[str, Any], *, ascii_only: bool) -> None:
    line = json.dumps(row, ensure_ascii=ascii_only, separators=(" ,\t", ":\r")).encode()
    assert skim.quiet([line, line + b"\r\n", b" " + line]) == [True] * 3


def test_what_is_no_row_is_not_passed_over(skim: Skim) -> None:
    plain = b'{"text": "x y"}'
    for line in BROKEN + UNUSUAL:
        assert skim.quiet([plain, line, plain]) == [True, False, True], line[:60]


def test_long_lines_and_many_turns_are_left_to_python(skim: Skim) -> None:
    huge = json.dumps({"text": "x " * (HUGE // 2)}).encode()
    turns = [json.dumps({"messages": [{"content": "x"}] * number}).encode() for number in (4096, 4097)]
    assert skim.quiet([huge, *turns, b'{"text": "x"}']) == [False, True, False, True]
    assert skim.quiet([]) == []


def test_a_scan_counts_all_lines_and_finds_what_is_there_word_by_word(skim: Skim) -> None:
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
