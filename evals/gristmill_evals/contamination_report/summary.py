"""The figures of a scan as plain data: what ``--json`` prints and the report's JSON begins with."""

from __future__ import annotations

from typing import Any

from gristmill_evals.contamination_report.policy import RANK, SEVERITIES
from gristmill_evals.contamination_report.tally import BenchmarkTally, Tally
from gristmill_evals.statistics import wilson


def plain_summary(tally: Tally) -> dict[str, Any]:
    """Counts and shares; a share is ``{value, low, high, n}`` (95 % Wilson interval), or None of no rows."""
    return {
        "rows": tally.checked,
        "rows_matched": tally.matched,
        "rows_blocked": tally.blocked,
        "blocked_share": share(tally.blocked, tally.checked),
        "rows_uncertain": tally.uncertain,
        "matches": dict(tally.matches.most_common()),
        "severity": {name: tally.severities[name] for name in SEVERITIES},
        "tiers": dict(tally.tiers.most_common()),
        "fields": dict(tally.fields.most_common()),
        "benchmarks": [_benchmark(one, tally.checked) for one in tally.benchmarks.values()],
        "malformed": tally.malformed,
        "malformed_reasons": dict(tally.rejected.most_common()),
    }


def share(hits: int, n: int) -> dict[str, float] | None:
    """A proportion with its interval."""
    if n == 0:
        return None
    low, high = wilson(hits, n)
    return {"value": hits / n, "low": low, "high": high, "n": n}


def _benchmark(found: BenchmarkTally, rows: int) -> dict[str, Any]:
    benchmark, items = found.benchmark, found.items_by_label
    return {
        "name": benchmark.name,
        "split": getattr(benchmark, "split", ""),
        "version": getattr(benchmark, "version", ""),
        "digest": benchmark.digest,
        "items": len(benchmark.items),
        "items_leaked": items.total(),
        "items_leaked_share": share(items.total(), len(benchmark.items)),
        "rows_matched": found.rows,
        "rows_matched_share": share(found.rows, rows),
        "rows_blocked": found.blocked,
        "labels": {
            label: {"rows": found.rows_by_label[label], "items": items[label]}
            for label in RANK
            if found.rows_by_label[label] or items[label]
        },
    }
