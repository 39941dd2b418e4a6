"""Calls, tokens, cost and time, by model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.evaluation.report.sections.overview import minutes
from gristmill_evals.report.blocks import Block, Note, Section, Table

COUNTS = ("calls", "input_tokens", "output_tokens")


def spending(found: Evaluation) -> Iterator[Section]:
    """What the answers of this evaluation took, whenever they were given."""
    usage = found.run.usage
    if not usage:
        note = Note("No use of a model is recorded.")
        yield Section("cost", "Cost and time", (note,))
        return
    rows = [_row(name, part) for name, part in (usage.get("by_model") or {}).items()]
    total = len(rows) != 1
    rows += [_row("all together", usage)] if total else []
    columns = ("model", "calls", "input tokens", "output tokens", "seconds of the models", "US dollars")
    blocks: list[Block] = [Table(columns, tuple(rows), numeric=(1, 2, 3, 4, 5), total=total)]
    blocks += [Note(text) for text in _notes(found, usage.get("this_time") or {})]
    blocks += _tasks(found)
    intro = "Counted, no interval: every answer once, also those that an earlier run had already paid for."
    yield Section("cost", "Cost and time", tuple(blocks), intro)


def _row(name: str, part: Mapping[str, Any]) -> tuple[object, ...]:
    counts = (int(part.get(key) or 0) for key in COUNTS)
    unpriced = int(part.get("unpriced") or 0)
    usd = f"${float(part.get('cost_usd') or 0):,.4f}"
    told = f"{usd}, {unpriced:,} calls without a price" if unpriced else usd
    return (name, *counts, f"{float(part.get('seconds') or 0):,.1f}", told)


def _notes(found: Evaluation, last: Mapping[str, Any]) -> Iterator[str]:
    if last:
        yield (
            f"The last time the command ran: {last.get('sent', 0):,} calls sent, {last.get('cached', 0):,}"
            f" answered by the cache, {last.get('retried', 0):,} retried, {last.get('failed', 0):,} failed,"
            f" ${float(last.get('cost_usd') or 0):,.4f}."
        )
    if (taken := minutes(found)) is not None:
        yield f"{taken:.1f} minutes from start to end, by the clock."


def _tasks(found: Evaluation) -> list[Block]:
    timed = [(task.name, task.items, task.settings.get("seconds")) for task in found.tasks]
    rows = tuple(
        (name, items, f"{float(seconds):,.1f}") for name, items, seconds in timed if seconds is not None
    )
    return [Table(("task", "items", "seconds by the clock"), rows, "By task", numeric=(1, 2))] if rows else []
