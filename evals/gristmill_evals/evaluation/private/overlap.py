"""Whether the rows for training say what an item of the benchmark asks: the same fact in another document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from gristmill.records import Example, Message, Origin
from gristmill_evals.contamination import Benchmark, Checker, Found, row_of_example
from gristmill_evals.contamination.gate import BLOCKING

BATCH = 500
OTHER_NUMBERS = "number-perturbed"
"""The label of a row of the same form with other numbers: the form is known then, the fact is not."""


def overlap(
    lines: Iterable[Mapping[str, Any]], benchmark: Benchmark, min_score: float
) -> tuple[int, list[dict[str, Any]]]:
    """Matches of training rows with items, the likeliest first, and how many rows were looked at.

    Of each match: example_id, sources (of the row), item_id, question, label, score, tier. Matches of the
    label ``template`` (the same form, another fact) are none; :func:`repeats` tells which of the others say
    the same.
    """
    if not benchmark.items:
        return sum(line["side"] == "training" for line in lines), []
    checker, rows, found = Checker([benchmark]), 0, list[dict[str, Any]]()
    for batch in _batches(line for line in lines if line["side"] == "training"):
        rows += len(batch)
        checked = checker.check_many([row_of_example(_example(line["example"])) for line in batch], min_score)
        for line, hits in zip(batch, checked, strict=True):
            found += [_match(line, hit) for hit in hits if hit.hit.label in BLOCKING]
    return rows, sorted(found, key=lambda match: (-match["score"], match["example_id"], match["item_id"]))


def repeats(matches: Iterable[Mapping[str, Any]]) -> set[str]:
    """Ids of the training rows that say what an item asks, the same numbers included."""
    return {match["example_id"] for match in matches if match["label"] != OTHER_NUMBERS}


def _match(line: Mapping[str, Any], found: Found) -> dict[str, Any]:
    match = found.as_match()
    return {
        "example_id": match.example_id,
        "sources": list(line["sources"]),
        "item_id": match.item_id,
        "question": found.side.item.question,
        "label": match.label,
        "score": match.score,
        "tier": match.tier,
    }


def _batches(lines: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    remaining = iter(lines)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _example(data: Mapping[str, Any]) -> Example:
    turns = tuple(Message(role=turn["role"], content=turn["content"]) for turn in data["messages"])
    origin = Origin(data["generator"]["name"], data["generator"]["version"])
    return Example(data["id"], data["kind"], turns, data["chosen"], data["rejected"], (), origin)
