"""The report as Markdown, for pull requests and model cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gristmill_evals.report import numbers
from gristmill_evals.report.blocks import (
    Block,
    ChartBlock,
    Code,
    Figure,
    Figures,
    Note,
    Pair,
    Sample,
    Samples,
    Section,
    Table,
)  # fmt: skip
from gristmill_evals.report.browse import Browse

MOST_SAMPLES = 10


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Headings, tables and lists; charts are given in words, of the samples the first few."""
    lines = [f"# {escaped(title)}", ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        lines += [escaped(section.intro), ""] if section.intro else []
        for block in section.blocks:
            lines += [*_block(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """Text on one line that can open neither a tag nor a table cell nor a link."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for mark in "|`*_[]#":
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Figures):
        yield from _table(
            ("figure", "value", "95 % interval", "n and method"), [_figure(f) for f in block.items]
        )
    elif isinstance(block, Table):
        yield from [f"**{escaped(block.caption)}**", ""] if block.caption else []
        yield from _table(block.columns, [[numbers.cell(value) for value in row] for row in block.rows])
    elif isinstance(block, ChartBlock):
        yield f"**{escaped(block.title)}**: {escaped(block.description)}"
    elif isinstance(block, Note):
        yield escaped(block.text) if block.tone == "plain" else f"> {escaped(block.text)}"
    elif isinstance(block, Pair):
        yield from _pair(block)
    elif isinstance(block, Code):
        yield from [f"**{escaped(block.caption)}**", ""] if block.caption else []
        yield from (f"    {line}" for line in block.text.splitlines())
    elif isinstance(block, Browse):
        yield from _browse(block)
    else:
        yield from _samples(block)


def _figure(figure: Figure) -> list[str]:
    value = numbers.written(figure.value, figure.unit)
    return [figure.label, value, numbers.interval(figure) or "none", numbers.small_print(figure)]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(escaped(column) for column in columns) + " |"
    yield "|" + " --- |" * len(columns)
    for row in rows:
        yield "| " + " | ".join(escaped(value) for value in row) + " |"


def _pair(pair: Pair) -> Iterator[str]:
    yield f"**{escaped(pair.heading)}**"
    yield ""
    for title, text, (start, end) in (
        (pair.left_title, pair.left, pair.left_span),
        (pair.right_title, pair.right, pair.right_span),
    ):
        before, found, after = (escaped(part) for part in (text[:start], text[start:end], text[end:]))
        marked = f"**{found}**" if found else ""
        yield " ".join(part for part in (f"- {escaped(title)}:", before, marked, after) if part)


def _samples(block: Samples) -> Iterator[str]:
    for sample in block.items[:MOST_SAMPLES]:
        yield from _sample(sample)
    left = len(block.items) - MOST_SAMPLES
    if left > 0:
        yield f"{left} more rows are in the HTML report."


def _sample(sample: Sample) -> Iterator[str]:
    facts = " · ".join(part for part in (sample.status, sample.kind, sample.generator, sample.reason) if part)
    yield f"### {escaped(facts)}"
    yield ""
    for name, text in sample.parts:
        yield f"- {name}: {escaped(text)}"
    for quote in sample.quotes:
        yield f"- Evidence: {escaped(quote)}"
    scores = ", ".join(f"{name} {value}" for name, value in sample.scores)
    yield f"- Source: {escaped(sample.source)}" + (f"; scores: {escaped(scores)}" if scores else "")
    yield ""


def _browse(block: Browse) -> Iterator[str]:
    for item in block.items[:MOST_SAMPLES]:
        yield f"### {escaped(' · '.join(part for part in (item.badge, *item.facets, item.id) if part))}"
        yield ""
        for name, text in (*item.parts, *item.sides, *item.facts):
            yield f"- {escaped(name)}: {escaped(text)}"
        yield ""
    left = len(block.items) - MOST_SAMPLES
    if left > 0:
        yield f"{left} more {block.noun} are in the HTML report."
