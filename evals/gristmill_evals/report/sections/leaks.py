"""Refusals, assistants' talk and traces of the prompt in accepted rows, by generator."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd

from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, text
from gristmill_evals.report.sections.overview import gates_used
from gristmill_evals.report.texts.leaks import PROMPT, SOURCE_TALK, Leak, leaks
from gristmill_evals.report.texts.words import shuffled

MOST_ROWS = 5_000
MOST_EXAMPLES = 3
MOST_GENERATORS = 5
ALL = "all rows"
RULES = {
    "refusal": "declines, or says that the source does not tell",
    "identity": "says whose language model it is",
    "boilerplate": "“as an AI”, “I hope this helps”",
    "context": "question about “the passage” that the reader does not have",
    SOURCE_TALK: "answer that cites “the passage”, which the reader does not have",
    PROMPT: "eight words in a row of the generator's system prompt",
    "judge-talk": "speaks to whoever rates it",
    "pii": "personal data or a secret of a known form",
}
"""Always shown, found or not; other rules of the gate only where they found something."""
INTRO = (
    "Looked for when this report was written, by rules and without a model, whatever the recipe's gates did. "
    "Words that the source itself has do not count. None found means none of the known forms."
)


def refusals(frames: Frames) -> Section:
    """The share of rows with each fault, overall and by generator, and examples."""
    rows = shuffled(frames["texts"], MOST_ROWS)
    if rows.empty:
        return Section("leaks", "Refusals and leaks", (Note("There are no accepted rows to look at."),))
    found = leaks(rows, frames["prompts"])
    by_rule: dict[str, set[int]] = defaultdict(set)
    for leak in found:
        by_rule[leak.rule].add(leak.row)
    any_of = set().union(*(by_rule[rule] for rule in RULES))
    blocks: list[Block] = [
        Figures((_share("Rows with any of these", any_of, rows),)),
        *_by_generator(by_rule, rows, set(frames["prompts"]["generator"])),
        *_examples(found, rows),
        *_notes(frames, rows),
    ]
    return Section("leaks", "Refusals and leaks", tuple(blocks), INTRO)


def _share(label: str, places: set[int], rows: pd.DataFrame) -> Figure:
    flags = [place in places for place in range(len(rows))]
    return Figure.clustered_share(label, flags, _documents(rows), "accepted rows")


def _documents(rows: pd.DataFrame) -> list[str]:
    return [text(d) or text(e) for d, e in zip(rows["document_id"], rows["example_id"], strict=True)]


def _by_generator(by_rule: dict[str, set[int]], rows: pd.DataFrame, prompted: set[str]) -> list[Block]:
    """A line for each rule, a column for each generator; a chart of what was found.

    ``prompted`` are the generators whose system prompts are known: only in their rows can
    words of them be found.
    """
    parts = _parts(rows.reset_index(drop=True))
    lines, drawn = [], []
    for rule in [*RULES, *sorted(rule for rule in by_rule if rule not in RULES)]:
        places = by_rule.get(rule, set())
        cells = [
            (name, _cell(places, part[part["generator"].isin(prompted)] if rule == PROMPT else part))
            for name, part in parts
        ]
        lines.append((rule, RULES.get(rule, "a rule of the gate `quality_rules`"), *(c for _, c in cells)))
        drawn += [(rule, name, cell) for name, cell in cells if places and name != ALL]
    columns = ("fault", "what is looked for", *(f"{name} (n = {len(part):,})" for name, part in parts))
    table = Table(columns, tuple(lines), "By generator", numeric=tuple(range(2, len(columns))))
    if not drawn:
        return [table]
    told = "; ".join(
        f"{rule} in {name}: {100 * float(cell.value or 0):.1f} %" for rule, name, cell in drawn[:8]
    )
    chart = charts.intervals(drawn, "share of accepted rows", whole=False)
    return [ChartBlock("Faults by generator", chart, told), table]


def _parts(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """All rows, and those of each of the generators with most rows."""
    found = [(name, part) for (name,), part in groups(rows, "generator")]
    found.sort(key=lambda one: (-len(one[1]), one[0]))
    return [(ALL, rows), *found[:MOST_GENERATORS]] if len(found) > 1 else found


def _cell(places: set[int], part: pd.DataFrame) -> Figure:
    if part.empty:
        return Figure("", None, "share", 0, note="no prompt recorded")
    return Figure.clustered_share("", [place in places for place in part.index], _documents(part))


def _examples(found: list[Leak], rows: pd.DataFrame) -> list[Block]:
    shown: dict[str, int] = defaultdict(int)
    lines = []
    for leak in found:
        shown[leak.rule] += 1
        if shown[leak.rule] <= MOST_EXAMPLES:
            row = rows.iloc[leak.row]
            lines.append((leak.rule, text(row["generator"]), leak.detail, text(row["example_id"])[:12]))
    if not lines:
        return []
    ordered = tuple(sorted(lines, key=lambda line: line[0]))
    caption = f"Examples, at most {MOST_EXAMPLES} of each"
    return [Table(("fault", "generator", "what was found", "row"), ordered, caption)]


def _notes(frames: Frames, rows: pd.DataFrame) -> list[Block]:
    notes = []
    of = int(frames["texts"].attrs.get("sampled", {}).get("of", len(frames["texts"])))
    if of > len(rows):
        notes.append(f"Looked at: {len(rows):,} rows, drawn at random from {of:,} accepted ones.")
    if gates_used(frames, "quality_rules"):
        notes.append(
            "The recipe's gate quality_rules has already taken out what its rules find, so what they report "
            "here is little; the two checks of the report itself (talk of the source, words of the prompt) "
            "are not in it."
        )
    if frames["prompts"].empty:
        notes.append(f"No system prompt is recorded with the rows, so “{PROMPT}” could not be looked for.")
    return [Note(note) for note in notes]
