"""Words and tables that both kinds of comparison share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gristmill_evals.comparing.settings import Changed
from gristmill_evals.comparing.verdict import Method
from gristmill_evals.report.blocks import Section, Table
from gristmill_evals.statistics import Difference

METHODS: dict[Method, str] = {
    "holm": "Holm's method",
    "bh": "Benjamini and Hochberg's method",
    "none": "not corrected, as asked for",
}
SIGNS = {
    "better": "▲\u00a0better",
    "worse": "▼\u00a0worse",
    "higher": "▲\u00a0higher",
    "lower": "▼\u00a0lower",
}


def decided(verdict: str, found: Difference | None) -> str:
    """The verdict as a table shows it; what is not known says why."""
    if verdict == "not known" and found is not None and found.note:
        return f"not known: {found.note.partition(':')[0]}"
    return SIGNS.get(verdict, verdict)


def differ(rows: Sequence[Changed], labels: Sequence[str], caption: str) -> Table:
    """Settings side by side."""
    lines: list[tuple[Any, ...]] = [(row.name, *row.values) for row in rows]
    return Table(("setting", *labels), tuple(lines), caption)


def reading(paired: str, method: Method) -> Section:
    """What the columns mean."""
    rows = (
        ("difference", "the other less the first, in the unit of the figure; 95 % interval in brackets"),
        (
            "verdict",
            "better or worse: p is below 0.05. noise: it is not, which does not show that"
            " the two are equal. same: no item differs",
        ),
        (
            "visible from",
            "the true difference that such data would show in four of five repetitions, before correction;"
            " what is smaller needs more items",
        ),
        (
            "p",
            "the chance of a difference at least as large if there were none, corrected for the number of"
            f" comparisons made here: {METHODS[method]}. Of 20 comparisons of equal things one comes out"
            " below 0.05 by chance",
        ),
        ("p, alone", "the same as if this were the only comparison"),
        ("interval", f"{paired}; what comes from one source together counts as one (clustered)"),
        ("correlation", "of the two sides' scores: the higher, the more pairing helps"),
    )
    return Section("reading", "How to read this", (Table(("", ""), rows),))
