"""Files of lines for commands that stream: read in batches, written whole or not at all, also compressed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

from gristmill.errors import GristmillError, UsageError

COMPRESSED = (".gz", ".zst")
BATCH_LINES = 500
BATCH_BYTES = 2 * 2**20
Line = tuple[int, bytes]


class UnreadableError(GristmillError):
    """The input breaks off: damaged compression, or the disk."""


def open_lines(path: Path) -> IO[bytes]:
    """``path`` for reading; ``.gz`` and ``.zst`` are unpacked."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    if path.suffix == ".zst":
        import pyarrow as pa

        return cast("IO[bytes]", io.BufferedReader(pa.input_stream(str(path), compression="zstd"), 2**20))
    return path.open("rb", buffering=2**20)


def line_batches(path: Path) -> Iterator[list[Line]]:
    """Lines that are not blank with their numbers, from 1, in batches bounded in lines and bytes.

    Raises:
        UnreadableError: the file cannot be read to its end.
    """
    batch, size, number = list[Line](), 0, 0
    try:
        with open_lines(path) as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                batch.append((number, line))
                size += len(line)
                if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
    except (OSError, EOFError) as error:
        what = "the compression is damaged" if path.suffix in COMPRESSED else "the file cannot be read"
        where = f"{path}:{number + 1}"
        raise UnreadableError(f"{what}: {error}", where=where, cure="make or copy the file anew") from error
    if batch:
        yield batch


def check_distinct(files: dict[str, Path | None], source: Path) -> None:
    """Refuse outputs that cannot be written, or would overwrite the input or each other.

    Raises:
        UsageError: see above.
    """
    seen: dict[Path, str] = {source.resolve(): "the rows"}
    for option, path in files.items():
        if path is None:
            continue
        if path.is_dir():
            raise UsageError("a folder, not a file", where=str(path), cure="name a file in it")
        if not path.parent.is_dir():
            raise UsageError("there is no such folder", where=str(path.parent), cure="create it first")
        known = seen.setdefault(path.resolve(), option)
        if known != option:
            raise UsageError(f"{option} would overwrite {known}", where=str(path), cure="choose another name")


class WholeFiles:
    """Files written under ``NAME.part`` and renamed together at the end; removed when anything goes wrong."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._paths: list[Path] = []

    def __enter__(self) -> WholeFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._stack.close()
        finally:
            for path in self._paths:
                if kind is None:
                    _part(path).replace(path)
                else:
                    _part(path).unlink(missing_ok=True)

    def open(self, path: Path) -> IO[bytes]:
        """A file to write; it is compressed when its name says so."""
        self._paths.append(path)
        plain = self._stack.enter_context(_part(path).open("wb", buffering=2**20))
        if path.suffix == ".gz":
            return cast("IO[bytes]", self._stack.enter_context(gzip.GzipFile("", "wb", 6, plain, mtime=0)))
        if path.suffix == ".zst":
            import pyarrow as pa

            packed: Any = pa.CompressedOutputStream(plain, "zstd")
            return cast("IO[bytes]", self._stack.enter_context(packed))
        return plain


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")
