"""Rows: jsonl, csv, tsv and parquet, read lazily, each row a document of its own.

A csv or parquet file without a column of texts is a table to be read: one document (for long tables one
for every few hundred rows) with a markdown table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar, TextIO

from gristmill.errors import ReadError
from gristmill.records import Document, FileFailure
from gristmill.registry import Reader
from gristmill_data.readers.decoding import detect_encoding, normalized
from gristmill_data.readers.documents import make_document

TABLE_ROWS = 500
_SAMPLE = 1024 * 1024
_MAX_FIELD = 16 * 1024 * 1024

Row = Mapping[str, Any]


class RowsReader(Reader):
    """Rows with ``id`` and ``text`` (jsonl, csv, tsv, parquet); a csv without texts is read as a table."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
    text_column: str = "text"
    id_column: str = "id"

    def read(self, path: Path, uri: str) -> Iterator[Document | FileFailure]:
        """A document for each row; a row that cannot be read is a failure at ``file:line``."""
        suffix = path.suffix.lower()
        if path.stat().st_size == 0:
            raise ReadError("empty", "the file has no content")
        if suffix in {".jsonl", ".ndjson"}:
            yield from self.numbered(uri, _json_lines(path, uri))
        elif suffix == ".parquet":
            yield from self.parquet(path, uri)
        else:
            yield from self.delimited(path, uri)

    def parquet(self, path: Path, uri: str) -> Iterator[Document | FileFailure]:
        """Batch by batch, so that memory stays flat."""
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(path)
        except Exception as error:  # pyarrow raises half a dozen kinds for a damaged file
            raise ReadError("broken", f"not a parquet file: {error}") from error
        with file:
            names = list(file.schema_arrow.names)
            rows = (row for batch in file.iter_batches(batch_size=256) for row in batch.to_pylist())
            if self.text_column in names:
                yield from self.numbered(uri, enumerate(rows, start=1))
            else:
                values = ([row[name] for name in names] for row in rows)
                yield from _tables(uri, path.stem, names, values, "application/vnd.apache.parquet")

    def delimited(self, path: Path, uri: str) -> Iterator[Document | FileFailure]:
        """csv and tsv: the dialect is guessed from the beginning."""
        encoding = _encoding(path)
        try:
            with path.open(encoding=encoding, newline="") as file:
                yield from self._delimited(file, uri, path)
        except UnicodeDecodeError as error:
            raise ReadError("undecodable", f"not {encoding} throughout: {error.reason}") from error
        except csv.Error as error:
            raise ReadError("broken", f"not a table: {error}") from error

    def _delimited(self, file: TextIO, uri: str, path: Path) -> Iterator[Document | FileFailure]:
        csv.field_size_limit(_MAX_FIELD)
        reader = csv.reader(file, _dialect(file, path), strict=False)
        header = [name.strip() for name in next(reader, [])]
        if self.text_column not in header:
            filled = (row for row in reader if any(cell.strip() for cell in row))
            yield from _tables(uri, path.stem, header, filled, "text/csv")
            return
        yield from self.numbered(uri, _csv_rows(reader, header, uri))

    def numbered(
        self, uri: str, rows: Iterable[tuple[int, Row] | FileFailure]
    ) -> Iterator[Document | FileFailure]:
        """Documents of rows that come with their line (or row) number."""
        empty = True
        for row in rows:
            empty = False
            yield row if isinstance(row, FileFailure) else self.document(uri, *row)
        if empty:
            raise ReadError("empty", "the file has no rows")

    def document(self, uri: str, number: int, row: Row) -> Document | FileFailure:
        """One row: its text, and every other plain column as metadata."""
        text = row.get(self.text_column)
        if not isinstance(text, str):
            detail = f"the row has no string {self.text_column!r}"
            return FileFailure(f"{uri}:{number}", "no-text", detail)
        key = row.get(self.id_column)
        name = f"row-{number}" if key in (None, "") else str(key)
        left = (self.text_column, self.id_column)
        metadata = {k: v for k, v in row.items() if k not in left and isinstance(v, (str, int, float, bool))}
        try:
            return make_document(f"{uri}#{name}", normalized(text), "text/plain", metadata)
        except ReadError as error:
            return FileFailure(f"{uri}:{number}", error.reason, error.message)


def _json_lines(path: Path, uri: str) -> Iterator[tuple[int, Row] | FileFailure]:
    encoding = _encoding(path)
    separator = "\n".encode(encoding.replace("utf-8-sig", "utf-8"))
    if separator != b"\n":
        raise ReadError("undecodable", f"{encoding} jsonl is not supported", cure="save the file as UTF-8")
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode(encoding))
            except (ValueError, RecursionError) as error:  # also a UnicodeDecodeError
                yield FileFailure(f"{uri}:{number}", "malformed-row", str(error))
                continue
            is_row = isinstance(row, dict)
            yield (
                (number, row) if is_row else FileFailure(f"{uri}:{number}", "malformed-row", "not an object")
            )


def _csv_rows(reader: Any, header: Sequence[str], uri: str) -> Iterator[tuple[int, Row] | FileFailure]:
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(header):
            detail = f"{len(row)} cells under {len(header)} columns"
            yield FileFailure(f"{uri}:{reader.line_num}", "malformed-row", detail)
        else:
            yield reader.line_num, dict(zip(header, row, strict=False))


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return detect_encoding(file.read(_SAMPLE))


def _dialect(file: TextIO, path: Path) -> type[csv.Dialect]:
    if path.suffix.lower() == ".tsv":
        return csv.excel_tab
    sample = file.read(16_384)
    file.seek(0)
    first = sample.split("\n", 1)[0]
    # the sniffer takes letters for delimiters in short files: it only decides between real ones
    delimiter = max(",;\t|", key=first.count) if any(mark in first for mark in ",;\t|") else ","
    return type("_Guessed", (csv.excel,), {"delimiter": delimiter})


def _tables(
    uri: str, title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], media_type: str
) -> Iterator[Document]:
    """One document for every ``TABLE_ROWS`` rows, so that a long table does not have to fit into memory."""
    source = iter(rows)
    start = 1
    batch = list(islice(source, TABLE_ROWS))
    if not batch and not any(header):
        raise ReadError("empty", "the table has no rows")
    more = next(source, None)
    single = more is None
    while batch:
        name = uri if single else f"{uri}#rows-{start}-{start + len(batch) - 1}"
        yield make_document(name, _table(header, batch), media_type, {"title": title})
        start += len(batch)
        source = source if more is None else chain([more], source)
        batch = list(islice(source, TABLE_ROWS))
        more = next(source, None)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    width = max(len(header), *(len(row) for row in rows)) if rows else len(header)
    lines = [_line(header, width), "|" + " --- |" * width, *(_line(row, width) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(row: Sequence[Any], width: int) -> str:
    cells = ["" if cell is None else " ".join(str(cell).split()).replace("|", "\\|") for cell in row]
    return "| " + " | ".join(cells + [""] * (width - len(cells))) + " |"
