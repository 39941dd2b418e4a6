"""Does the data repeat benchmark items? Tiers from word-for-word to reworded, each with its own label."""

from __future__ import annotations

from gristmill_evals.contamination.benchmark import Benchmark, BenchmarkItem, load_benchmark
from gristmill_evals.contamination.checker import Checker, Found
from gristmill_evals.contamination.gate import ContaminationGate
from gristmill_evals.contamination.rows import Row, row_of_example, row_of_mapping
from gristmill_evals.contamination.scan import ScanJob, scan

__all__ = [
    "Benchmark",
    "BenchmarkItem",
    "Checker",
    "ContaminationGate",
    "Found",
    "Row",
    "ScanJob",
    "load_benchmark",
    "row_of_example",
    "row_of_mapping",
    "scan",
]
