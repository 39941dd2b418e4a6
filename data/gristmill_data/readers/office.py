"""Word, PowerPoint, Excel, OpenDocument, RTF and EPUB, through kreuzberg."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gristmill.records import Document
from gristmill.registry import Reader
from gristmill_data.readers.convert import check_office_container, extract_bytes, extract_file, known, tidy
from gristmill_data.readers.documents import make_document
from gristmill_data.readers.docx import prepared_docx

_SHEETS = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})
_ZIPPED = frozenset({".docx", ".pptx", ".xlsx", ".xlsm", ".odt", ".ods", ".epub"})
_WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_EMPTY_BULLET = re.compile(r"^[ \t]*[-*+][ \t]*$\n?", re.M)
_LONE_EMPHASIS = re.compile(r"^[ \t]*\*{2,4}[ \t]*$\n?", re.M)
_UNCLOSED = re.compile(r"^([ \t]*[-*+] )\*\*((?:(?!\*\*).)*)$", re.M)


class OfficeReader(Reader):
    """Office files and e-books: headings, lists and tables kept, pictures by their description."""

    suffixes: ClassVar[tuple[str, ...]] = (
        ".docx", ".pptx", ".xlsx", ".xlsm", ".xls", ".odt", ".ods", ".rtf", ".epub",
    )  # fmt: skip

    def read(self, path: Path, uri: str) -> Iterator[Document]:
        """One document a file; the sheets of a workbook are its sections."""
        suffix = path.suffix.lower()
        if suffix in _ZIPPED:
            check_office_container(path)
        data, title = prepared_docx(path) if suffix == ".docx" else (b"", "")
        result = extract_bytes(data, _WORD_TYPE) if data else extract_file(path)
        metadata = _metadata(result.metadata)
        if title or suffix in _SHEETS:
            metadata.setdefault("title", title or path.stem)
        yield make_document(uri, office_markdown(result.content), result.mime_type, metadata)


def office_markdown(content: str) -> str:
    """kreuzberg's markdown without empty bullets and emphasis that spans several paragraphs."""
    text = tidy(content)
    text = _UNCLOSED.sub(r"\1\2", _LONE_EMPHASIS.sub("", _EMPTY_BULLET.sub("", text)))
    return tidy(text)


def _metadata(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = known(found, "title", "authors", "language", "created_at", "modified_at")
    counts = {"pages": "page_count", "slides": "slide_count", "sheets": "sheet_names"}
    return metadata | {ours: found[theirs] for ours, theirs in counts.items() if found.get(theirs)}
