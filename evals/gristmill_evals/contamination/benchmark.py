"""Benchmarks as the checker sees them, and how they are loaded from files.

JSONL, CSV and Parquet files are read here (what their columns mean is in
:mod:`gristmill_evals.contamination.benchmark_rows`); ``lm-eval:TASK`` goes through
:mod:`gristmill_evals.contamination.lm_eval_tasks`.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gristmill.errors import UsageError
from gristmill.records import content_id
from gristmill_evals.contamination.benchmark_rows import CURE, by_turn, parts_of

log = logging.getLogger(__name__)
Numbered = Iterator[tuple[int, Mapping[str, Any]]]
NAMED = 5
LONGEST_CELL = 2**26


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
    """A named set of items; ``digest`` is the content address of all of them.

    ``split`` is the part of the data set they are ("" when not known), ``version`` that of the task, or
    the start of the digest. ``unusable`` says where rows were left out, and why.
    """

    name: str
    items: tuple[BenchmarkItem, ...]
    digest: str
    split: str = ""
    version: str = ""
    unusable: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by columns: workers are sent all items, and one by one that takes ten times as long."""
        columns = tuple(
            zip(*((one.id, one.question, one.answer, one.choices) for one in self.items), strict=True)
        )
        return _from_columns, (self.name, columns, self.digest, self.split, self.version, self.unusable)

    @classmethod
    def make(
        cls,
        name: str,
        items: Iterable[BenchmarkItem],
        *,
        split: str = "",
        version: str = "",
        unusable: Iterable[str] = (),
    ) -> Benchmark:
        """Build a benchmark with its content address."""
        rows = tuple(items)
        parts = [[item.id, item.question, item.answer, list(item.choices)] for item in rows]
        digest = content_id("benchmark", name, parts)
        return cls(name, rows, digest, split, version or digest[:12], tuple(unusable))


def _from_columns(name: str, columns: Sequence[Sequence[Any]], *rest: Any) -> Benchmark:
    return Benchmark(name, tuple(map(BenchmarkItem, *columns)) if columns else (), *rest)


def load_benchmark(spec: str, root: Path = Path()) -> Benchmark:
    """Load ``spec``: a JSONL, CSV or Parquet file, ``lm-eval:TASK`` or ``lm-eval:TASK@FOLDER``.

    Paths are relative to ``root``; ``FOLDER`` holds YAML task files of lm-eval. Rows without a question
    are left out with a warning, and listed in ``unusable``.

    Raises:
        UsageError: file missing, unknown kind of file, or a malformed row (named with its line).
        MissingExtraError: ``lm-eval:`` without the optional packages.
    """
    if spec.startswith("lm-eval:"):
        from gristmill_evals.contamination.lm_eval_tasks import load_task

        task, _, folder = spec.removeprefix("lm-eval:").partition("@")
        benchmark = load_task(task, root / folder if folder else None)
    else:
        benchmark = _load_file(root / spec)
    if benchmark.unusable:
        lost, some = len(benchmark.unusable), ", ".join(benchmark.unusable[:NAMED])
        more = ", …" if lost > NAMED else ""
        rows = lost + len(benchmark.items)
        log.warning("%s: %d of %d rows are not used: %s%s", benchmark.name, lost, rows, some, more)
    return benchmark


def _load_file(path: Path) -> Benchmark:
    if not path.is_file():
        raise UsageError(
            "there is no such benchmark file", where=str(path), cure="give a path to JSONL, CSV or Parquet"
        )
    items: list[BenchmarkItem] = []
    unusable: list[str] = []
    splits: set[str] = set()
    for line, row in _rows(path):
        splits.add(str(row.get("split") or ""))
        for turn in by_turn(row, f"{path}:{line}"):
            parts = parts_of(turn, f"{path}:{line}")
            if parts.question.strip():
                items.append(BenchmarkItem(*parts))
            else:
                unusable.append(f"{path.name}:{line} blank question")
    if not items:
        what = "every question of the benchmark is blank" if unusable else "the benchmark has no rows"
        raise UsageError(what, where=str(path), cure=CURE)
    _refuse_repeated_ids(items, path)
    split = splits.pop() if len(splits) == 1 else ""
    return Benchmark.make(path.stem, items, split=split, unusable=unusable)


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
                raise UsageError(f"not JSON: {error}", where=f"{path}:{line}", cure=CURE) from error
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=f"{path}:{line}", cure=CURE)
            yield line, row


def _csv(path: Path) -> Numbered:
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row:
                    raise csv.Error("more cells than the header has columns")
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            where = f"{path}:{reader.line_num}"
            raise UsageError(f"not CSV in UTF-8: {error}", where=where, cure=CURE) from error


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
            yield number, row


def _refuse_repeated_ids(items: list[BenchmarkItem], path: Path) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise UsageError(
                f"the id {item.id!r} occurs twice", where=str(path), cure="give every item an id of its own"
            )
        seen.add(item.id)
