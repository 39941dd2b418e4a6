"""Rows to read: a sample of every status, kind and generator."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gristmill.records import OTHER_KIND
from gristmill_evals.report.blocks import Note, Sample, Samples, Section
from gristmill_evals.report.frames import Frames, parsed, records, text
from gristmill_evals.report.sections.pairs import quotes

LONGEST, SHORTEST = 4000, 250
MOST_QUOTES = 4
BUDGET = 2_500_000
"""Bytes of sample text in the page, so that the whole of it stays under 5 MB."""


def samples(frames: Frames) -> Section:
    """The sampled rows with evidence, source and scores."""
    frame = frames["samples"]
    if frame.empty:
        return Section("samples", "Samples", (Note("There are no rows to show."),))
    rows = records(frame)
    items = _within_budget(rows)
    intro = (
        f"{len(items)} rows, drawn evenly over status, kind and generator: not in the dataset's proportions."
    )
    return Section("samples", "Samples", (Samples(items),), intro)


def _within_budget(rows: Sequence[Mapping[str, Any]]) -> tuple[Sample, ...]:
    """All rows, their long texts cut so far that together they stay under :data:`BUDGET` bytes."""
    limit = LONGEST
    while True:
        items = tuple(_sample(row, limit) for row in rows)
        if limit <= SHORTEST or sum(_size(item) for item in items) <= BUDGET:
            return items
        limit //= 2


def _size(item: Sample) -> int:
    texts = [*(text for _, text in item.parts), *item.quotes]
    return sum(len(html.escape(text).encode("utf-8", "replace")) for text in texts)


def _sample(row: Mapping[str, Any], limit: int) -> Sample:
    names = [("Instruction", "instruction"), ("Response", "response")]
    if text(row["kind"]) == "preference":
        names = [("Prompt", "instruction"), ("Chosen", "chosen"), ("Rejected", "rejected")]
    parts = tuple((title, _cut(text(row[name]), limit)) for title, name in names if text(row[name]))
    return Sample(
        id=text(row["example_id"]),
        kind=text(row["kind"]),
        status=text(row["status"]),
        generator=text(row["generator"]),
        reason=text(row["reason"]),
        parts=parts,
        quotes=tuple(_cut(quote, limit) for quote in quotes(row["evidence"])[:MOST_QUOTES]),
        source=_source(row),
        scores=tuple(_scores(parsed(row["scores"]))),
        type=text(row["type"]),
    )


def _source(row: Mapping[str, Any]) -> str:
    path = row["heading_path"]
    headings = parsed(path) if isinstance(path, str) and path.startswith("[") else path
    names = [headings] if isinstance(headings, str) else [*headings] if isinstance(headings, Iterable) else []
    return " › ".join(text(name) for name in [row["uri"], *names] if text(name))


def _scores(value: Any) -> list[tuple[str, str]]:
    """Scores as the store gives them: a mapping of scorer to number or to its score record."""
    if isinstance(value, list):
        pairs = [(text(one.get("scorer")), one) for one in value]
    else:
        pairs = list((value or {}).items())
    return [(name, _number(one)) for name, one in pairs]


def _number(score: Any) -> str:
    record = score if isinstance(score, dict) else {"value": score}
    if record.get("value") is None:
        return "not applicable" if record.get("unscored_reason") == OTHER_KIND else "unscored"
    return f"{float(record['value']):.2f}"


def _cut(value: str, limit: int) -> str:
    return value if len(value) <= limit else f"{value[:limit]} … ({len(value) - limit:,} more characters)"
