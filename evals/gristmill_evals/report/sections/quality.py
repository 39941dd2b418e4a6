"""Scores, groundedness and lengths of the rows."""

from __future__ import annotations

import pandas as pd

from gristmill.records import OTHER_KIND
from gristmill_evals import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups

GROUNDED = "groundedness"
WELL_GROUNDED = 0.8


def scores(frames: Frames) -> Section:
    """Distribution and mean of each scorer, by generator too; unscored rows are counted apart.

    Rows of a kind that a scorer does not judge are neither: they are counted in a note.
    """
    every = frames["scores"]
    strange = every["unscored_reason"].fillna("") == OTHER_KIND
    frame = every[~strange]
    if frame.empty:
        return Section("scores", "Scores", (Note("No scorer has run."),))
    rows = tuple(_scorer(name, part) for (name,), part in groups(frame, "scorer"))
    columns = ("scorer", "scored", "unscored", "mean (95 % interval)", "median", "lowest tenth below")
    blocks: list[Block] = []
    scored = frame.dropna(subset=["value"])
    if not scored.empty:
        told = "; ".join(f"{row[0]}: {row[1]:,} scored, median {row[4]}" for row in rows)
        blocks.append(ChartBlock("Score distributions", charts.score_distribution(frame), told))
        blocks.append(_by_generator(scored))
    blocks += [Table(columns, rows, "By scorer", numeric=(1, 2, 3, 4, 5)), *_unscored(frame)]
    if strange.any():
        told = ", ".join(f"{name} {len(part):,}" for (name,), part in groups(every[strange], "scorer"))
        blocks.append(Note(f"Not applicable, rows of a kind that the scorer does not judge: {told}."))
    return Section(
        "scores",
        "Scores",
        tuple(blocks),
        "Scores lie in [0, 1]. An unscored row has no value; it is never counted as 0.",
    )


def _scorer(name: str, part: pd.DataFrame) -> tuple[object, ...]:
    scored = part.dropna(subset=["value"])
    values = scored["value"].astype(float)
    mean = Figure.mean("", list(values), list(scored["document_id"]))
    quantiles = [f"{values.quantile(q):.2f}" if len(values) else "–" for q in (0.5, 0.1)]
    return name, len(scored), len(part) - len(scored), mean, *quantiles


def _by_generator(scored: pd.DataFrame) -> Table:
    rows = tuple(
        (
            scorer,
            generator,
            Figure.mean("", list(part["value"].astype(float)), list(part["document_id"])),
        )
        for (scorer, generator), part in groups(scored, "scorer", "generator")
    )
    return Table(("scorer", "generator", "mean (95 % interval)"), rows, "By generator", numeric=(2,))


def _unscored(frame: pd.DataFrame) -> list[Block]:
    missing = frame[frame["value"].isna()]
    if missing.empty:
        return [Note("Every row that reached a scorer was scored.", "good")]
    found = groups(missing, "scorer", "unscored_reason")
    rows = tuple((scorer, why or "no reason given", len(part)) for (scorer, why), part in found)
    return [Table(("scorer", "why unscored", "n"), rows, "Unscored", numeric=(2,))]


def groundedness(frames: Frames) -> Section:
    """How much of the responses rests on the source."""
    frame = frames["scores"]
    part = frame[(frame["scorer"] == GROUNDED)].dropna(subset=["value"])
    if part.empty:
        note = "Not measured: the recipe has no groundedness scorer (add `score: [{use: groundedness}]`)."
        return Section("groundedness", "Groundedness", (Note(note),))
    values, documents = part["value"].astype(float), list(part["document_id"])
    items = (
        Figure.mean("Mean groundedness", list(values), documents),
        Figure.clustered_share(
            f"Rows at {WELL_GROUNDED} and above", list(values >= WELL_GROUNDED), documents
        ),
        Figure.clustered_share("Rows below 0.5", list(values < 0.5), documents),
    )
    return Section(
        "groundedness",
        "Groundedness",
        (Figures(items),),
        "Share of a response's content that its source passage supports.",
    )


def lengths(frames: Frames) -> Section:
    """Lengths of instructions and responses, in characters."""
    rows = frames["rows"]
    if rows.empty:
        return Section("lengths", "Lengths", (Note("There are no rows yet."),))
    lines = []
    for (kind,), part in groups(rows, "kind"):
        for name in ("instruction", "response"):
            values = part[f"{name}_chars"].dropna().astype(float)
            if len(values):
                mean = Figure.mean("", list(values), list(part.loc[values.index, "document_id"]), "chars")
                spread = [round(float(values.quantile(q))) for q in (0.05, 0.5, 0.95)]
                lines.append((kind, name, len(values), mean, *spread))
    columns = ("kind", "part", "n", "mean (95 % interval)", "5 %", "median", "95 %")
    table = Table(columns, tuple(lines), "Characters", numeric=(2, 3, 4, 5, 6))
    told = "; ".join(f"{kind} {part}: median {median} characters" for kind, part, _, _, _, median, _ in lines)
    blocks = (ChartBlock("Lengths", charts.lengths(rows), told), table)
    return Section(
        "lengths",
        "Lengths",
        blocks,
        "In characters: a count of tokens depends on the tokenizer of the model to be trained.",
    )
