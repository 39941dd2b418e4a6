"""Reading and chunking: every file found is read or becomes a failure row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.recipe import Loaded
from gristmill.records import Chunk, Document, FileFailure


@dataclass(slots=True)
class Scan:
    """What reading found, beyond the tally. ``chars`` counts the text of all planned chunks."""

    spool: Spool
    tally: Tally
    on_record: Callable[[Chunk | FileFailure], None]
    on_document: Callable[[Document], None]
    limit: int | None = None
    chars: int = 0
    files_with_failures: dict[str, str] = field(default_factory=dict)

    def run(self, loaded: Loaded) -> None:
        """Read all sources of a recipe, at most ``limit`` chunks.

        Raises:
            UsageError: a pattern of the recipe matches nothing.
        """
        from gristmill_data.readers import expand_sources, read_sources

        files = expand_sources(loaded.recipe.documents, loaded.root)
        self.tally.files = len(files)
        for item in read_sources(loaded.recipe.documents, loaded.root):
            if isinstance(item, FileFailure):
                self._failure(item)
            else:
                self._document(loaded, item)
        self._files(len(files))

    def _failure(self, failure: FileFailure) -> None:
        self.on_record(failure)
        if _is_row(failure.uri):
            self.tally.rows_unread[failure.reason] += 1
        else:
            self.files_with_failures[failure.uri] = failure.reason

    def _document(self, loaded: Loaded, document: Document) -> None:
        from gristmill_data.chunking import chunk_document

        settings = loaded.recipe.chunking
        chunks = chunk_document(
            document,
            max_chars=settings.max_chars,
            overlap_chars=settings.overlap_chars,
            respect_headings=settings.respect_headings,
        )
        if not chunks:
            self._failure(FileFailure(document.uri, "no-text", "nothing to cut into chunks"))
            return
        self.tally.documents += 1
        room = len(chunks) if self.limit is None else max(0, self.limit - self.tally.chunks)
        planned = chunks[:room]
        self.on_document(document)
        for chunk in planned:
            self.on_record(chunk)
        self.tally.chunks += len(planned)
        self.chars += sum(len(chunk.text) for chunk in planned)
        if planned:
            self.spool.add(document, planned)

    def _files(self, found: int) -> None:
        """A file counts as read unless it failed as a whole (rows that failed are counted apart)."""
        self.tally.files_failed.update(self.files_with_failures.values())
        self.tally.files_read = found - len(self.files_with_failures)


def _is_row(uri: str) -> bool:
    """Failures of a row are named ``file:line`` or ``file#row``."""
    return "#" in uri or uri.rpartition(":")[2].isdigit()
