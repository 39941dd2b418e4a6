"""The tables, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from contamination_parts.scoring import Rate
from gristmill_evals.statistics import wilson

if TYPE_CHECKING:
    from contamination import Result


def speed(results: Sequence[Result], rows: int, size: int) -> str:
    """A line for each client and number of cores."""
    head = ("client", "cores", "set-up s", "whole run s", "MB/s", "rows/s", "MB/CPU s", "peak RSS MB")
    lines = []
    for result in results:
        for cores, whole in result.whole.items():
            rest = result.megabytes_a_second(cores, size)
            figures = (
                f"{result.set_up[cores].seconds:.1f}", f"{whole.seconds:.1f}", f"{rest:.1f}",
                f"{rest * 1e6 / size * rows:,.0f}", f"{result.megabytes_a_cpu_second(cores, size):.1f}",
                f"{whole.rss_mb:,.0f}",
            )  # fmt: skip
            lines.append((result.client, str(cores), *figures))
    return _table(head, lines)


def accuracy(results: Sequence[Result]) -> str:
    """A line for each kind of row, a column for each client."""
    if not results:
        return ""
    first = results[0].scores
    head = ("rows", "n", *(result.client for result in results))
    lines = [("**right item found**", "", *("" for _ in results))]
    for kind, rate in first.recall.items():
        lines.append((kind, str(rate.n), *(_recall(result.scores.recall[kind]) for result in results)))
    severe = [result.scores.severe_templates for result in results]
    lines.append(("**flagged, but should not be**", "", *("" for _ in results)))
    kind = "template (other numbers, names), as more than a template"
    lines.append((kind, str(severe[0].n), *map(_count, severe)))
    for kind, rate in first.flagged.items():
        lines.append((f"clean: {kind}", str(rate.n), *(_count(r.scores.flagged[kind]) for r in results)))
    return _table(head, lines)


def labels(result: Result) -> str:
    """What the findings of a client that gives labels are called, for each kind of row."""
    kinds = result.scores.labels
    names = sorted({name for found in kinds.values() for name in found})
    lines = [(kind, *(str(found.get(name, "")) for name in names)) for kind, found in sorted(kinds.items())]
    return _table((f"labels of {result.client}", *names), lines)


def _recall(rate: Rate) -> str:
    if rate.n == 0:
        return "–"
    low, high = wilson(rate.hits, rate.n)
    return f"{rate.hits / rate.n:.3f} ({low:.3f} to {high:.3f})"


def _count(rate: Rate) -> str:
    return f"{rate.hits} ({100 * rate.hits / rate.n:.2f} %)" if rate.n else "–"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines)) + "\n"
