"""What is perturbed: items of a benchmark, and originals of templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gristmill.errors import UsageError
from gristmill_evals.contamination.benchmark import BenchmarkItem, load_benchmark
from gristmill_evals.contamination.benchmark_rows import by_turn, parts_of
from gristmill_evals.evaluation.memorisation.reading import number_of
from gristmill_evals.evaluation.memorisation.templates import Template, read_templates
from gristmill_evals.jsonl import objects

CLUSTERS = ("cluster", "source", "document")
"""Columns that may name what an item was made from."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items by id. ``templates`` are those of the items that have one; ``unusable`` counts by reason.

    ``clusters`` say what an item depends on, where that is not only itself.
    """

    items: Mapping[str, BenchmarkItem]
    templates: Mapping[str, Template]
    unusable: Mapping[str, int]
    version: str = ""
    clusters: Mapping[str, str] = field(default_factory=dict)


def load_items(path: str | None, templates: str | None, root: Path, limit: int | None) -> Items:
    """Items of a benchmark (:func:`load_benchmark`) and of a file of templates, ``limit`` of each at most.

    An item without an answer, or whose answer is none of its options, cannot be checked: it is counted. Of an
    answer that is worked out and ends with ``#### NUMBER`` the number is kept.

    Raises:
        UsageError: a file is missing or malformed, nothing is left, an id stands in both.
        MissingExtraError: ``lm-eval:`` without the optional packages.
    """
    found: dict[str, BenchmarkItem] = {}
    unusable = {"no-answer": 0, "answer-not-among-the-options": 0}
    made = {} if templates is None else {one.id: one for one in read_templates(root / templates, limit)}
    version = ""
    if path is not None:
        benchmark = load_benchmark(path, root)
        version = benchmark.version
        for item in benchmark.items[:limit]:
            reason = _unusable(item)
            if reason:
                unusable[reason] += 1
            else:
                found[item.id] = _shortened(item)
    if odd := ", ".join(sorted(found.keys() & made.keys())[:3]):
        raise UsageError(f"ids of items and of templates: {odd}", where=str(templates), cure="rename them")
    found |= {template.id: template.original() for template in made.values()}
    if not found:
        raise UsageError("no item has an answer that can be checked", where=path or "", cure="add answers")
    clusters = {} if path is None else _clusters(root / path)
    return Items(found, made, {reason: n for reason, n in unusable.items() if n}, version, clusters)


def _clusters(path: Path) -> dict[str, str]:
    """What rows of a JSONL file name as their source; one and the same for all says nothing."""
    if path.suffix not in {".jsonl", ".ndjson"}:
        return {}
    found: dict[str, str] = {}
    for where, row in objects(path, "a row has id and question"):
        source = next((row[name] for name in CLUSTERS if row.get(name) not in (None, "")), None)
        if isinstance(source, str | int):
            found |= {parts_of(turn, where).id: str(source) for turn in by_turn(row, where)}
    return found if len(set(found.values())) > 1 else {}


def _unusable(item: BenchmarkItem) -> str:
    if not item.answer.strip():
        return "no-answer"
    return "answer-not-among-the-options" if item.choices and item.answer not in item.choices else ""


def _shortened(item: BenchmarkItem) -> BenchmarkItem:
    if item.choices or "####" not in item.answer or number_of(item.answer) is None:
        return item
    return replace(item, answer=item.answer.rpartition("####")[2].strip())
