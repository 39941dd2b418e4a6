"""What a dataset is measured by: one value a row (or row asked for), with the document it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pandas as pd

from gristmill.records import OTHER_KIND
from gristmill_evals.report.blocks import Unit
from gristmill_evals.report.texts.words import blocks, words

BLOCK_WORDS = 1000
NOTHING_ASKED = "nothing-to-ask"


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure that has a value for each row. ``values`` has the columns document_id and value.

    ``higher_is_better`` is None where neither is better as such. ``left_out`` rows have no value.
    """

    name: str
    unit: Unit
    of: str
    higher_is_better: bool | None
    values: pd.DataFrame = field(repr=False)
    left_out: int = 0
    meaning: str = ""
    absent: str = ""
    """Why there are no values, where it is not that there are no such rows."""


def measures(frames: Mapping[str, pd.DataFrame]) -> Iterator[Measure]:
    """All measures of one dataset, in the order of the report."""
    yield from _funnel(frames["slots"])
    yield from _scores(frames["scores"])
    accepted = frames["rows"][frames["rows"]["status"] == "accepted"]
    yield from _texts(accepted)
    yield _contaminated(frames)
    yield _reviewed(frames["rows"])


def _funnel(slots: pd.DataFrame) -> Iterator[Measure]:
    asked = "rows asked for"
    accepted = slots["state"] == "accepted"
    told = "of all rows asked for, those that the recipe accepted"
    yield _of("accepted, of rows asked for", "share", asked, True, slots, accepted, told)
    made = slots["reason"] != NOTHING_ASKED
    told = "the same without chunks in which there was nothing (more) to ask: rows asked in vain cost little"
    yield _of(
        "accepted, of rows made or failed",
        "share",
        "rows made or failed",
        True,
        slots[made],
        accepted[made],
        told,
    )
    failed = slots["state"] == "failed"
    told = "rows that could not be made or judged, for an error"
    yield _of("failed, of rows asked for", "share", asked, False, slots, failed, told)


def _scores(scores: pd.DataFrame) -> Iterator[Measure]:
    told = "mean over all rows it scored, those that were rejected for it among them"
    for scorer, part in scores.groupby("scorer"):
        meant = part[part["unscored_reason"].fillna("") != OTHER_KIND]
        valued = meant.dropna(subset=["value"])
        name, left_out = f"score: {scorer}", len(meant) - len(valued)
        made = _of(name, "score", "scored rows", True, valued, valued["value"], told)
        yield replace(made, left_out=left_out)


def _texts(accepted: pd.DataFrame) -> Iterator[Measure]:
    for part in ("instruction", "response"):
        chars = accepted[f"{part}_chars"].astype(float)
        told = f"characters of the {part} of accepted rows"
        yield _of(f"{part} characters", "chars", "accepted rows", None, accepted, chars, told)


def openings(frames: Mapping[str, pd.DataFrame], size: int) -> Measure:
    """How many accepted rows begin as no other does, of the same number of rows in every dataset.

    The more rows, the fewer begin as no other does: so ``size`` rows are taken, by a hash of their text.
    """
    accepted = frames["rows"][frames["rows"]["status"] == "accepted"].sort_values("text").head(size)
    opening = accepted["instruction"].map(lambda text: " ".join(words(text)[:4]))
    counts = opening.map(opening.value_counts())
    told = (
        f"of {len(accepted):,} rows, as many in every dataset: those whose first four words no other of them"
        " begins with"
    )
    return _of("an opening of their own", "share", "accepted rows", None, accepted, counts == 1, told)


def word_pairs(frames: Mapping[str, pd.DataFrame]) -> Measure:
    """How varied the words of instructions are: distinct pairs in blocks of equal length."""
    accepted = frames["rows"][frames["rows"]["status"] == "accepted"].sort_values("text")
    shares = [
        len(set(pairwise(block))) / (len(block) - 1)
        for block in blocks(map(words, accepted["instruction"]), BLOCK_WORDS)
    ]
    run = "".join(frames["runs"]["run_id"].astype(str))
    rows = pd.DataFrame({"document_id": [f"{run} {n}" for n in range(len(shares))]})
    told = (
        f"of the words of accepted instructions in blocks of {BLOCK_WORDS:,}, the share of neighbouring pairs"
        " that differ; the blocks are independent samples"
    )
    of = f"blocks of {BLOCK_WORDS:,} words"
    made = _of("distinct word pairs", "score", of, None, rows, pd.Series(shares, dtype=float), told)
    return made if shares else replace(made, absent=f"fewer than {BLOCK_WORDS:,} words")


def _contaminated(frames: Mapping[str, pd.DataFrame]) -> Measure:
    rows, checked = frames["rows"], _is_checked(frames)
    hit = rows["example_id"].isin(set(frames["matches"]["example_id"]))
    told = "rows made that match an item of a benchmark that the recipe checks, accepted or not"
    kept = rows if checked else rows.head(0)
    made = _of("contaminated, of rows made", "share", "rows made", False, kept, hit[kept.index], told)
    return made if checked else replace(made, absent="not checked, the recipe has no such gate")


def _is_checked(frames: Mapping[str, pd.DataFrame]) -> bool:
    recipes = [json.loads(text) for text in frames["runs"]["recipe"].dropna()]
    gates = [gate.get("use") for recipe in recipes for gate in recipe.get("gates") or []]
    return "contamination" in gates or not frames["matches"].empty


def _reviewed(rows: pd.DataFrame) -> Measure:
    seen = rows[rows["review"].isin(["accepted", "rejected"])]
    told = "of the rows that people decided, those they accepted; which rows they saw was not drawn by chance"
    return _of("accepted by people", "share", "reviewed rows", True, seen, seen["review"] == "accepted", told)


def _of(
    name: str,
    unit: Unit,
    of: str,
    higher_is_better: bool | None,
    rows: pd.DataFrame,
    value: pd.Series,
    meaning: str,
) -> Measure:
    frame = pd.DataFrame({"document_id": rows["document_id"].astype(str), "value": value.astype(float)})
    return Measure(name, unit, of, higher_is_better, frame, meaning=meaning)
