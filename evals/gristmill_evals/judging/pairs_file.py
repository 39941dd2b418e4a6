"""The texts of pairs, of which only the lengths are kept."""

from __future__ import annotations

from pathlib import Path

import orjson

from gristmill.errors import UsageError

_CURE = "a line is {id, response_1, response_2}"


def read_lengths(path: Path) -> dict[str, tuple[int, int]]:
    """Characters of ``response_1`` and ``response_2`` of each line, by its ``id``.

    Raises:
        UsageError: no such file, or a line without them, named with its number.
    """
    if not path.is_file():
        raise UsageError("no such file of pairs", where=str(path), cure="check the path")
    found: dict[str, tuple[int, int]] = {}
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"not JSON: {error}", where=where, cure=_CURE) from error
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=where, cure=_CURE)
            first, second = row.get("response_1"), row.get("response_2")
            if not isinstance(first, str) or not isinstance(second, str) or "id" not in row:
                raise UsageError("no id, response_1 or response_2", where=where, cure=_CURE)
            found[str(row["id"])] = len(first), len(second)
    return found
