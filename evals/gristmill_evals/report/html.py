"""The report as one HTML file that needs nothing else: no network, no script library, no font."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gristmill_evals.report import numbers
from gristmill_evals.report.blocks import Samples, Section
from gristmill_evals.report.svg import svg

STATUS_TONES = {"accepted": "good", "rejected": "bad", "failed": "bad"}


def html(title: str, sections: Sequence[Section], kind: str = "dataset report") -> str:
    """The whole page; everything that comes from data is escaped by the template engine."""
    script = _resource("report.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            kind=kind,
            sections=sections,
            filters=_filters(sections),
            style=Markup(_resource("report.css")),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gristmill_evals.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        cell=numbers.cell,
        interval=numbers.interval,
        small_print=numbers.small_print,
        marked=marked,
        svg=_safe_svg,
    )
    environment.globals.update(written=numbers.written, tones=STATUS_TONES)
    environment.tests["block"] = lambda value, name: type(value).__name__ == name
    return environment


@cache
def _resource(name: str) -> str:
    return (files("gristmill_evals.report") / "templates" / name).read_text(encoding="utf-8")


def marked(text: str, span: tuple[int, int]) -> Markup:
    """``text`` escaped, with the characters of ``span`` in a ``<mark>``."""
    start, end = span
    return Markup("{}<mark>{}</mark>{}").format(text[:start], text[start:end], text[end:])


def _safe_svg(chart: Any, name: str) -> Markup:
    return Markup(svg(chart, name))  # noqa: S704 - texts inside were escaped by the drawing library


def _filters(sections: Sequence[Section]) -> dict[str, list[str]]:
    """What the samples can be filtered by: each field with its values."""
    items = [
        item for s in sections for block in s.blocks if isinstance(block, Samples) for item in block.items
    ]
    fields = ("status", "kind", "generator", "reason")
    values = {name: sorted({getattr(item, name) for item in items} - {""}) for name in fields}
    return {name: found for name, found in values.items() if len(found) > 1 or (name == "reason" and found)}
