"""Documents and their chunks, read once, kept on disk until they are walked: memory stays flat."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import IO, Self

import orjson

from gristmill.pipeline.plan import Job
from gristmill.records import Chunk, Document, to_json


class Spool:
    """An unnamed temporary file with one document and its chunks a line."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, document: Document, chunks: Sequence[Chunk]) -> None:
        """Append one document."""
        spans = [(chunk.start, chunk.end, chunk.heading_path) for chunk in chunks]
        row = to_json((asdict(document), spans))
        self._file.write(row + b"\n")

    def jobs(self) -> Iterator[Job]:
        """All chunks in the order they were added."""
        self._file.flush()
        self._file.seek(0)
        for line in self._file:
            fields, spans = orjson.loads(line)
            document = Document(**fields)
            for start, end, path in spans:
                yield Job(Chunk.make(document, start, end, path), document)
