"""Reading and writing JSONL files row by row, for commands that work without a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import UsageError


def check_target(out: Path, source: Path, what: str) -> None:
    """Refuse an output that cannot be written or would overwrite its input.

    Raises:
        UsageError: see above.
    """
    if out.is_dir():
        raise UsageError("a folder, not a file", where=str(out), cure="name a file in it")
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent), cure="create it first")
    if out.exists() and out.samefile(source):
        raise UsageError(f"{what} would overwrite the rows", where=str(out), cure="choose another name")


def check_source(source: Path) -> None:
    """Refuse an input that is not there.

    Raises:
        UsageError: see above.
    """
    if not source.is_file():
        raise UsageError("no such file", where=str(source), cure="check the path")


def numbered_rows(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """Rows with their line numbers, from 1, and the lines as they stand; empty lines are passed over.

    Raises:
        UsageError: a line is not a JSON object; rows are never passed over.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                where = f"{path}:{number}"
                raise UsageError(f"not JSON: {error}", where=where, cure="mend the line") from None
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=f"{path}:{number}", cure="one object a line")
            yield number, row, line
