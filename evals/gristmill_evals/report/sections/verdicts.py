"""Judges of pairs: ties, both orders, the place that wins."""

from __future__ import annotations

import pandas as pd

from gristmill_evals.report.blocks import Block, Figure, Note, Table
from gristmill_evals.report.frames import groups, text

MEASURES = (
    "pairs",
    "could not be read",
    "a tie in the end",
    "pairs asked in both orders",
    "same winner in both orders",
    "same place won in both orders",
    "the response shown first wins",
)


def table(frame: pd.DataFrame) -> list[Block]:
    """A column for each judge of pairs; nothing where none judged."""
    if frame.empty:
        return []
    found = [(name, _measures(part)) for (name,), part in groups(frame, "scorer")]
    lines = tuple((name, *(cells[place] for _, cells in found)) for place, name in enumerate(MEASURES))
    note = Note(
        "Each pair is shown in both orders. A judge without a leaning to a place lets the first win half of "
        "the time; of pairs whose winner changes with the order the verdict is a tie."
    )
    caption = "Judges of pairs: ties, both orders, places"
    columns = ("", *(name for name, _ in found))
    return [Table(columns, lines, caption, numeric=tuple(range(1, len(columns)))), note]


def _measures(part: pd.DataFrame) -> tuple[object, ...]:
    documents = _documents(part)
    unread = part["value"].isna()
    read = part[~unread]
    both = part[part["both"].astype(bool) & part["forward"].notna() & part["swapped"].notna()]
    return (
        len(part),
        Figure.clustered_share("", list(unread), documents, "pairs"),
        Figure.clustered_share("", list(read["value"].astype(float) == 0.5), _documents(read), "pairs"),
        len(both),
        swap_agreement(part),
        Figure.clustered_share("", list(both["position"].map(text) != ""), _documents(both), "pairs"),
        _first_place(part),
    )


def swap_agreement(frame: pd.DataFrame) -> Figure:
    """How often both orders have one winner, of pairs whose two verdicts could be read."""
    both = frame[frame["both"].astype(bool) & frame["forward"].notna() & frame["swapped"].notna()]
    flags = list(both["forward"] == both["swapped"])
    return Figure.clustered_share(
        "Same winner in both orders", flags, _documents(both), "pairs asked both ways"
    )


def _first_place(part: pd.DataFrame) -> Figure:
    """Of verdicts that name a side: how often it is the one shown first (rejected is, when swapped)."""
    flags: list[bool] = []
    clusters: list[str] = []
    for column, first in (("forward", "1"), ("swapped", "2")):
        named = part[part[column].isin(["1", "2"])]
        flags += list(named[column] == first)
        clusters += _documents(named)
    return Figure.clustered_share("", flags, clusters, "verdicts")


def _documents(frame: pd.DataFrame) -> list[str]:
    return [text(d) or text(e) for d, e in zip(frame["document_id"], frame["example_id"], strict=True)]
