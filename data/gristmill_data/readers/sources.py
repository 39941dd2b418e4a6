"""From patterns of a recipe to files, and from files to documents and failures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from glob import glob, has_magic
from pathlib import Path

from gristmill.errors import ReadError, UsageError
from gristmill.records import Document, FileFailure
from gristmill.registry import Reader, load, names
from gristmill_data.readers.decoding import is_binary, read_bytes

_BENCHMARK = re.compile(
    rb"gristmill private benchmark [\w-]+, not for training\. canary GUID [0-9a-f]{8}-[0-9a-f-]{27}"
)


def expand_sources(patterns: Sequence[str], root: Path) -> list[Path]:
    """The files that patterns stand for, absolute, sorted, each once.

    A pattern is a file, a folder (all files in it, recursively, hidden ones left out) or a glob
    (``**`` crosses folders), relative to ``root`` unless absolute.

    Raises:
        UsageError: a pattern stands for no file.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        files = _files(pattern, root)
        if not files:
            where = (root / pattern).parent if has_magic(pattern) else root / pattern
            raise UsageError(
                f"documents: {pattern!r} matches no file",
                where=str(where),
                cure="check the path; ** crosses folders",
            )
        found.update(dict.fromkeys(files))
    return sorted(found, key=lambda path: source_uri(path, root))


def _files(pattern: str, root: Path) -> list[Path]:
    base = root.resolve()
    try:
        expanded = str(Path(pattern).expanduser())
    except RuntimeError:
        return []  # a home of nobody holds no files
    literal = base / expanded
    if literal.exists():  # a file may have brackets in its name
        matches = [literal]
    else:
        matches = [base / match for match in glob(expanded, root_dir=base, recursive=True)]
    files: list[Path] = []
    for match in matches:
        files += _inside(match) if match.is_dir() else [match] if match.is_file() else []
    return [Path(_normal(path)) for path in files]


def _inside(folder: Path) -> list[Path]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return [p for p in paths if not any(part.startswith(".") for part in p.relative_to(folder).parts)]


def _normal(path: Path) -> str:
    import os.path

    return os.path.normpath(path)  # links are kept: the uri is what the user wrote


def source_uri(path: Path, root: Path) -> str:
    """The posix path relative to ``root``; with ``..`` for a file outside of it."""
    import os.path

    try:
        return Path(os.path.relpath(path, root.resolve())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


@cache
def _readers() -> dict[str, Reader]:
    """Readers by suffix; of two for one suffix the first name wins."""
    readers: dict[str, Reader] = {}
    for name in names("readers"):
        reader = load("readers", name)()
        for suffix in reader.suffixes:
            readers.setdefault(suffix, reader)
    return readers


def reader_for(path: Path) -> Reader | None:
    """The reader registered for a file's suffix."""
    return _readers().get(path.suffix.lower())


def read_file(path: Path, uri: str) -> Iterator[Document | FileFailure]:
    """The documents of one file; whatever goes wrong becomes a :class:`FileFailure`, never an error."""
    try:
        reader = reader_for(path)
        if reader is None:
            raise _unsupported(path)
        _refuse_benchmark(path)
        yield from reader.read(path, uri)
    except ReadError as error:
        yield FileFailure(uri, error.reason, str(error))
    except OSError as error:
        yield FileFailure(uri, "unreadable", error.strerror or str(error))
    except Exception as error:  # noqa: BLE001  the boundary of one file: a crashing reader is a failure row
        yield FileFailure(uri, "broken", f"{type(error).__name__}: {error}")


def _refuse_benchmark(path: Path) -> None:
    """No rows may be made of what private benchmarks are written to; each of their files begins with a mark.

    Raises:
        ReadError: it is such a file.
    """
    with path.open("rb") as file:
        if _BENCHMARK.search(file.read(65_536)):
            reason = "a file of a private benchmark, which must not be trained on"
            raise ReadError("private-benchmark", reason, where=str(path), cure="move it out of the documents")


def _unsupported(path: Path) -> ReadError:
    if is_binary(read_bytes(path)[:8192]):
        return ReadError(
            "binary", f"no reader for {path.suffix or 'files without a suffix'}, and it is not text"
        )
    known = ", ".join(sorted(_readers()))
    return ReadError(
        "unsupported-format", f"no reader for {path.suffix or 'this file'}", cure=f"known: {known}"
    )


def read_sources(patterns: Sequence[str], root: Path) -> Iterator[Document | FileFailure]:
    """Every document and every failure of the sources, file by file, lazily, in a stable order.

    Raises:
        UsageError: a pattern stands for no file; before anything is read.
    """
    paths = expand_sources(patterns, root)
    return (result for path in paths for result in read_file(path, source_uri(path, root)))
