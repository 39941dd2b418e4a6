"""Rows that say what another row says."""

from __future__ import annotations

import pandas as pd

from gristmill_evals.report.blocks import Block, Figure, Figures, Note, Pair, Section, Table
from gristmill_evals.report.frames import Frames, groups, records, text
from gristmill_evals.report.sections.overview import gates_used
from gristmill_evals.report.texts.copies import THRESHOLD, Copy, Text, near_copies

VERY = 0.9
MOST_SHOWN, MOST_EQUAL = 6, 2
LONGEST = 420
MOST_MARKED = 0.6
INTRO = (
    f"Of accepted rows. Nearly the same: question and answer are each at least {100 * THRESHOLD:.0f} % alike "
    "in their characters, marks and case aside. Rows that differ in a number only are counted apart: they "
    "may be different facts, or one template filled in."
)


def duplicates(frames: Frames) -> Section:
    """Exact copies of all accepted rows, near copies with examples."""
    rows = frames["texts"]
    if rows.empty:
        return Section("duplicates", "Near duplicates", (Note("There are no accepted rows to compare."),))
    found = near_copies([_text(row) for row in records(rows)])
    blocks: list[Block] = [Figures((*_exact(frames["copies"]), *_shares(found, rows))), *_notes(frames, rows)]
    blocks += _by_generator(found, rows)
    return Section("duplicates", "Near duplicates", (*blocks, *_examples(found, rows)), INTRO)


def _text(row: dict[str, object]) -> Text:
    answered = f"{text(row['response'])} {text(row['rejected'])}"
    return Text.of(text(row["kind"]), text(row["instruction"]), answered)


def _exact(frame: pd.DataFrame) -> list[Figure]:
    figures = []
    for row in records(frame):
        n, repeated = int(row["rows"]), int(row["repeated"])
        label = "Rows that repeat another" if row["of_"] == "row" else "Instructions asked before"
        groups_ = f"{repeated:,} in {int(row['groups']):,} groups, largest {int(row['largest']):,}"
        note = f"{groups_}; all counted: no interval"
        figures.append(Figure(label, repeated / n if n else None, "share", n, "accepted rows", note=note))
    return figures


def _shares(found: list[Copy], rows: pd.DataFrame) -> list[Figure]:
    documents = [text(value) for value in rows["document_id"]]
    near = [copy for copy in found if not copy.numbers_differ]
    named = (
        ("Have a near copy", near),
        (f"Have one at least {100 * VERY:.0f} % alike", [copy for copy in near if copy.likeness >= VERY]),
        ("Have one but for a number", [c for c in found if c.numbers_differ]),
    )
    return [Figure.clustered_share(label, _flags(part, len(rows)), documents) for label, part in named]


def _flags(found: list[Copy], n: int) -> list[bool]:
    flags = [False] * n
    for copy in found:
        flags[copy.first] = flags[copy.second] = True
    return flags


def _notes(frames: Frames, rows: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = []
    sampled = rows.attrs.get("sampled")
    if sampled and sampled["every"] > 1:
        told = (
            f"Near copies are looked for in a fixed sample, {len(rows):,} of {sampled['of']:,} accepted "
            "rows: a copy outside of the sample is not seen, so the shares are lower bounds. Exact copies "
            "are those of all rows."
        )
        blocks.append(Note(told, "warning"))
    if not gates_used(frames, "near_duplicates"):
        blocks.append(
            Note("The recipe has no gate against near copies (add `gates: [{use: near_duplicates}]`).")
        )
    return blocks


def _by_generator(found: list[Copy], rows: pd.DataFrame) -> list[Block]:
    numbered = rows.assign(copied=_flags([c for c in found if not c.numbers_differ], len(rows)))
    lines = tuple(
        (
            name,
            len(part),
            Figure.clustered_share("", list(part["copied"]), [text(d) for d in part["document_id"]]),
        )
        for (name,), part in groups(numbered, "generator")
    )
    columns = ("generator", "rows", "have a near copy (95 % interval)")
    return [Table(columns, lines, "Near copies by generator", numeric=(1, 2))] if len(lines) > 1 else []


def _examples(found: list[Copy], rows: pd.DataFrame) -> list[Block]:
    """Pairs to look at, each row once, what differs marked: those that are not equal first."""
    listed = records(rows)
    blocks: list[Block] = []
    seen: set[int] = set()
    for copy in sorted(
        found, key=lambda one: (one.likeness == 1, one.numbers_differ, -one.likeness, one.first)
    ):
        full = len(blocks) >= (MOST_EQUAL if copy.likeness == 1 else MOST_SHOWN)
        if full or {copy.first, copy.second} & seen:
            continue
        seen |= {copy.first, copy.second}
        one, other = listed[copy.first], listed[copy.second]
        left, right = (_shown(row) for row in (one, other))
        spans = difference(left, right)
        kind = "but for a number" if copy.numbers_differ else text(one["generator"])
        names = [f"Row {text(row['example_id'])[:12]}" for row in (one, other)]
        heading = f"{100 * copy.likeness:.0f} % alike · {kind}"
        blocks.append(Pair(heading, names[0], left, spans[0], names[1], right, spans[1]))
    return blocks


def _shown(row: dict[str, object]) -> str:
    instruction, passage = text(row["instruction"]), text(row["passage"]).strip()
    asked = instruction.replace(passage, "[the passage]") if passage else instruction
    both = f"{asked}\n→ {text(row['response'])}"
    return both if len(both) <= LONGEST else f"{both[:LONGEST]}…"


def difference(left: str, right: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """The part of each text between what both begin with and what both end with; nothing if that is most."""
    start, most = 0, min(len(left), len(right))
    while start < most and left[start] == right[start]:
        start += 1
    end = 0
    while end < most - start and left[-1 - end] == right[-1 - end]:
        end += 1
    marked = max(len(left), len(right)) - start - end
    if marked > MOST_MARKED * max(len(left), len(right), 1):
        return (0, 0), (0, 0)
    return (start, len(left) - end), (start, len(right) - end)
