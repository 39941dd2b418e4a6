"""Jupyter notebooks: markdown cells as text, code cells fenced, text outputs kept short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill.registry import Reader
from gristmill_data.readers.decoding import read_text
from gristmill_data.readers.documents import make_document
from gristmill_data.readers.markdown import clean_markdown

MAX_OUTPUT_LINES = 40
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class NotebookReader(Reader):
    """Jupyter notebooks: prose, code in the notebook's language, and what the code printed."""

    suffixes: ClassVar[tuple[str, ...]] = (".ipynb",)

    def read(self, path: Path, uri: str) -> Iterator[Document]:
        """One document a notebook."""
        try:
            notebook = json.loads(read_text(path))
            cells = notebook["cells"]
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise ReadError("broken", f"not a notebook of version 4: {error!r}") from error
        about = notebook.get("metadata") or {}
        language = (about.get("language_info") or {}).get("name") or "python"
        parts = [part for cell in cells for part in _cell(cell, language)]
        metadata = {"title": about.get("title"), "code_language": language}
        yield make_document(
            uri, "\n\n".join(parts) + "\n" if parts else "", "application/x-ipynb+json", metadata
        )


def _cell(cell: Mapping[str, Any], language: str) -> Iterator[str]:
    source = _joined(cell.get("source")).strip("\n")
    kind = cell.get("cell_type")
    if not source.strip():
        return
    if kind == "markdown":
        if text := clean_markdown(source)[0].strip():
            yield text
    elif kind == "code":
        yield _fenced(source, language)
        printed = "".join(_output(output) for output in cell.get("outputs") or [])
        if printed.strip():
            yield "Output:\n\n" + _fenced(_shortened(printed.strip("\n")), "text")
    else:
        yield source


def _output(output: Mapping[str, Any]) -> str:
    """The text of an output; pictures and widgets have none."""
    if output.get("output_type") == "error":
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}\n"
    data = output.get("data") or {}
    text = _joined(output.get("text") if "text" in output else data.get("text/plain"))
    return _ANSI.sub("", text).rstrip("\n") + "\n" if text else ""


def _joined(source: Any) -> str:
    return "".join(source) if isinstance(source, list) else str(source or "")


def _shortened(text: str) -> str:
    lines = text.split("\n")
    return text if len(lines) <= MAX_OUTPUT_LINES else "\n".join([*lines[:MAX_OUTPUT_LINES], "…"])


def _fenced(code: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{code}\n{marks}"
