"""What people are told about provider batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

if TYPE_CHECKING:
    from gristmill.pipeline.run import Summary
    from gristmill.recipe import Loaded


def batch_lines(summary: Summary) -> Iterator[str]:
    """What a round collected and handed in, and how to go on."""
    report = summary.batches
    if report is None:
        return
    got, sent = report.collected, report.sent
    if got.answered or got.failed or got.again or got.odd:
        odd = f", [yellow]{got.odd} lines of no use[/]" if got.odd else ""
        yield (
            f"batches: {got.answered} answers collected, {got.failed} calls failed, "
            f"{got.again} to be asked again{odd}"
        )
    if sent.calls:
        yield f"batches: {sent.calls} calls handed in ({sent.batches} batches)"
    for batch in report.outstanding:
        name = batch.id or "being handed in"
        yield f"  {escape(name)} · {escape(batch.model)} · {batch.status} · {batch.calls} calls"
    if got.unreachable is not None and summary.error is None:
        yield f"[yellow]not asked after:[/] {escape(str(got.unreachable))}"
    if summary.status == "waiting":
        yield "waiting for batches: run the same command again to collect them, or add --wait"


def paid_twice(loaded: Loaded) -> Iterator[str]:
    """A warning for a run without ``--batch`` while batches are on their way."""
    from gristmill.models.batch import outstanding
    from gristmill_data.store.places import batches_path

    left = [b for b in outstanding(batches_path(loaded.store)) if b.recipe == loaded.recipe.name]
    if left:
        calls = sum(batch.calls for batch in left)
        yield (
            f"{calls} calls are in {len(left)} batches on their way: what is finished is collected first, "
            "what is not and is asked now will be paid for twice"
        )


def status_lines(batches: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Batches on their way, as last asked after by a run."""
    yield f"{len(batches)} batches on their way (as of the last run):"
    for one in batches:
        done = f"{one['done'] + one['failed']} of {one['lines']} requests done"
        name = one["id"] or "not known yet"
        yield escape(
            f"  {name} · {one['recipe']} · {one['model']} · {one['status']} · {done} · {one['created']}"
        )
