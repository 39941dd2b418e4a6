"""Audit of preference pairs: what a reward model could learn instead of quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from gristmill_evals.report.blocks import Block, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, parsed, text
from gristmill_evals.report.sections import preferences, verdicts
from gristmill_evals.report.sections.preferences import NEAR_IDENTICAL

BIAS_FREE = 0.5


def audit(frames: Frames) -> Section:
    """Length bias, margins and near-identical pairs."""
    rows, samples = frames["rows"], frames["samples"]
    total = int((rows["kind"] == "preference").sum())
    if not total:
        return Section("pairs", "Preference pairs", (Note("This dataset has no preference pairs."),))
    sampled = samples[samples["kind"] == "preference"].dropna(subset=["chosen", "rejected"])
    sources = dict(zip(rows["example_id"], rows["document_id"], strict=True))
    documents = [text(sources.get(key)) or text(key) for key in sampled["example_id"]]
    items = [
        Figure.counted("Preference pairs", total),
        *_length_bias(rows, sampled, documents),
        *_margin(rows),
    ]
    pairs = preferences.pairs_of(frames["texts"])
    items += [preferences.near_identical(pairs), verdicts.swap_agreement(frames["verdicts"])]
    blocks: list[Block] = [Figures(tuple(items)), *_verdict(items[1])]
    if {"chosen_chars", "rejected_chars"} <= set(rows.columns):
        known = rows[rows["kind"] == "preference"].dropna(subset=["chosen_chars", "rejected_chars"])
        blocks += preferences.length_chart(known)
    blocks += [*preferences.style(pairs), *_by_contrast(rows, sampled)]
    if {"margin", "contrast"} <= set(rows.columns):
        blocks += preferences.margins(rows[rows["kind"] == "preference"])
    intro = (
        f"Near-identical: the two responses share {100 * NEAR_IDENTICAL:.0f} % of their characters or more. "
        "A pair set in which the chosen response is mostly the longer one teaches length. How judges of "
        "pairs held in both orders is told in full under judge health."
    )
    return Section("pairs", "Preference pairs", tuple(blocks), intro)


def _length_bias(rows: pd.DataFrame, sampled: pd.DataFrame, documents: Sequence[str]) -> list[Figure]:
    """From all pairs when their lengths are at hand, else from the sampled ones."""
    label = "Chosen is the longer response"
    if {"chosen_chars", "rejected_chars"} <= set(rows.columns):
        known = rows[rows["kind"] == "preference"].dropna(subset=["chosen_chars", "rejected_chars"])
        longer, ours, of = (
            known["chosen_chars"] > known["rejected_chars"],
            list(known["document_id"]),
            "pairs",
        )
        ratio = known["chosen_chars"].clip(lower=1) / known["rejected_chars"].clip(lower=1)
    else:
        chosen, rejected = sampled["chosen"].str.len(), sampled["rejected"].str.len()
        longer, ours, of = chosen > rejected, list(documents), "sampled pairs"
        ratio = chosen.clip(lower=1) / rejected.clip(lower=1)
    differ = [bool(one != 1) for one in ratio]  # of equal lengths neither is the longer one
    flags = [bool(flag) for flag, unequal in zip(longer, differ, strict=True) if unequal]
    sources = [one for one, unequal in zip(ours, differ, strict=True) if unequal]
    return [
        Figure.clustered_share(label, flags, sources, f"{of} of unequal length"),
        _ratio(list(ratio.astype(float)), ours, of),
    ]


def _ratio(ratios: list[float], clusters: list[str], of: str) -> Figure:
    """The geometric mean: of twice and half as long it is 1, where the ordinary one would be 1.25."""
    found = Figure.mean(
        "Length of chosen over rejected", [math.log(r) for r in ratios], clusters, "number", of
    )
    value, low, high = (
        math.exp(one) if isinstance(one, float) else None for one in (found.value, found.low, found.high)
    )
    note = f"geometric mean, {found.note}"
    return replace(found, value=value, unit="ratio", low=low, high=high, note=note)


def _margin(rows: pd.DataFrame) -> list[Figure]:
    label = "Mean margin of the judge, in points of 10"
    if "margin" not in rows.columns:
        return [Figure(label, None, "points", note="margins are not among the figures of this store")]
    known = rows[rows["kind"] == "preference"].dropna(subset=["margin"])
    return [
        Figure.mean(label, list(known["margin"].astype(float)), list(known["document_id"]), "points", "pairs")
    ]


def _verdict(bias: Figure) -> list[Block]:
    if bias.low is None or bias.high is None:
        return [Note("Too few pairs or sources to say whether length is a giveaway.")]
    if bias.low <= BIAS_FREE <= bias.high:
        return [Note("The interval holds 50 %: no length bias can be shown with this many pairs.")]
    direction = "longer" if bias.low > BIAS_FREE else "shorter"
    return [
        Note(f"Length gives the answer away: the chosen response is mostly the {direction} one.", "warning")
    ]


def _by_contrast(rows: pd.DataFrame, sampled: pd.DataFrame) -> list[Block]:
    """Length bias for each fault or strategy; from all pairs when the store tells them."""
    if {"contrast", "chosen_chars", "rejected_chars"} <= set(rows.columns):
        pairs = rows[rows["kind"] == "preference"].dropna(subset=["chosen_chars", "rejected_chars"])
        unequal = pairs[pairs["chosen_chars"] != pairs["rejected_chars"]]
        longer = unequal["chosen_chars"] > unequal["rejected_chars"]
        return [_lengths_by(unequal, "contrast", longer, "pairs of unequal length")]
    unequal = sampled[sampled["chosen"].str.len() != sampled["rejected"].str.len()]
    longer = unequal["chosen"].str.len() > unequal["rejected"].str.len()
    return [_lengths_by(unequal, "type", longer, "sampled pairs of unequal length")]


def _lengths_by(pairs: pd.DataFrame, column: str, longer: pd.Series[bool], of: str) -> Table:
    lines = []
    for (name,), part in groups(pairs.assign(longer=longer), column):
        count = int(part["longer"].sum())
        lines.append((name or "not stated", len(part), Figure.share("", count, len(part))))
    return Table(("fault or strategy", of, "chosen longer (95 % interval)"), tuple(lines), numeric=(1, 2))


def quotes(evidence: object) -> list[str]:
    """The quotes of an evidence column."""
    return [
        text(item.get("quote"))
        for item in parsed(evidence) or []
        if isinstance(item, dict) and item.get("quote")
    ]
