"""The dataset report: one offline HTML file, with JSON and Markdown twins made of the same blocks."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gristmill.errors import UsageError
from gristmill_evals.report.blocks import Block, ChartBlock, Section
from gristmill_evals.report.frames import checked

__all__ = ["Report", "build_report", "write_report"]


@dataclass(frozen=True, slots=True)
class Report:
    """A title and sections, and three ways of writing them down."""

    title: str
    sections: tuple[Section, ...]
    kind: str = "dataset report"

    def html(self) -> str:
        """One page that needs no network, no other file and no script to be read."""
        from gristmill_evals.report.html import html

        return html(self.title, self.sections, self.kind)

    def markdown(self) -> str:
        """The same without charts, which are told in words."""
        from gristmill_evals.report.markdown import markdown

        return markdown(self.title, self.sections)

    def json(self) -> dict[str, Any]:
        """``title`` and ``sections`` (id, title, intro, blocks with their ``type``); charts as Vega-Lite."""
        sections = [
            {"id": s.id, "title": s.title, "intro": s.intro, "blocks": [_plain(block) for block in s.blocks]}
            for s in self.sections
        ]
        return {"title": self.title, "sections": sections}


def build_report(frames: Mapping[str, pd.DataFrame], *, title: str) -> Report:
    """Draw up the report from the frames of the store (:data:`gristmill_evals.report.frames.COLUMNS`).

    Raises:
        UsageError: a frame lacks a column.
    """
    from gristmill_evals.report.sections import SECTIONS
    from gristmill_evals.report.sections.overview import with_headlines

    full = checked(frames)
    return Report(title, with_headlines(tuple(section(full) for section in SECTIONS)))


def write_report(frames: Mapping[str, pd.DataFrame], out: Path, title: str) -> tuple[Path, Path, Path]:
    """Write ``out`` (HTML) and its ``.json`` and ``.md`` twins, each under a temporary name first.

    Returns:
        The three paths: HTML, JSON, Markdown.
    """
    if out.suffix.lower() in {".json", ".md"}:
        raise UsageError(
            "the report itself is HTML", where=str(out), cure="name it .html; twins are written beside it"
        )
    report = build_report(frames, title=title)
    twins = out.with_suffix(".json"), out.with_suffix(".md")
    data = json.dumps(report.json(), ensure_ascii=False, indent=1, allow_nan=False)
    for path, content in zip((out, *twins), (report.html(), data, report.markdown()), strict=True):
        write_whole(path, content)
    return out, *twins


def _plain(block: Block) -> dict[str, Any]:
    if isinstance(block, ChartBlock):
        spec = block.chart.to_dict()
        return {
            "type": "ChartBlock",
            "title": block.title,
            "description": block.description,
            "vega_lite": spec,
        }
    return {"type": type(block).__name__, **dataclasses.asdict(block)}


def write_whole(path: Path, content: str) -> None:
    """Write ``path`` under a temporary name first: it is there whole, or as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
