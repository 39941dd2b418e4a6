"""Documents and their chunks, read once, kept on disk until they are walked: memory stays flat."""

from __future__ import annotations

import contextlib
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

import orjson

from gristmill.errors import StoreError
from gristmill.pipeline.plan import Job
from gristmill.records import Chunk, Document, to_json


@dataclass(frozen=True, slots=True)
class Spooled:
    """One line of the spool: a document and the places of its chunks."""

    document: Document
    spans: Sequence[tuple[int, int, Sequence[str]]]

    @classmethod
    def read(cls, line: bytes) -> Spooled:
        """Undo what :meth:`Spool.add` wrote."""
        fields, spans = orjson.loads(line)
        return cls(Document(**fields), spans)

    def job(self, number: int) -> Job:
        """One of its chunks."""
        start, end, path = self.spans[number]
        return Job(Chunk.make(self.document, start, end, path), self.document)


class Spool:
    """An unnamed temporary file with one document and its chunks a line; ``counts``: chunks by document."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._starts: array[Any] = array("Q")
        self._end = 0
        self.counts: array[Any] = array("L")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk: what is thrown away need not be written
            self._file.close()

    def add(self, document: Document, chunks: Sequence[Chunk]) -> None:
        """Append one document.

        Raises:
            StoreError: the temporary file cannot be written (disk full).
        """
        spans = [(chunk.start, chunk.end, chunk.heading_path) for chunk in chunks]
        row = to_json((_fields(document), spans))
        self._starts.append(self._end)
        self.counts.append(len(spans))
        try:
            self._end += self._file.write(row + b"\n")
        except OSError as error:
            raise StoreError(
                f"the documents cannot be set down in a temporary file: {error.strerror or error}",
                where=tempfile.gettempdir(),
                cure="free some disk space there, or name another folder in TMPDIR, then run again",
            ) from error

    def jobs(self) -> Iterator[Job]:
        """All chunks in the order they were added."""
        self._file.flush()
        self._file.seek(0)
        for line in self._file:
            page = Spooled.read(line)
            for number in range(len(page.spans)):
                yield page.job(number)

    def document(self, number: int) -> Spooled:
        """The document at a place, with its chunks; not while :meth:`jobs` is read."""
        self._file.seek(self._starts[number])
        return Spooled.read(self._file.readline())


def _fields(document: Document) -> dict[str, Any]:
    # Not asdict, which copies everything; not the record itself, of which the encoder could mend no value.
    names = ("id", "uri", "text", "media_type", "metadata")
    return {name: getattr(document, name) for name in names}
