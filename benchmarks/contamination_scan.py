"""Speed of the contamination index on generated text: building, opening, the exact pass, and retrieval.

    python benchmarks/contamination_scan.py [ITEMS ...]        (default: 1700 and 100000 items)

Items have about 100 words, rows about 330 (2 KB); words follow Zipf's law over 30,000 made-up ones, and one
word in 30 is a number. One process; seconds are CPU seconds of this process, so other load hardly matters.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gristmill_evals.contamination import Benchmark, BenchmarkItem, Row, row_of_mapping
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


def main() -> None:
    """Measure each size."""
    rows = [row_of_mapping({"id": n, "text": text}) for n, text in enumerate(texts(ROWS, 330, 2))]
    warm = ItemIndex.open([Benchmark.make("w", [BenchmarkItem("1", "compile everything once")])])
    warm.candidates(rows[:1])
    warm.repeats(rows[:1])
    print(f"kernel: {backend().NAME}; {ROWS} rows of {sum(len(r.text) for r in rows) / ROWS:.0f} bytes")
    print("   items  build s   open s  index MB exact MB/s candid. /s   us/row  peak GB")
    for size in [int(given) for given in sys.argv[1:]] or [1700, 100_000]:
        measure(size, rows)


if __name__ == "__main__":
    main()
