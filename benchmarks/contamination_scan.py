"""Speed of the contamination index on generated text: building, opening, the exact pass, and retrieval.

    python benchmarks/contamination_scan.py [ITEMS ...]        (default: 1700 and 100000 items)
    python benchmarks/contamination_scan.py --lines [--limit MB_PER_S] [ITEMS ...]

Items have about 100 words, rows about 330 (2 KB); words follow Zipf's law over 30,000 made-up ones, and one
word in 30 is a number. One process; seconds are CPU seconds of this process, so other load hardly matters.

``--lines`` measures what ``decontaminate --tiers exact`` does with a file, from reading it on, for lines of
several kinds that hold no copy; the exit code is 1 when a kind is slower than ``--limit``.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.cli.rowfiles import line_batches
from gristmill_evals.contamination import Benchmark, BenchmarkItem, Row, ScanJob, row_of_mapping
from gristmill_evals.contamination.index import ItemIndex
from gristmill_evals.contamination.kernel import backend

ROWS = 2000
BATCH = 250
SYLLABLES = [a + b for a in "bdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ar", "en", "il")]


def vocabulary(size: int) -> list[str]:
    """Made-up words of one to four syllables, the same in every run."""
    chance = random.Random(5)
    return ["".join(chance.choices(SYLLABLES, k=chance.choice((1, 2, 2, 3, 3, 4)))) for _ in range(size)]


def texts(count: int, words: int, seed: int) -> list[str]:
    """``count`` texts of ``words`` words."""
    chance, known = np.random.default_rng(seed), vocabulary(30000)
    share = 1 / np.arange(1, len(known) + 1) ** 1.05
    drawn = chance.choice(len(known), size=(count, words), p=share / share.sum())
    digits = chance.random((count, words)) < 1 / 30
    return [
        " ".join(str(n % 997) if digit else known[n] for n, digit in zip(line, own, strict=True))
        for line, own in zip(drawn.tolist(), digits.tolist(), strict=True)
    ]


def seconds(since: float) -> float:
    """CPU seconds of this process since an earlier :func:`time.process_time`."""
    return time.process_time() - since


def measure(items: int, rows: list[Row]) -> None:
    """Print one line of the table."""
    bench = Benchmark.make(
        "made", [BenchmarkItem(f"i{n}", text) for n, text in enumerate(texts(items, 100, 1))]
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        ItemIndex.open([bench], Path(folder))
        built = seconds(began)
        began = time.process_time()
        index = ItemIndex.open([bench], Path(folder))
        opened = seconds(began)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        began = time.process_time()
        for batch in batches:
            index.repeats(batch)
        exact = seconds(began)
        began = time.process_time()
        for batch in batches:
            index.candidates(batch)
        found = seconds(began)
    amount = sum(len(row.text) for row in rows) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{items:8} {built:8.2f} {opened:8.3f} {size:9.0f} {amount / exact:10.1f} {len(rows) / found:10.0f}"
        f" {found / len(rows) * 1e6:8.0f} {peak:8.2f}"
    )


CYRILLIC = str.maketrans("abdefghiklmnoprstuvw", "абдефгхиклмнопрстуув")
KINDS: dict[str, tuple[bool, Callable[[str], dict[str, Any]]]] = {
    "plain": (False, lambda text: {"text": text}),
    "250 characters": (False, lambda text: {"text": text[:250]}),
    "instruction, response": (False, lambda text: {"instruction": text[:300], "response": text[300:]}),
    "chat": (False, lambda text: {"messages": [{"role": "user", "content": one} for one in parts(text, 6)]}),
    "breaks and quotes": (False, lambda text: {"text": "\n".join(f'"{one}"' for one in parts(text, 12))}),
    "accents": (False, lambda text: {"text": accented(text)}),
    "accents escaped": (True, lambda text: {"text": accented(text)}),
    "Cyrillic": (False, lambda text: {"text": text.translate(CYRILLIC)}),
    "Chinese": (
        False,
        lambda text: {"text": "".join(chr(0x4E00 + zlib.crc32(one.encode()) % 3000) for one in text.split())},
    ),
    "lettered choices": (False, lambda text: {"text": listed(parts(text, 5), "ABCDE", ") ")}),
    "bullets": (False, lambda text: {"text": listed(parts(text, 6), "------", " ")}),
}
"""Rows of one text each: whether what is not ASCII is escaped, and how they are made."""
MOST_LINES = 6000


def parts(text: str, number: int) -> list[str]:
    """``text`` in about ``number`` pieces of the same number of words."""
    words = text.split()
    size = -(-len(words) // number)
    return [" ".join(words[start : start + size]) for start in range(0, len(words), size)]


def accented(text: str) -> str:
    """``text`` with a letter in six that is not ASCII."""
    return text.replace("e", "é").replace("bo", "Bö").replace(" g", " — g")


def listed(choices: list[str], marks: str, after: str) -> str:
    """``choices``, one a line."""
    return "\n".join(f"{mark}{after}{one}" for mark, one in zip(marks, choices, strict=False))


def lines(items: int, limit: float) -> bool:
    """Print a line for each kind of rows; whether none is slower than ``limit`` MB a second."""
    made = [text.split() for text in texts(items, 100, 1)]
    bench = Benchmark.make(
        "made",
        [
            BenchmarkItem(
                f"i{n}", " ".join(words), choices=tuple(" ".join(words[k : k + 4]) for k in (3, 13, 23))
            )
            for n, words in enumerate(made)
        ],
    )
    work = ScanJob((bench,), exact=True).open()
    rows = texts(MOST_LINES, 330, 2)
    print(f"kernel: {backend().NAME}; {items} items with three choices each")
    print(f"{'lines':22} {'MB/s':>8} {'rows':>7}")
    fast = True
    for name, (escaped, make) in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.jsonl"
            path.write_text("".join(json.dumps(make(one), ensure_ascii=escaped) + "\n" for one in rows))
            work(next(line_batches(path)))
            best, checked = 0.0, 0
            for _ in range(3):
                began = time.process_time()
                checked = sum(work(batch).checked for batch in line_batches(path))
                best = max(best, path.stat().st_size / 1e6 / seconds(began))
        fast = fast and best >= limit
        print(f"{name:22} {best:8.1f} {checked:7}{'' if best >= limit else '  slower than the limit'}")
    return fast


def main() -> None:
    """Measure each size."""
    asked = argparse.ArgumentParser(description="Speed of the contamination index")
    asked.add_argument("items", type=int, nargs="*", default=[1700, 100_000])
    asked.add_argument("--lines", action="store_true", help="whole files, --tiers exact")
    asked.add_argument("--limit", type=float, default=0.0, help="MB a second that --lines must reach")
    told = asked.parse_args()
    if told.lines:
        slow = [items for items in told.items if not lines(items, told.limit)]
        sys.exit(1 if slow else 0)
    retrieval(told.items)


def retrieval(sizes: list[int]) -> None:
    """Measure the index with each number of items."""
    rows = [row_of_mapping({"id": n, "text": text}) for n, text in enumerate(texts(ROWS, 330, 2))]
    warm = ItemIndex.open([Benchmark.make("w", [BenchmarkItem("1", "compile everything once")])])
    warm.candidates(rows[:1])
    warm.repeats(rows[:1])
    print(f"kernel: {backend().NAME}; {ROWS} rows of {sum(len(r.text) for r in rows) / ROWS:.0f} bytes")
    print("   items  build s   open s  index MB exact MB/s candid. /s   us/row  peak GB")
    for size in sizes:
        measure(size, rows)


if __name__ == "__main__":
    main()
