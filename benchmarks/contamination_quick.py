"""Recall and false positives of the contamination tiers on real benchmarks.

    python benchmarks/contamination_quick.py PATH_TO_MEASUREMENT_DATA

Positives that no file holds (other numbers, other option order, an item inside a longer prompt) are made
here by rule with a fixed seed.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gristmill_evals.contamination import Benchmark, BenchmarkItem, load_benchmark, scan
from gristmill_evals.statistics import wilson

THRESHOLD = 0.5
NAMES = ["Amara", "Bolek", "Chidi", "Dagny", "Eamon", "Farid", "Greta", "Hamza", "Ilse", "Jovan"]
Rows = list[dict[str, Any]]


def perturbed(question: str, chance: random.Random) -> str:
    """Every number replaced by another of the same magnitude."""

    def other(found: re.Match[str]) -> str:
        value = int(found[0])
        low, high = (2, 9) if value < 10 else (10 ** (len(found[0]) - 1), 10 ** len(found[0]) - 1)
        return str(
            chance.choice(
                [n for n in (chance.randint(low, high) for _ in range(9)) if n != value] or [value + 1]
            )
        )

    return re.sub(r"(?<![\d.,])\d{1,6}(?![\d,]|\.\d)", other, question)


def renamed(question: str, small: set[str], chance: random.Random) -> str | None:
    """Other numbers and other names; None for a question without either."""
    names = sorted(
        {word for word in re.findall(r"\b[A-Z][a-z]{2,}\b", question) if word.lower() not in small}
    )
    changed = perturbed(question, chance)
    if not 0 < len(names) <= len(NAMES) or changed == question:
        return None
    for name, other in zip(names, chance.sample(NAMES, len(names)), strict=True):
        changed = re.sub(rf"\b{name}\b", other, changed)
    return changed


def reordered(item: BenchmarkItem, chance: random.Random) -> str:
    """The question with its choices, lettered, in another order."""
    choices = list(item.choices)
    while tuple(choices) == item.choices:
        chance.shuffle(choices)
    return "\n".join(
        [item.question, *(f"{letter}) {c}" for letter, c in zip("ABCDEFGH", choices, strict=False))]
    )


def made(benchmark: Benchmark, change: Callable[[BenchmarkItem], str | None]) -> Rows:
    """Rows made of items, those that ``change`` leaves alone (None) left out."""
    texts = ((item.id, change(item)) for item in benchmark.items)
    return [{"id": n, "text": text, "item": item} for n, (item, text) in enumerate(texts) if text is not None]


def read(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sets(root: Path, gsm: Benchmark, mmlu: Benchmark) -> Iterator[tuple[str, Rows, Benchmark]]:
    """Name, rows and benchmark of each measurement."""
    chance = random.Random(0)
    code = load_benchmark("humaneval.jsonl", root / "benchmarks")
    changed = made(gsm, lambda i: ((t := perturbed(i.question, chance)) != i.question and t) or None)
    yield "gsm8k verbatim", made(gsm, lambda i: i.question), gsm
    yield (
        "gsm8k verbatim inside a prompt",
        made(gsm, lambda i: f"Solve step by step.\n\n{i.question}\n\nThank you!"),
        gsm,
    )
    yield "gsm8k numbers changed", changed, gsm
    small = {word for item in gsm.items for word in re.findall(r"\b[a-z]+\b", item.question)}
    yield "gsm8k numbers and names changed", made(gsm, lambda i: renamed(i.question, small, chance)), gsm
    yield "mmlu verbatim question", made(mmlu, lambda i: i.question), mmlu
    yield "mmlu options reordered", made(mmlu, lambda i: reordered(i, chance)), mmlu
    yield "humaneval verbatim", made(code, lambda i: i.question), code
    held = {
        "gsm8k_paraphrase": gsm,
        "mmlu_sociology_paraphrase": mmlu,
        "humaneval_python": code,
        "mgsm_zh": gsm,
    }
    for name, benchmark in held.items():
        yield name, read(root / "contamination" / f"{name}.jsonl"), benchmark
    yield "gsm8k_clean (false positives)", read(root / "contamination" / "gsm8k_clean.jsonl"), gsm
    yield "gsm8k_clean against mmlu", read(root / "contamination" / "gsm8k_clean.jsonl"), mmlu


def measure(name: str, rows: Rows, benchmark: Benchmark) -> None:
    """Print one line: share found at the threshold with its interval, right item, labels, speed."""
    began = time.perf_counter()
    best = list(scan(rows, [benchmark], 0.0))
    seconds = time.perf_counter() - began
    hits = [(m, row) for m, row in zip(best, rows, strict=True) if m["score"] >= THRESHOLD]
    right = sum(1 for m, row in hits if m["item_id"] == row["item"])
    low, high = wilson(len(hits), len(rows))
    labels = dict(Counter(m["label"] for m, _ in hits).most_common())
    print(
        f"{name:34} n={len(rows):5} hit={len(hits) / len(rows):.4f} [{low:.4f}, {high:.4f}] "
        f"right item={right / len(rows):.3f} {len(rows) / seconds:6.0f} rows/s {labels}"
    )


def main() -> None:
    """Measure everything under the folder given."""
    root = Path(sys.argv[1])
    gsm, mmlu = (load_benchmark(f"{n}.jsonl", root / "benchmarks") for n in ("gsm8k_test", "mmlu_sociology"))
    for name, rows, benchmark in sets(root, gsm, mmlu):
        measure(name, rows, benchmark)


if __name__ == "__main__":
    main()
