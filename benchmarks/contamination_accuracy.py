"""How well rewordings of benchmark items are told from other text, and the fit of that decision.

    python benchmarks/contamination_accuracy.py DATA            # the tables: 5-fold by item, one left out
    python benchmarks/contamination_accuracy.py DATA --fit      # write the calibration that is shipped

DATA holds ``benchmarks/*.jsonl``, ``contamination/*.jsonl`` (``id, text, item``) and ``documents/``.
Negatives are GSM8K training questions, chunks of documents, items of the other benchmarks, the benchmark's
own items and rewordings without the item they belong to (the hardest kind: same subject, same style).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from gristmill_evals.contamination import Benchmark, load_benchmark
from gristmill_evals.contamination.checker import Checker
from gristmill_evals.contamination.decision import model
from gristmill_evals.contamination.decision.decide import measured
from gristmill_evals.contamination.decision.model import AGAINST, FEATURES, FREE, Calibration
from gristmill_evals.contamination.decision.sides import pairs
from gristmill_evals.contamination.rows import row_of_mapping
from gristmill_evals.statistics import wilson

SETS = {
    "gsm8k_test": "gsm8k_paraphrase",
    "mmlu_sociology": "mmlu_sociology_paraphrase",
    "humaneval": "humaneval_python",
}
WEIGHTS = {"reworded": 1.0, "clean": 10.0, "own": 2.0, "self": 4.0, "other": 1.0, "documents": 1.0}
"""Total weight of each kind of row in the fit, the same for every benchmark."""
RIDGE = 1e-4
CHUNK, CHUNKS = 1200, 1500
FOLDS = 5
HARD = 3
"""Candidates of a clean row that are used in the fit; the others say nothing new."""
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A row with the features of its candidates; ``item`` is the true one (empty: none)."""

    benchmark: str
    kind: str
    id: str
    item: str
    found: list[tuple[str, list[float]]]

    @property
    def fold(self) -> int:
        """The same for all rows of an item."""
        return zlib.crc32((self.item or self.id).encode()) % FOLDS


def rows_of(name: str, root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Kind, id, text and item of every row that is compared with a benchmark."""
    benchmark = load_benchmark(f"{name}.jsonl", root / "benchmarks")
    for row in read(root / "contamination" / f"{SETS[name]}.jsonl"):
        if row["text"].strip():  # some rows of the published rewordings are empty
            yield "reworded", row["id"], row["text"], row["item"]
            yield "own", row["id"], row["text"], row["item"]
    for row in read(root / "contamination" / "gsm8k_clean.jsonl"):
        yield "clean", row["id"], row["text"], ""
    for item in benchmark.items:
        yield "self", item.id, item.question, item.id
    for other in SETS:
        if other != name:
            for item in load_benchmark(f"{other}.jsonl", root / "benchmarks").items:
                yield "other", item.id, item.question, ""
    for number, text in enumerate(chunks(root / "documents")):
        yield "documents", f"chunk-{number}", text, ""


def chunks(folder: Path) -> list[str]:
    """Some pieces of the texts and Markdown files."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".txt", ".md"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    found = [text[at : at + CHUNK] for text in texts for at in range(0, len(text), CHUNK)]
    random.Random(1).shuffle(found)
    return [text for text in found if text.strip()][:CHUNKS]


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(name: str, root: Path) -> list[Measured]:
    """All rows of one benchmark, measured; its own item is hidden from ``own`` and ``self`` rows."""
    checker = Checker([load_benchmark(f"{name}.jsonl", root / "benchmarks")])
    reworded = checker.reworded
    found = []
    for kind, identity, text, item in rows_of(name, root):
        row = row_of_mapping({"id": identity, "text": text})
        hidden = item if kind in ("own", "self") else None
        candidates = [c for c in checker.index.candidates(row) if c.side.item.id != hidden]
        values = measured(pairs(row, candidates, reworded.subjects), reworded.weight)
        each = [(subject.key[1], [v[feature] for feature in FEATURES]) for subject, v in values]
        found.append(Measured(name, kind, identity, item, each))
    return found


def fitted(rows: Sequence[Measured]) -> Calibration:
    """Ridge-regularised logistic regression with the signs that the features must have."""
    values, right, weight = _table(rows)
    mean, spread = values.mean(0), values.std(0) + 1e-9
    scaled, sign = (values - mean) / spread, np.where(right, 1.0, -1.0)

    def loss(b: Matrix) -> tuple[float, Matrix]:
        edge = -sign * (scaled @ b[1:] + b[0])
        slope = -sign * expit(edge) * weight
        cost = float(weight @ np.logaddexp(0, edge)) + RIDGE / 2 * float(b[1:] @ b[1:])
        return cost, np.r_[slope.sum(), scaled.T @ slope + RIDGE * b[1:]]

    bounds = [(None, None), *map(_bounds, FEATURES)]
    start = np.zeros(len(FEATURES) + 1)
    best = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 1000}).x
    coefficients = best[1:] / spread
    return Calibration(
        "", float(best[0] - coefficients @ mean), dict(zip(FEATURES, coefficients.tolist(), strict=True))
    )


def _bounds(feature: str) -> tuple[float | None, float | None]:
    if feature in FREE:
        return None, None
    return (None, 0.0) if feature in AGAINST else (0.0, None)


def _table(rows: Sequence[Measured]) -> tuple[Matrix, NDArray[np.bool_], Matrix]:
    """Features, whether it is the true item, and the weight of every candidate used in the fit."""
    used = [
        (row.benchmark, row.kind, item == row.item, values)
        for row in rows
        for place, (item, values) in enumerate(row.found)
        if (row.kind == "reworded" and item == row.item) or (row.kind != "reworded" and place < HARD)
    ]
    sizes = Counter((benchmark, kind) for benchmark, kind, _, _ in used)
    weights = [WEIGHTS[kind] / sizes[benchmark, kind] for benchmark, kind, _, _ in used]
    total = sum(weights)
    return (
        np.array([values for *_, values in used]),
        np.array([kind == "reworded" for _, kind, _, _ in used]),
        np.array(weights) / total,
    )


def best(row: Measured, calibration: Calibration) -> tuple[float, bool]:
    """The highest probability of a row, and whether it is that of its item."""
    scored = [
        (calibration.probability(dict(zip(FEATURES, values, strict=True))), item)
        for item, values in row.found
    ]
    score, item = max(scored, default=(0.0, ""))
    return score, row.kind == "reworded" and item == row.item


Scores = dict[tuple[str, str], list[tuple[float, bool]]]


def five_folds(rows: Sequence[Measured]) -> Scores:
    """Every row scored by a fit that has seen no row of its item."""
    scores: Scores = defaultdict(list)
    for fold in range(FOLDS):
        calibration = fitted([row for row in rows if row.fold != fold])
        for row in rows:
            if row.fold == fold:
                scores[row.benchmark, row.kind].append(best(row, calibration))
    return scores


def one_left_out(rows: Sequence[Measured]) -> Scores:
    """Every row scored by a fit that has not seen its benchmark."""
    scores: Scores = defaultdict(list)
    for name in SETS:
        calibration = fitted([row for row in rows if row.benchmark != name])
        for row in rows:
            if row.benchmark == name:
                scores[name, row.kind].append(best(row, calibration))
    return scores


def recall(scores: Scores, name: str, kind: str, rate: float) -> str:
    """Recall, with its 95 % interval, at the threshold that ``rate`` of the rows of a clean kind pass."""
    clean = sorted((score for score, _ in scores[name, kind]), reverse=True)
    threshold = clean[min(len(clean) - 1, math.floor(rate * len(clean)))]
    return share([score > threshold and right for score, right in scores[name, "reworded"]])


def share(hits: Sequence[bool]) -> str:
    low, high = wilson(sum(hits), len(hits))
    return f"{sum(hits) / len(hits):.3f} [{low:.3f}, {high:.3f}]"


def table(title: str, scores: Scores) -> None:
    """Print one table."""
    print(f"\n{title}\n")
    heads = ("at 1 % of clean", "at .1 % of clean", "at 1 % of its own", "at score .5", "clean at .5")
    print(f"| benchmark | n | {' | '.join(heads)} |\n|---|---:{'|---' * len(heads)}|")
    for name in SETS:
        found = scores[name, "reworded"]
        at_half = share([score >= 0.5 and right for score, right in found])
        false = share([score >= 0.5 for score, _ in scores[name, "clean"]])
        at = [recall(scores, name, *which) for which in (("clean", 0.01), ("clean", 0.001), ("own", 0.01))]
        print(f"| {name} | {len(found)} | {' | '.join(at)} | {at_half} | {false} |")
    chunk = [score >= 0.5 for name in SETS for score, _ in scores[name, "documents"]]
    print(f"\nChunks of documents at .5: {share(chunk)} of {len(chunk)}")


def write(calibration: Calibration, benchmarks: Sequence[Benchmark]) -> Path:
    """The shipped file."""
    folder = Path(model.__file__).with_name("calibration.json")
    coefficients = {name: round(value, 5) for name, value in calibration.coefficients.items()}
    digest = zlib.crc32("".join(benchmark.digest for benchmark in benchmarks).encode())
    told = {
        "version": f"1-{digest:08x}",
        "intercept": round(calibration.intercept, 5),
        "coefficients": coefficients,
    }
    folder.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return folder


def main() -> None:
    """Measure, print, and fit when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--fit", action="store_true", help="write the calibration that is shipped")
    options = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        rows = [row for part in pool.map(partial(measure, root=options.data), SETS) for row in part]
    table("Five folds by item", five_folds(rows))
    table("The benchmark left out of the fit", one_left_out(rows))
    if options.fit:
        names = (load_benchmark(f"{name}.jsonl", options.data / "benchmarks") for name in SETS)
        print(f"\n{write(fitted(rows), list(names))}")


if __name__ == "__main__":
    main()
