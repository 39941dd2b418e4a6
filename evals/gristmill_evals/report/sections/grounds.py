"""How much of the responses rests on the source, and whether the evidence stands where it says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pandas as pd

from gristmill import registry
from gristmill.errors import ModelConfigError
from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, records, text
from gristmill_evals.report.texts.leaks import item_of
from gristmill_evals.report.texts.words import shuffled

GROUNDED = "groundedness"
WELL_GROUNDED, POOR = 0.8, 0.5
MOST_ROWS = 1_000
INTRO = (
    "Share of a response's words, numbers, names and quotations that its source passage supports, by rules: "
    "a fair paraphrase loses points, a wrong conclusion from the right words does not. Evidence is found "
    "when the quote stands in its chunk at the offsets that the row names."
)


def groundedness(frames: Frames) -> Section:
    """Scores of the groundedness scorer, or of a sample when the run had none; spans of evidence."""
    found, note = _scored(frames["scores"]), ""
    if found.empty:
        found = _at_report_time(frames["texts"])
        note = (
            "The recipe has no groundedness scorer (`score: [{use: groundedness}]` measures every row before "
            "it is accepted): measured when this report was written, on accepted rows drawn at random."
        )
    blocks: list[Block] = [*_values(found), *_evidence(frames["texts"])]
    if note and not found.empty:
        blocks.append(Note(note))
    if found.empty:
        blocks.append(
            Note(
                "Not measured: there are no accepted rows with a passage, and no groundedness scorer has run."
            )
        )
    return Section("groundedness", "Groundedness", tuple(blocks), INTRO)


def _scored(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[scores["scorer"] == GROUNDED].dropna(subset=["value"])


def _at_report_time(texts: pd.DataFrame) -> pd.DataFrame:
    """The scorer's values of some rows, in the form of the frame of scores."""
    rows = shuffled(texts[texts["passage"].map(text) != ""], MOST_ROWS)
    values = asyncio.run(_values_of(records(rows)))
    frame = rows[["example_id", "generator", "document_id"]].assign(value=pd.array(values, dtype="Float64"))
    return frame.dropna(subset=["value"])


async def _values_of(rows: Sequence[dict[str, Any]]) -> list[float | None]:
    scorer = registry.load("scorers", GROUNDED)()
    found = [await scorer.score(item_of(row), _no_model) for row in rows]
    return [one.value if isinstance(one, registry.Scored) else None for one in found]


async def _no_model(*_: object, **__: object) -> Any:
    raise ModelConfigError("a report asks no model", kind="unsupported-task", where=GROUNDED)


def _values(found: pd.DataFrame) -> list[Block]:
    if found.empty:
        return []
    values, documents = found["value"].astype(float), [text(one) for one in found["document_id"]]
    items = (
        Figure.mean("Mean groundedness", list(values), documents),
        Figure.clustered_share(
            f"Rows at {WELL_GROUNDED} and above", list(values >= WELL_GROUNDED), documents
        ),
        Figure.clustered_share(f"Rows below {POOR}", list(values < POOR), documents),
    )
    lines = [
        (name, len(part), *_of(part["value"].astype(float), [text(one) for one in part["document_id"]]))
        for (name,), part in groups(found, "generator")
    ]
    columns = ("generator", "n", "mean (95 % interval)", f"below {POOR}")
    drawn = [(str(line[0]), "", line[2]) for line in lines]
    told = "; ".join(f"{name}: {float(figure.value or 0):.3f}" for name, _, figure in drawn)
    return [
        Figures(items),
        ChartBlock("Mean groundedness by generator", charts.intervals(drawn, "mean groundedness"), told),
        Table(columns, tuple(lines), "By generator", numeric=(1, 2, 3)),
    ]


def _of(values: pd.Series, documents: list[str]) -> tuple[Figure, Figure]:
    mean = Figure.mean("", list(values), documents)
    return mean, Figure.clustered_share("", list(values < POOR), documents)


def _evidence(texts: pd.DataFrame) -> list[Block]:
    """Rows that name evidence, and of these the ones whose every span is found."""
    if texts.empty:
        return []
    spans, found = texts["spans"].astype(int), texts["spans_found"].astype(int)
    named = texts[spans > 0]
    documents = [text(one) for one in texts["document_id"]]
    whole = list((spans == found)[spans > 0])
    items = (
        Figure.clustered_share("Rows that name evidence", list(spans > 0), documents, "accepted rows"),
        Figure.clustered_share(
            "All of it found in the source",
            whole,
            [text(one) for one in named["document_id"]],
            "rows with evidence",
        ),
    )
    return [Figures(items)]
