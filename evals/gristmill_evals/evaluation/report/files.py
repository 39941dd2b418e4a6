"""A report as three files: HTML, and JSON and Markdown twins beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gristmill.errors import UsageError
from gristmill_evals.report import Report, write_whole


def write_files(report: Report, out: Path, data: Mapping[str, Any]) -> tuple[Path, Path, Path]:
    """Write ``out`` and its twins, each whole or not at all. ``data`` are the figures as plain values: the
    JSON begins with them, and the sections of the page follow.

    Raises:
        UsageError: ``out`` has the name of a twin.
    """
    if out.suffix.lower() in {".json", ".md"}:
        raise UsageError(
            "the page itself is HTML", where=str(out), cure="name it .html; twins are written beside it"
        )
    twins = out.with_suffix(".json"), out.with_suffix(".md")
    plain = {"title": report.title, **data, "sections": report.json()["sections"]}
    text = json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False, default=str)
    for path, content in zip((out, *twins), (report.html(), text, report.markdown()), strict=True):
        write_whole(path, content)
    return out, *twins
