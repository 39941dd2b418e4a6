"""Markdown, reStructuredText, plain text and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill.registry import Reader
from gristmill_data.readers.decoding import read_text
from gristmill_data.readers.documents import make_document
from gristmill_data.readers.markdown import clean_markdown


class TextReader(Reader):
    """Markdown, reStructuredText and plain text; a JSON file is one document, indented."""

    suffixes: ClassVar[tuple[str, ...]] = (".md", ".markdown", ".mdx", ".txt", ".text", ".rst", ".json")

    def read(self, path: Path, uri: str) -> Iterator[Document]:
        """One document a file."""
        text = read_text(path)
        suffix = path.suffix.lower()
        if suffix == ".json":
            yield make_document(uri, _json_text(text), "application/json", {"title": path.stem})
        elif suffix == ".rst":
            from gristmill_data.readers.rst import rst_to_markdown

            yield make_document(uri, rst_to_markdown(text), "text/x-rst")
        elif suffix in {".txt", ".text"}:
            yield make_document(uri, text.strip("\n") + "\n", "text/plain")
        else:
            cleaned, metadata = clean_markdown(text)
            yield make_document(uri, cleaned, "text/markdown", metadata)


def _json_text(text: str) -> str:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ReadError("broken", f"not JSON: {error}") from error
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"
