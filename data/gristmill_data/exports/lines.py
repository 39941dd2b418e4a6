"""What all exports share: rows that do not fit are counted by reason, files appear whole or not at all."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import orjson
from pydantic import PrivateAttr

from gristmill.errors import StoreError
from gristmill.registry import Export, ExportRow


class Skip(Exception):  # noqa: N818 - not an error: a row that the format cannot hold
    """Raised by ``encode`` for a row the format cannot hold; its text is the reason that is counted."""


class CountingExport(Export):
    """An export that tells, after :meth:`write`, which rows it left out and why."""

    _skipped: Counter[str] = PrivateAttr(default_factory=Counter)

    @property
    def skipped(self) -> dict[str, int]:
        """Rows the last :meth:`write` left out, by reason."""
        return dict(self._skipped)

    @abstractmethod
    def encode(self, row: ExportRow) -> dict[str, Any]:
        """One row in this format.

        Raises:
            Skip: the format cannot hold it.
        """

    def dressed(self, data: dict[str, Any], row: ExportRow) -> dict[str, Any]:
        """The encoded row with what is added to every row of this export."""
        return data

    def encoded(self, rows: Iterable[ExportRow]) -> Iterator[dict[str, Any]]:
        """All rows the format can hold; the others are counted."""
        self._skipped.clear()
        for row in rows:
            try:
                if row.example.kind not in self.kinds:
                    raise Skip(f"kind {row.example.kind}")
                yield self.dressed(self.encode(row), row)
            except Skip as reason:
                self._skipped[str(reason)] += 1


class LinesExport(CountingExport):
    """JSON lines in UTF-8. ``lineage`` adds id, sources, scores and status of each row as ``metadata``."""

    lineage: bool = True

    def dressed(self, data: dict[str, Any], row: ExportRow) -> dict[str, Any]:
        """``data`` with the lineage of ``row`` if that is wanted."""
        return {**data, "metadata": lineage(row)} if self.lineage else data

    def write(self, rows: Iterable[ExportRow], path: Path) -> int:
        """Write all rows that fit to ``path``; see :attr:`skipped` for the others."""
        written = 0
        with whole_file(path) as stream:
            for data in self.encoded(rows):
                stream.write(orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE))
                written += 1
        return written


def lineage(row: ExportRow) -> dict[str, Any]:
    """Where a row comes from. Every row has the same keys and types, so that loaders infer one schema."""
    example = row.example
    return {
        "id": example.id,
        "kind": example.kind,
        "status": row.status,
        "generator": example.generator.name,
        "generator_version": example.generator.version,
        "models": list(row.models),
        "sources": list(row.sources),
        "chunk_ids": list(example.chunk_ids),
        "scores": [{"scorer": name, "value": value} for name, value in sorted(row.scores.items())],
    }


def instruction_turns(row: ExportRow) -> tuple[str, str, str]:
    """System prompt (may be empty), question and answer of a row of one exchange.

    Raises:
        Skip: it has another form.
    """
    turns = [(message["role"], message["content"]) for message in row.example.messages]
    system = turns.pop(0)[1] if turns and turns[0][0] == "system" else ""
    if [role for role, _ in turns] != ["user", "assistant"]:
        raise Skip("several turns")
    return system, turns[0][1], turns[1][1]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A stream to a temporary file beside ``path`` that becomes ``path`` only if nothing fails.

    Raises:
        StoreError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
        temporary.replace(path)
    except OSError as error:
        cure = "choose a folder that exists and is writable, and see that the disk is not full"
        message = f"cannot write the export: {error.strerror or error}"
        raise StoreError(message, where=str(path), cure=cure) from error
    finally:
        temporary.unlink(missing_ok=True)
