"""Reading and chunking: every file found is read or becomes a failure row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gristmill.pipeline.ids import Ids
from gristmill.pipeline.spool import Spool
from gristmill.pipeline.tally import Tally
from gristmill.recipe import Loaded
from gristmill.records import Chunk, Document, FileFailure, clean
from gristmill_data.store.places import exports_folder, own_files


@dataclass(slots=True)
class Scan:
    """What reading found, beyond the tally. ``chars`` counts the text of all planned chunks.

    Once ``stopped`` says so the rest is not read, and :meth:`run` returns False.
    """

    spool: Spool
    tally: Tally
    on_record: Callable[[Chunk | FileFailure], None]
    on_document: Callable[[Document], None]
    limit: int | None = None
    stopped: Callable[[], object] = bool
    chars: int = 0
    files_with_failures: dict[str, str] = field(default_factory=dict)
    seen: Ids = field(default_factory=Ids)

    def run(self, loaded: Loaded) -> bool:
        """Read all sources of a recipe, at most ``limit`` chunks; False when it was stopped before the end.

        Raises:
            UsageError: a pattern of the recipe matches nothing.
        """
        from gristmill_data.readers import expand_sources, read_file, source_uri

        own = own_files(loaded.store) | {exports_folder(loaded.store)}
        found = expand_sources(loaded.recipe.documents, loaded.root)
        # A folder of documents may hold the store: what a run wrote is nothing that it was asked to read.
        files = [path for path in found if own.isdisjoint((path, *path.parents))]
        self.tally.files = len(files)
        done = 0
        for path in files:
            uri = source_uri(path, loaded.root)
            self.seen.clear()
            for item in read_file(path, uri):
                if self.stopped():
                    break
                if isinstance(item, FileFailure):
                    self._failure(item, of_file=item.uri == uri)
                else:
                    self._document(loaded, item, uri)
            if self.stopped():
                break
            done += 1
        self._files(done)
        return done == len(files)

    def _failure(self, failure: FileFailure, *, of_file: bool) -> None:
        self.on_record(failure)
        if of_file:
            self.files_with_failures[failure.uri] = failure.reason
        else:
            self.tally.rows_unread[failure.reason] += 1

    def _document(self, loaded: Loaded, document: Document, file_uri: str) -> None:
        from gristmill_data.chunking import chunk_document

        of_file = document.uri == clean(file_uri)
        if not self.seen.add(document.id):
            detail = "the same id and text as an earlier row"
            self._failure(FileFailure(document.uri, "repeated-row", detail), of_file=of_file)
            return
        settings = loaded.recipe.chunking
        chunks = chunk_document(
            document,
            max_chars=settings.max_chars,
            overlap_chars=settings.overlap_chars,
            respect_headings=settings.respect_headings,
        )
        if not chunks:
            failure = FileFailure(document.uri, "no-text", "nothing to cut into chunks")
            self._failure(failure, of_file=of_file)
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

    def _files(self, done: int) -> None:
        """A file counts as read unless it failed as a whole (rows that failed are counted apart)."""
        self.tally.files_failed.update(self.files_with_failures.values())
        self.tally.files_read = done - len(self.files_with_failures)
        self.tally.files_pending = self.tally.files - done
