"""Small JSONL files that a person made and that are read whole: the first mistake ends it, with its line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import UsageError


def objects(path: Path, cure: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """``FILE:LINE`` and the object of each line that is not blank; ``cure`` says what a line must hold.

    Raises:
        UsageError: a line that is no JSON object, named with its number.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"not JSON: {error}", where=where, cure=cure) from error
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=where, cure=cure)
            yield where, row
