"""HTML tables into what a markdown table can hold: one line a cell, no spans, no tables for layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]

MAX_SPAN = 50


def flatten_tables(content: HtmlElement) -> None:
    """Rewrite every table in place: text cells, spans filled in, nested and one-cell tables unwrapped."""
    for table in list(content.iter("table")):
        if table.find(".//table") is not None or _is_layout(table):
            _unwrap(table)
        else:
            _rewrite(table)


def _is_layout(table: HtmlElement) -> bool:
    rows = list(table.iter("tr"))
    return len(rows) < 2 or all(len(list(_cells(row))) < 2 for row in rows)


def _cells(row: HtmlElement) -> Iterator[HtmlElement]:
    return (cell for cell in row if cell.tag in {"td", "th"})


def _unwrap(table: HtmlElement) -> None:
    """A table used for layout gives its cells back as blocks."""
    for element in list(table.iter("table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption")):
        element.tag = "div"


def _rewrite(table: HtmlElement) -> None:
    from lxml.html.builder import TABLE, TD, TR  # type: ignore[import-untyped]
    from lxml.html.builder import P as PARAGRAPH

    caption = table.find(".//caption")
    label = cell_text(caption) if caption is not None else ""
    grid = _grid(table)
    width = max((len(row) for row in grid), default=0)
    titles = [
        row for row in grid[:1] if len({cell for cell in row if cell}) == 1 and width > 1 and len(grid) > 2
    ]
    if titles:  # a heading cell over the whole width is a caption
        label = " ".join([label, titles[0][0]]).strip()
        grid = grid[1:]
    rows = [TR(*[TD(cell) for cell in row + [""] * (width - len(row))]) for row in grid]
    new = TABLE(*rows)
    new.tail = table.tail
    parent = table.getparent()
    if parent is None:
        return
    if label:
        parent.insert(parent.index(table), PARAGRAPH(label))
    parent.replace(table, new)


def _grid(table: HtmlElement) -> list[list[str]]:
    """Rows of cell texts; a cell that spans columns or rows is repeated in each."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> rows left, text
    for row in table.iter("tr"):
        line: list[str] = []
        for cell in _cells(row):
            _fill_hanging(line, hanging)
            text = cell_text(cell)
            for _ in range(_span(cell, "colspan")):
                if (rows := _span(cell, "rowspan")) > 1:
                    hanging[len(line)] = (rows - 1, text)
                line.append(text)
        _fill_hanging(line, hanging)
        if any(line):  # a cell over the whole width is said once
            grid.append(line[:1] + [""] * (len(line) - 1) if _is_one_cell(row, line) else line)
    return grid


def _is_one_cell(row: HtmlElement, line: list[str]) -> bool:
    return len(list(_cells(row))) == 1 and len(set(line)) == 1


def _fill_hanging(line: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    while len(line) in hanging:
        rows, text = hanging.pop(len(line))
        if rows > 1:
            hanging[len(line)] = (rows - 1, text)
        line.append(text)


def _span(cell: HtmlElement, name: str) -> int:
    value = cell.get(name) or "1"
    return min(int(value), MAX_SPAN) if value.isdigit() and int(value) > 0 else 1


def cell_text(cell: HtmlElement) -> str:
    """The text of a cell on one line; lines and list items separated by commas."""
    for element in list(cell.iter("br", "li", "p", "div")):
        if element is not cell:
            element.tail = "\n" + (element.tail or "")
            element.text = "\n" + (element.text or "")
    lines = (" ".join(part.split()) for part in cell.text_content().split("\n"))
    parts = [re.sub(r" +([,;.)])", r"\1", line) for line in lines]
    words = [part for part in parts if part]
    return _joined(words)


def _joined(parts: list[str]) -> str:
    text = ""
    for part in parts:
        glue = "" if not text else " " if text[-1] in ",;:(–-" or part[0] in ",;.)(" else ", "
        text += glue + part
    return text
