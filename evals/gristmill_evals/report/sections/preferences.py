"""What a reward model could learn from pairs in place of quality: marks of style, sides nearly the same."""

from __future__ import annotations

import pandas as pd
from rapidfuzz import fuzz

from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Table
from gristmill_evals.report.frames import groups, text
from gristmill_evals.report.texts.style import STYLES

NEAR_IDENTICAL = 0.95
EVEN = 0.5
FEWEST = 20
"""Pairs that differ, below which nothing is said of a mark: several are looked at, few mislead."""


def pairs_of(texts: pd.DataFrame) -> pd.DataFrame:
    """Accepted pairs with both texts."""
    return texts[(texts["kind"] == "preference")].dropna(subset=["response", "rejected"])


def near_identical(pairs: pd.DataFrame) -> Figure:
    """Pairs whose sides share nearly all of their characters: the difference is hard to learn, or noise."""
    flags = [
        fuzz.ratio(text(chosen), text(rejected)) / 100 >= NEAR_IDENTICAL
        for chosen, rejected in zip(pairs["response"], pairs["rejected"], strict=True)
    ]
    return Figure.clustered_share("Near-identical pairs", flags, _documents(pairs), "accepted pairs")


def style(pairs: pd.DataFrame) -> list[Block]:
    """For each mark of style how often chosen and rejected have more of it."""
    if pairs.empty:
        return []
    lines, telling, drawn = [], [], []
    documents = _documents(pairs)
    for name, count in STYLES.items():
        chosen, rejected = (pairs[side].map(text).map(count) for side in ("response", "rejected"))
        if not int(chosen.sum() + rejected.sum()):
            continue
        differ = chosen != rejected
        clusters = [document for document, flag in zip(documents, differ, strict=True) if flag]
        wins = Figure.clustered_share("", list((chosen > rejected)[differ]), clusters, "pairs that differ")
        means = f"{chosen.mean():.2f}", f"{rejected.mean():.2f}"
        lines.append((name, *means, int(differ.sum()), wins))
        drawn.append((name, "chosen", wins))
        enough = int(differ.sum()) >= FEWEST
        if enough and wins.low is not None and wins.high is not None and not wins.low <= EVEN <= wins.high:
            telling.append(f"{name} ({'chosen' if wins.low > EVEN else 'rejected'} has more)")
    if not lines:
        return [Note("Neither side of any pair has lists, headings, bold passages or other marks of style.")]
    columns = (
        "mark",
        "mean in chosen",
        "mean in rejected",
        "pairs that differ",
        "chosen has more (95 % interval)",
    )
    table = Table(
        columns, tuple(lines), f"Marks of style, {len(pairs):,} accepted pairs", numeric=(1, 2, 3, 4)
    )
    told = "; ".join(
        f"{name}: {100 * float(figure.value or 0):.0f} %" for name, _, figure in drawn if figure.n
    )
    if not told:
        return [table, _telling(telling)]
    chart = charts.intervals(drawn, "chosen has more, of pairs that differ")
    return [ChartBlock("Marks of style: how often chosen has more", chart, told), table, _telling(telling)]


def _telling(marks: list[str]) -> Note:
    if not marks:
        told = f"No mark of style in which {FEWEST} pairs or more differ can be shown to give the better side"
        return Note(f"{told} away.", "good")
    return Note(f"Style gives the better side away, by: {', '.join(marks)}.", "warning")


def length_chart(rows: pd.DataFrame) -> list[Block]:
    """Pairs by the ratio of their lengths."""
    chosen, rejected = rows["chosen_chars"].astype(float), rows["rejected_chars"].astype(float)
    if chosen.empty:
        return []
    longer, shorter = int((chosen > rejected).sum()), int((chosen < rejected).sum())
    equal = len(chosen) - longer - shorter
    told = f"{len(chosen):,} pairs: chosen longer in {longer:,}, shorter in {shorter:,}, equal in {equal:,}"
    return [
        ChartBlock("Length of chosen over rejected", charts.length_ratio(list(chosen), list(rejected)), told)
    ]


def margins(rows: pd.DataFrame) -> list[Block]:
    """The judge's margin by fault or strategy."""
    known = rows.dropna(subset=["margin"])
    if known.empty:
        return []
    lines = []
    for (name,), part in groups(known, "contrast"):
        values, documents = part["margin"].astype(float), _documents(part)
        small = Figure.clustered_share("", list(values < 1), documents, "pairs")
        mean = Figure.mean("", list(values), documents, "points", "pairs")
        lines.append(
            (
                name or "not stated",
                len(part),
                mean,
                small,
                *(f"{values.quantile(q):.1f}" for q in (0.1, 0.5, 0.9)),
            )
        )
    columns = (
        "fault or strategy",
        "n",
        "mean margin (95 % interval)",
        "below 1 point",
        "10 %",
        "median",
        "90 %",
    )
    return [Table(columns, tuple(lines), "Margins of the judge, in points of 10", numeric=tuple(range(1, 7)))]


def _documents(frame: pd.DataFrame) -> list[str]:
    return [text(d) or text(e) for d, e in zip(frame["document_id"], frame["example_id"], strict=True)]
