"""The texts of pairs, of which only the lengths are kept."""

from __future__ import annotations

from pathlib import Path

from gristmill.errors import UsageError
from gristmill_evals.jsonl import objects

_CURE = "a line is {id, response_1, response_2}"


def read_lengths(path: Path) -> dict[str, tuple[int, int]]:
    """Characters of ``response_1`` and ``response_2`` of each line, by its ``id``.

    Raises:
        UsageError: no such file, or a line without them, named with its number.
    """
    if not path.is_file():
        raise UsageError("no such file of pairs", where=str(path), cure="check the path")
    found: dict[str, tuple[int, int]] = {}
    for where, row in objects(path, _CURE):
        first, second = row.get("response_1"), row.get("response_2")
        if not isinstance(first, str) or not isinstance(second, str) or "id" not in row:
            raise UsageError("no id, response_1 or response_2", where=where, cure=_CURE)
        found[str(row["id"])] = len(first), len(second)
    return found
