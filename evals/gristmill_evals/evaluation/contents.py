"""What stands in the files that a task's arguments name: a changed file is another evaluation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_FILES = 2_000
_PART = 1 << 20


def contents_of(args: Mapping[str, Any], root: Path) -> dict[str, str]:
    """A hash for each argument, also a nested one, that is the path of a file or folder below ``root``.

    Of a folder with more than :data:`MOST_FILES` files the names and sizes stand for what is in them.
    """
    found = {text: _path(text) for text in sorted(set(_texts(args)))}
    return {text: _hash(root / path) for text, path in found.items() if _exists(root, path)}


def _path(text: str) -> str:
    """The folder of ``lm-eval:TASK@FOLDER``; anything else may be a path itself."""
    name, _, folder = text.partition("@")
    return os.path.expanduser(folder if folder and name.startswith("lm-eval:") else text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _exists(root: Path, text: str) -> bool:
    try:
        return bool(text.strip(" ./")) and (root / text).exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL: a text and no path
        return False


def _hash(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    if (path / "samples.jsonl").is_file():  # a run folder: its reports may be written anew
        path = path / "samples.jsonl"
    if path.is_file():
        _add(digest, path)
        return digest.hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    for file in files:
        digest.update(f"{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        if len(files) <= MOST_FILES:
            _add(digest, file)
    return digest.hexdigest()


def _add(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
