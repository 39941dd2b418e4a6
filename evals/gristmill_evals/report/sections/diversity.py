"""How varied the accepted rows are: words, openings, likeness, topics."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, records, text
from gristmill_evals.report.texts.diversity import (
    BLOCK_ROWS,
    BLOCK_WORDS,
    Likeness,
    collision,
    distinct,
    effective_kinds,
    likeness,
)
from gristmill_evals.report.texts.topics import topics
from gristmill_evals.report.texts.words import shuffled, words

MOST_COMPARED = 2_000
MOST_TOPIC_ROWS = 5_000
MOST_OPENINGS = 12
MOST_TOPICS_SHOWN = 12
ALIKE = 0.8
INTRO = (
    "Of accepted rows. Shares of distinct words fall and likeness to the nearest row grows with the size of "
    "a dataset, so each is measured at a fixed size and can be compared between datasets. A passage that "
    "stands in an instruction is left out."
)


def diversity(frames: Frames) -> Section:
    """Distinct words, first words, likeness to the nearest instruction, topics."""
    rows = frames["texts"]
    if rows.empty:
        return Section("diversity", "Diversity", (Note("There are no accepted rows to compare."),))
    mixed = shuffled(rows)
    mixed = mixed.assign(whole=mixed["instruction"], instruction=[_alone(row) for row in records(mixed)])
    asked = [words(text(value)) for value in mixed["instruction"]]
    compared = mixed.head(MOST_COMPARED)
    found = likeness([text(value) for value in compared["instruction"]], list(compared["kind"]))
    items = (
        *_distinct(asked, "instructions"),
        *_distinct([words(text(value)) for value in mixed["response"]], "responses")[:1],
        *_openings(asked, mixed),
        *_alike(found, compared),
    )
    blocks: list[Block] = [Figures(items), *_charts(found), _opening_table(asked, mixed), *_topics(mixed)]
    return Section("diversity", "Diversity", tuple(blocks), f"{INTRO}{_sampled(rows)}")


def _alone(row: dict[str, object]) -> str:
    """An instruction without the passage that stands in it: passages differ whatever is asked of them."""
    instruction, passage = text(row["instruction"]), text(row["passage"]).strip()
    return instruction.replace(passage, " ").strip() if passage else instruction


def _sampled(rows: pd.DataFrame) -> str:
    sampled = rows.attrs.get("sampled")
    if not sampled or sampled["every"] == 1:
        return ""
    return f" A fixed sample: {len(rows):,} of {sampled['of']:,} accepted rows."


def _distinct(found: list[list[str]], of: str) -> list[Figure]:
    figures = []
    for order, what in ((1, "Distinct words"), (2, "Distinct pairs of words")):
        estimate = distinct(found, order)
        note = "mean of the blocks" if estimate and not estimate.note else ""
        whole = estimate is None or estimate.clusters == 0
        unit = "words" if whole else f"blocks of {BLOCK_WORDS:,} words"
        figures.append(Figure.estimated(f"{what} in {of}", estimate, "share", unit, note))
    return figures


def _openings(asked: list[list[str]], rows: pd.DataFrame) -> list[Figure]:
    firsts, documents = _firsts(asked, rows)
    same = collision(firsts, documents)
    note = "jackknife by document" if same and same.low is not None else ""
    top = Counter(firsts).most_common(1)[0] if firsts else ("", 0)
    label = f"Begin with “{top[0]}”, the most frequent first word"
    return [
        Figure.clustered_share(label, [first == top[0] for first in firsts], documents, "instructions"),
        Figure.estimated("Two instructions begin with one word", same, "share", "instructions", note),
    ]


def _firsts(asked: list[list[str]], rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """First words of instructions that have any, and the documents of their rows."""
    known = [(found[0], text(d)) for found, d in zip(asked, rows["document_id"], strict=True) if found]
    return [first for first, _ in known], [document for _, document in known]


def _alike(found: Likeness | None, rows: pd.DataFrame) -> list[Figure]:
    """Likeness to the nearest other instruction, and the effective number of instructions."""
    if found is None:
        return [
            Figure(
                "Likeness to the nearest instruction", None, "score", 0, "instructions", note="too few words"
            )
        ]
    documents = [text(value) for value in rows["document_id"]]
    effective = found.effective
    blocks = "" if effective.note else "mean of the blocks (Vendi score)"
    size = min(BLOCK_ROWS, len(rows))
    of = f"blocks of {BLOCK_ROWS} rows" if effective.clusters else "instructions"
    label = f"Effective number of instructions, of {size}"
    return [
        Figure.mean(
            "Likeness to the nearest instruction", list(found.nearest), documents, "score", "instructions"
        ),
        Figure.clustered_share(
            f"Have another at least {ALIKE} alike", list(found.nearest >= ALIKE), documents, "instructions"
        ),
        Figure.estimated(label, effective, "number", of, blocks),
    ]


def _charts(found: Likeness | None) -> list[Block]:
    if found is None:
        return []
    below = float((found.nearest < 0.5).mean())
    told = f"{len(found.nearest):,} instructions, {100 * below:.0f} % below 0.5, median {_median(found):.2f}"
    return [ChartBlock("How alike the nearest instruction is", charts.likeness(list(found.nearest)), told)]


def _median(found: Likeness) -> float:
    return float(pd.Series(found.nearest).median())


def _opening_table(asked: list[list[str]], rows: pd.DataFrame) -> Table:
    """The most frequent beginnings, of two words, with an example."""
    starts = [" ".join(found[:2]) for found in asked]
    documents = [text(value) for value in rows["document_id"]]
    lines = []
    for start, count in Counter(starts).most_common(MOST_OPENINGS):
        flags = [one == start for one in starts]
        example = text(rows["instruction"].iloc[flags.index(True)])
        lines.append((f"{start} …", count, Figure.clustered_share("", flags, documents), _short(example)))
    different = len(set(starts))
    caption = f"Most frequent beginnings, of {different:,} different ones"
    return Table(
        ("first two words", "n", "share (95 % interval)", "for example"), tuple(lines), caption, (1, 2)
    )


def _topics(rows: pd.DataFrame) -> list[Block]:
    part = rows.head(MOST_TOPIC_ROWS)
    both = [f"{text(row['whole'])}\n{text(row['response'])}" for row in records(part)]
    found = topics(both)
    if found is None:
        return [Note("Too few rows for topics: two groups of 15 rows each are the least.")]
    documents = [text(value) for value in part["document_id"]]
    number = effective_kinds(list(found.of), documents)
    note = "jackknife by document" if number and number.low is not None else ""
    label = f"Effective number of topics, of {len(found.names)}"
    counts = Counter(int(topic) for topic in found.of)
    lines = []
    for topic, count in counts.most_common(MOST_TOPICS_SHOWN):
        flags = [int(one) == topic for one in found.of]
        example = text(part["instruction"].iloc[flags.index(True)])
        lines.append(
            (found.names[topic], count, Figure.clustered_share("", flags, documents), _short(example))
        )
    told = Note(
        f"Topics are {len(found.names)} groups of rows with words in common (k-means over TF-IDF, seeded). "
        "Their number is set and not found: the table describes the rows and tests nothing."
    )
    caption = f"The largest topics of {len(part):,} rows"
    columns = ("words", "n", "share (95 % interval)", "for example")
    figures = Figures((Figure.estimated(label, number, "number", "rows", note),))
    return [figures, Table(columns, tuple(lines), caption, (1, 2)), told]


def _short(value: str, limit: int = 110) -> str:
    flat = " ".join(value.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
