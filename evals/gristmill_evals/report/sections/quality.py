"""Scores of the rows."""

from __future__ import annotations

import pandas as pd

from gristmill.records import OTHER_KIND
from gristmill_evals.charts import score_distribution
from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups


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
        blocks.append(ChartBlock("Score distributions", score_distribution(frame), told))
        blocks += by_generator(scored)
    blocks += [Table(columns, rows, "By scorer", numeric=(1, 2, 3, 4, 5)), *_all_scored(frame)]
    if strange.any():
        told = ", ".join(f"{name} {len(part):,}" for (name,), part in groups(every[strange], "scorer"))
        blocks.append(Note(f"Not applicable, rows of a kind that the scorer does not judge: {told}."))
    return Section(
        "scores",
        "Scores",
        tuple(blocks),
        "Scores lie in [0, 1]. An unscored row has no value; it is never counted as 0. Why rows are unscored "
        "is told under judge health.",
    )


def _scorer(name: str, part: pd.DataFrame) -> tuple[object, ...]:
    scored = part.dropna(subset=["value"])
    values = scored["value"].astype(float)
    mean = Figure.mean("", list(values), list(scored["document_id"]))
    quantiles = [f"{values.quantile(q):.2f}" if len(values) else "–" for q in (0.5, 0.1)]
    return name, len(scored), len(part) - len(scored), mean, *quantiles


def _all_scored(frame: pd.DataFrame) -> list[Block]:
    if frame["value"].isna().any():
        return []
    return [Note("Every row that reached a scorer was scored.", "good")]


def by_generator(scored: pd.DataFrame) -> list[Block]:
    """Means with their intervals, drawn and in a table."""
    found = [
        (scorer, generator, len(part), _mean(part))
        for (scorer, generator), part in groups(scored, "scorer", "generator")
    ]
    columns = ("scorer", "generator", "n", "mean (95 % interval)")
    table = Table(columns, tuple(found), "By generator", numeric=(2, 3))
    if len({line[1] for line in found}) < 2:
        return [table]
    told = "; ".join(
        f"{scorer} of {generator}: {float(mean.value or 0):.3f}" for scorer, generator, _, mean in found
    )
    drawn = [(scorer, generator, mean) for scorer, generator, _, mean in found]
    return [ChartBlock("Mean scores by generator", charts.intervals(drawn, "mean score"), told), table]


def _mean(part: pd.DataFrame) -> Figure:
    return Figure.mean("", list(part["value"].astype(float)), list(part["document_id"]))
