"""PDF: the text layer, page by page, put back into paragraphs and headings.

kreuzberg gives two views of a page: lines as they stand on it, and markdown in which font sizes made
headings, but forms and tables were poured into paragraphs. The lines are the text here; from the markdown
only those headings are taken that are one whole line and read like one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill.registry import Reader
from gristmill_data.readers.convert import extract_file, known, tidy
from gristmill_data.readers.decoding import normalized, read_bytes
from gristmill_data.readers.documents import make_document
from gristmill_data.readers.layout import marked_headings, rebuild

_PAGE_MARK = "\n\f\n"


class PdfReader(Reader):
    """PDF with a text layer: paragraphs rebuilt, headings found, running titles and page numbers gone."""

    suffixes: ClassVar[tuple[str, ...]] = (".pdf",)

    def read(self, path: Path, uri: str) -> Iterator[Document]:
        """One document a file; a scanned one (no text layer) is refused, there is no OCR."""
        if b"%PDF-" not in read_bytes(path)[:1024]:
            raise ReadError("broken", "not a PDF file (no PDF header)")
        pages = _pages(path)
        styled = extract_file(path)
        if not any(page.strip() for page in pages):
            count = styled.metadata.get("page_count") or len(pages) or "no"
            raise ReadError("scanned", f"{count} pages without a text layer", cure="run OCR on it first")
        text = rebuild(pages, marked_headings(tidy(styled.content)))
        yield make_document(uri, text, "application/pdf", _metadata(styled.metadata))


def _pages(path: Path) -> list[str]:
    """The lines of each page.

    The whole text, cut at page markers, has them as printed, but what was taken for a table is in it a
    second time, at the end. The page records end where the page does, but have divided words joined blindly.
    """
    from kreuzberg import PageConfig

    marked = PageConfig(extract_pages=True, insert_page_markers=True, marker_format=_PAGE_MARK)
    result = extract_file(path, "plain", pages=marked)
    records = [normalized(_page_text(page)).replace(_PAGE_MARK, "").strip() for page in result.pages or []]
    texts = [text.strip() for text in normalized(result.content).split(_PAGE_MARK)]
    texts = texts[1:] if len(texts) == len(records) + 1 and not texts[0] else texts
    if len(texts) != len(records):
        return records or texts
    return ["\n".join(t.split("\n")[: r.count("\n") + 1]) for t, r in zip(texts, records, strict=True)]


def _page_text(page: Any) -> str:
    content = page.get("content") if isinstance(page, Mapping) else page.content
    return str(content or "")


def _metadata(found: Mapping[str, Any]) -> dict[str, Any]:
    metadata = known(found, "title", "authors", "language", "created_at")
    return metadata | ({"pages": found["page_count"]} if found.get("page_count") else {})
