"""Lengths of rows in tokens, as far as they can be told without the tokenizer of the model to be trained."""

from __future__ import annotations

import math

import pandas as pd

from gristmill.models.cost import CHARS_PER_TOKEN, TOKENS_PER_MESSAGE
from gristmill_evals.report import charts
from gristmill_evals.report.blocks import Block, ChartBlock, Figure, Figures, Note, Section, Table
from gristmill_evals.report.frames import Frames, groups, records, text

WINDOWS = (512, 1024, 2048, 4096, 8192, 16384, 32768)
PARTS = ("instruction", "response")
QUANTILES = (0.05, 0.5, 0.95, 0.99)
INTRO = (
    f"Tokens are estimated: one for every {CHARS_PER_TOKEN} characters, rounded up, as for budgets, and "
    f"{TOKENS_PER_MESSAGE} for the frame of each message in a whole row. That needs no tokenizer (which "
    "would be a download) and is good to some 20 % on English prose; code and numbers take more, scripts "
    "without spaces up to four times as many."
)


def lengths(frames: Frames) -> Section:
    """Tokens of instructions and responses by generator, of whole rows against common context lengths."""
    rows = frames["rows"]
    if rows.empty:
        return Section("lengths", "Lengths in tokens", (Note("There are no rows yet."),))
    accepted = rows[rows["status"] == "accepted"]
    long = long_form(rows)
    lines = _lines(long)
    told = "; ".join(f"{line[1]} of {line[0]}: median {line[5]} tokens" for line in lines)
    blocks: list[Block] = [
        *_totals(accepted),
        ChartBlock("Estimated tokens", charts.token_lengths(long), told),
        Table(
            ("generator", "part", "n", "mean (95 % interval)", "5 %", "median", "95 %", "99 %", "longest"),
            tuple(lines), "Estimated tokens by generator, all rows", numeric=tuple(range(2, 9)),
        ),
        *_windows(accepted),
        *_measured(frames["counted"]),
    ]  # fmt: skip
    return Section("lengths", "Lengths in tokens", tuple(blocks), INTRO)


def tokens(chars: pd.Series) -> pd.Series:
    """Estimated tokens of texts of so many characters."""
    return -(-chars.astype(float) // CHARS_PER_TOKEN)


def whole_rows(rows: pd.DataFrame) -> pd.Series:
    """Estimated tokens of each row with the frames of its messages."""
    if not {"total_chars", "turns"} <= set(rows.columns):
        both = rows["instruction_chars"].fillna(0).astype(float) + rows["response_chars"].fillna(0).astype(
            float
        )
        return tokens(both) + 2 * TOKENS_PER_MESSAGE
    return tokens(rows["total_chars"].fillna(0)) + TOKENS_PER_MESSAGE * rows["turns"].fillna(0).astype(float)


def long_form(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each part of each row: generator, document_id, part, tokens (estimated)."""
    parts = [
        rows[["generator", "document_id"]].assign(part=part, tokens=tokens(rows[f"{part}_chars"].dropna()))
        for part in PARTS
    ]
    return pd.concat(parts).dropna(subset=["tokens"])


def _lines(long: pd.DataFrame) -> list[tuple[object, ...]]:
    lines: list[tuple[object, ...]] = []
    for (generator, part), found in groups(long, "generator", "part"):
        mean = Figure.mean("", list(found["tokens"]), [text(d) for d in found["document_id"]], "tokens")
        spread = [round(float(found["tokens"].quantile(q))) for q in QUANTILES]
        lines.append((generator, part, len(found), mean, *spread, round(float(found["tokens"].max()))))
    return lines


def _totals(accepted: pd.DataFrame) -> list[Block]:
    whole, every = whole_rows(accepted), int(accepted.attrs.get("sampled", {}).get("every", 1))
    documents = [text(value) for value in accepted["document_id"]]
    note = "estimated from characters; " + (
        "all rows counted: no interval" if every == 1 else f"one row in {every} read"
    )
    total = Figure(
        "Tokens to train on, accepted rows", int(whole.sum()) * every, "tokens", len(whole), note=note
    )
    return [Figures((total, Figure.mean("Tokens a row", list(whole), documents, "tokens", "accepted rows")))]


def _windows(accepted: pd.DataFrame) -> list[Block]:
    """How many rows fit into common context lengths."""
    if accepted.empty:
        return []
    whole, documents = whole_rows(accepted), [text(value) for value in accepted["document_id"]]
    longest = float(whole.max())
    shown = [window for window in WINDOWS if window < 2 * longest] or [WINDOWS[0]]
    lines = tuple(
        (
            f"{window:,}",
            int(fits.sum()),
            Figure.clustered_share("", list(fits), documents),
            int((~fits).sum()),
        )
        for window, fits in ((window, whole <= window) for window in shown)
    )
    columns = ("context length", "rows that fit", "share (95 % interval)", "rows that would be cut")
    caption = f"Accepted rows by context length (the longest has about {longest:,.0f} tokens)"
    return [Table(columns, lines, caption, numeric=(1, 2, 3))]


def _measured(frame: pd.DataFrame) -> list[Block]:
    """Characters a token as the servers of the models counted prompts: how far off the estimate is."""
    if frame.empty:
        told = "No server has counted tokens for this dataset, so the estimate cannot be checked against one."
        return [Note(told)]
    figures = [_ratio(row) for row in records(frame)]
    note = Note(
        f"Where a model's servers count fewer than {CHARS_PER_TOKEN} characters a token, the lengths above "
        "are too low by that ratio for its tokenizer; their counts include the frames of messages."
    )
    return [Figures(tuple(figures)), note]


def _ratio(row: dict[str, object]) -> Figure:
    """Σ characters ÷ Σ tokens over prompts, with the error of a ratio of sums (linearised)."""
    n, chars, tokens_, cc, ct, tt = (
        float(str(row[name])) for name in ("n", "chars", "tokens", "cc", "ct", "tt")
    )
    ratio = chars / tokens_
    label = f"Characters a token in prompts to {text(row['model'])}"
    if n < 2:
        return Figure(label, ratio, "number", int(n), "prompts", note="one prompt only: no interval")
    error = math.sqrt(max(0.0, cc - 2 * ratio * ct + ratio * ratio * tt) * n / (n - 1)) / tokens_
    return Figure(
        label, ratio, "number", int(n), "prompts", ratio - 1.96 * error, ratio + 1.96 * error,
        "ratio of sums, linearised error",
    )  # fmt: skip
