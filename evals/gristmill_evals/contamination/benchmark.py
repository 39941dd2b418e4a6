"""Benchmarks as the checker sees them, and how they are loaded from files.

A row has ``id``, ``question`` and may have ``answer`` and ``choices``. JSONL, CSV and Parquet files are
read here; ``lm-eval:TASK`` goes through :mod:`gristmill_evals.contamination.lm_eval_tasks`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import UsageError
from gristmill.records import content_id

Numbered = Iterator[tuple[int, Mapping[str, Any]]]
_CURE = "a benchmark row has id and question, and may have answer and choices"


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """One question of a benchmark."""

    id: str
    question: str
    answer: str = ""
    choices: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question followed by its choices, one a line: what item spans refer to."""
        return "\n".join((self.question, *self.choices))


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A named set of items; ``digest`` is the content address of all of them."""

    name: str
    items: tuple[BenchmarkItem, ...]
    digest: str

    @classmethod
    def make(cls, name: str, items: Iterable[BenchmarkItem]) -> Benchmark:
        """Build a benchmark with its content address."""
        rows = tuple(items)
        parts = [[item.id, item.question, item.answer, list(item.choices)] for item in rows]
        return cls(name, rows, content_id("benchmark", name, parts))


def load_benchmark(spec: str, root: Path = Path()) -> Benchmark:
    """Load ``spec``: a JSONL, CSV or Parquet file (relative to ``root``) or ``lm-eval:TASK``.

    Raises:
        UsageError: file missing, unknown kind of file, or a malformed row (named with its line).
        MissingExtraError: ``lm-eval:`` without the optional packages.
    """
    if spec.startswith("lm-eval:"):
        from gristmill_evals.contamination.lm_eval_tasks import load_task

        return load_task(spec.removeprefix("lm-eval:"))
    path = root / spec
    if not path.is_file():
        raise UsageError(
            "there is no such benchmark file", where=str(path), cure="give a path to JSONL, CSV or Parquet"
        )
    items = [_item(row, f"{path}:{line}") for line, row in _rows(path)]
    if not items:
        raise UsageError("the benchmark has no rows", where=str(path), cure=_CURE)
    _refuse_repeated_ids(items, path)
    return Benchmark.make(path.stem, items)


def _rows(path: Path) -> Numbered:
    readers = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(readers)
        raise UsageError(
            f"unknown kind of benchmark file {path.suffix!r}", where=str(path), cure=f"known: {known}"
        )
    return reader(path)


def _jsonl(path: Path) -> Numbered:
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                row = orjson.loads(raw)
            except orjson.JSONDecodeError as error:
                raise UsageError(f"not JSON: {error}", where=f"{path}:{line}", cure=_CURE) from error
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=f"{path}:{line}", cure=_CURE)
            yield line, row


def _csv(path: Path) -> Numbered:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, {key: value for key, value in row.items() if value not in (None, "")}


def _parquet(path: Path) -> Numbered:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        source = parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise UsageError(f"not a Parquet file: {error}", where=str(path)) from error
    number = 0
    for batch in source.iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, {key: value for key, value in row.items() if value is not None}


def _item(row: Mapping[str, Any], where: str) -> BenchmarkItem:
    identity, question = row.get("id"), row.get("question")
    if identity is None or isinstance(identity, (dict, list, bool)) or str(identity) == "":
        raise UsageError("the row has no usable id", where=where, cure=_CURE)
    if not isinstance(question, str) or not question.strip():
        raise UsageError("the row has no question", where=where, cure=_CURE)
    answer = row.get("answer")
    if isinstance(answer, (dict, list)):
        raise UsageError("answer is not a text or a number", where=where, cure=_CURE)
    return BenchmarkItem(
        str(identity), question, "" if answer is None else str(answer), _choices(row.get("choices"), where)
    )


def _choices(value: Any, where: str) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UsageError("choices is not a JSON list", where=where, cure=_CURE) from error
    if value is None:
        return ()
    if not isinstance(value, list) or any(
        isinstance(choice, (dict, list)) or choice is None for choice in value
    ):
        raise UsageError("choices is not a list of texts", where=where, cure=_CURE)
    return tuple(str(choice) for choice in value)


def _refuse_repeated_ids(items: list[BenchmarkItem], path: Path) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UsageError(
                f"the id {item.id!r} occurs twice", where=str(path), cure="give every item an id of its own"
            )
        seen.add(item.id)
