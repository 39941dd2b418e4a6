"""What people see on stderr: live progress, the accounting table, previews and projections."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gristmill.cli.batches import batch_lines
from gristmill.cli.local import local_lines, tell_local
from gristmill.cli.target import goal_lines, goal_state, tell
from gristmill.quota import grouped

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.pipeline.preview import Preview
    from gristmill.pipeline.project import Projection
    from gristmill.pipeline.run import Run, Summary
    from gristmill.recipe import Loaded

REFRESH_SECONDS = 0.25


@contextlib.asynccontextmanager
async def watch(run: Run, console: Console) -> AsyncIterator[None]:
    """Show a run's counters while it lasts: rows by state, calls, tokens, cost, rate, time left."""
    progress = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        bar = progress.add_task(run.loaded.recipe.name, total=None, state="reading")
        told = _Told()
        ticker = asyncio.create_task(_tick(run, progress, bar, told))
        try:
            yield
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            told.rest(run, console)  # a run may end between two looks


@dataclass
class _Told:
    """How much of what the run noticed has been printed: nothing twice, nothing left out."""

    local: int = 0
    target: int = 0

    def rest(self, run: Run, console: Console) -> None:
        if run.local is not None:
            self.local = tell_local(run, self.local, console)
        if run.goal is not None:
            self.target = tell(run.goal, self.target, console)


async def _tick(run: Run, progress: Progress, bar: TaskID, told: _Told) -> None:
    started = time.monotonic()
    while True:
        tally, calls = run.tally, run.counters.total
        fresh = tally.decided - tally.resumed
        rate = fresh / max(time.monotonic() - started, 1e-9)
        state = (
            f"[green]{tally.accepted} accepted[/] [yellow]{tally.rejected.total()} rejected[/] "
            f"[red]{tally.failed.total()} failed[/] · {calls.sent + calls.cached} calls "
            f"({calls.cached} cached) · {calls.input_tokens + calls.output_tokens} tokens · "
            f"${calls.cost_usd:.2f} · {rate:.0f} rows/s"
        )
        total, done = tally.planned or None, tally.decided
        told.rest(run, progress.console)
        if run.goal is not None:
            if (wanted := run.goal.spec.goal) is not None:
                total, done = wanted, run.goal.accepted
            state += goal_state(run.goal, time.monotonic() - started)
        progress.update(bar, total=total, completed=done, state=state)
        await asyncio.sleep(REFRESH_SECONDS)


def show_accounting(summary: Summary, loaded: Loaded, console: Console) -> None:
    """The table that must balance, then one line on cost and what to do next."""
    tally = summary.tally
    table = Table(title=f"{loaded.recipe.name} · run {summary.run} · {summary.status}", title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("why", overflow="fold")
    table.add_row("files found", str(tally.files), "")
    table.add_row("  read", str(tally.files_read), f"{tally.documents} documents, {tally.chunks} chunks")
    for reason, count in tally.files_failed.most_common():
        table.add_row("  [red]failed[/]", str(count), escape(reason))
    if tally.files_pending:
        table.add_row("  not read", str(tally.files_pending), "the run was stopped")
    for reason, count in tally.rows_unread.most_common():
        table.add_row("  [red]rows not read[/]", str(count), escape(reason))
    table.add_section()
    resumed = f"{tally.resumed} of them decided by earlier runs" if tally.resumed else ""
    table.add_row("rows asked for", str(tally.planned), resumed)
    table.add_row("  [green]accepted[/]", str(tally.accepted), "")
    for reason, count in grouped(tally.rejected):
        table.add_row("  [yellow]rejected[/]", str(count), escape(reason))
    for reason, count in tally.failed.most_common():
        table.add_row("  [red]failed[/]", str(count), escape(reason))
    table.add_row("  pending", str(tally.pending), "")
    if tally.unsaved:
        table.add_row("[red]not in the store[/]", str(tally.unsaved), "see segments_set_aside in the status")
    verdict = "[green]balances[/]" if tally.balanced else "[bold red]DOES NOT BALANCE[/]"
    table.add_row("", "", verdict)
    console.print(table)
    console.print(_cost_line(summary), soft_wrap=True)
    for line in _next_steps(summary, loaded):
        console.print(line, soft_wrap=True)


def _cost_line(summary: Summary) -> str:
    calls = summary.counters.total
    unpriced = f" (+ {calls.unpriced} calls of unknown price)" if calls.unpriced else ""
    return (
        f"{calls.sent} calls sent, {calls.cached} cached, {calls.retried} retried, {calls.repairs} repairs · "
        f"{calls.input_tokens} + {calls.output_tokens} tokens · ${calls.cost_usd:.4f}{unpriced} · "
        f"{summary.seconds:.1f} s · peak {summary.peak_rss_mb:.0f} MB"
    )


def _next_steps(summary: Summary, loaded: Loaded) -> Iterator[str]:
    offline = [role for role, spec in loaded.recipe.models.items() if spec.backend == "offline"]
    if offline:
        names = ", ".join(offline)
        yield f"note: {escape(names)} is offline:extractive: rules (no language model) made or judged these"
    if summary.error is not None:
        yield f"[red]stopped:[/] {escape(str(summary.error))}"
    if summary.remakes is not None:
        yield from summary.remakes.lines()
    yield from goal_lines(summary)
    yield from batch_lines(summary)
    yield from local_lines(summary)
    if summary.status == "interrupted":
        yield "stopped by signal; everything answered is saved: run again to go on"
    share, allowed = summary.tally.failed_share, loaded.recipe.max_failed_share
    if share > allowed:
        yield f"[red]{share:.1%} of the rows failed, the recipe allows {allowed:.1%} (max_failed_share)[/]"
    yield f"store: {escape(str(loaded.store))}"


def show_projection(projection: Projection, loaded: Loaded, console: Console) -> None:
    """The dry run's table."""
    tally = projection.tally
    table = Table(title=f"{loaded.recipe.name} · dry run, nothing sent", title_justify="left")
    for name in ("model", "calls", "input tokens", "output tokens", "US dollars"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for role, part in projection.roles.items():
        cost = "price unknown" if part.cost_usd is None else f"{part.cost_usd:.2f}"
        tokens = f"{part.input_tokens:,.0f}", f"{part.output_tokens:,.0f}"
        table.add_row(escape(f"{role} ({part.model})"), f"{part.calls:,.0f}", *tokens, cost)
    console.print(table)
    for reason, count in tally.files_failed.most_common():
        console.print(f"[yellow]{count} files cannot be read:[/] {escape(reason)}")
    console.print(
        f"{tally.files} files, {tally.documents} documents, {tally.chunks} chunks, {tally.planned} rows "
        "asked for. At most: rows that a gate rejects are not judged, and output is taken at 512 tokens a "
        "call, or max_tokens where that is less.",
        soft_wrap=True,
    )
    for note in projection.notes:
        console.print(escape(note), soft_wrap=True)


def show_rows(preview: Preview, console: Console) -> None:
    """The rows of a preview, one panel each."""
    colours = {"accepted": "green", "rejected": "yellow", "failed": "red"}
    empty = Counter(o.reason for o in preview.outcomes if o.example_id is None and not (o.detail or o.raw))
    for outcome in preview.outcomes:
        if outcome.example_id is None and not (outcome.detail or outcome.raw):
            continue
        example = preview.examples.get(outcome.example_id or "")
        body = Text()
        if example is not None:
            for message in example.messages:
                body.append(f"{message['role']}: ", style="bold")
                body.append(message["content"] + "\n")
            for side in ("chosen", "rejected"):
                text = getattr(example, side)
                if text is not None:
                    body.append(f"{side}: ", style="bold")
                    body.append(text + "\n")
            scores = preview.scores.get(example.id, [])
            shown = ", ".join(f"{s.scorer} {s.shown}" for s in scores)
            body.append(shown, style="dim")
        else:
            body.append("\n".join(part for part in (outcome.detail, outcome.raw) if part), style="dim")
        title = f"{outcome.task} · {outcome.state}" + (f" · {outcome.reason}" if outcome.reason else "")
        console.print(
            Panel(body, title=escape(title), title_align="left", border_style=colours[outcome.state])
        )
    tally = preview.tally
    for reason, count in empty.most_common():
        console.print(f"{count} rows without text: {escape(reason)}")
    console.print(
        f"{tally.planned} rows asked for: {tally.accepted} accepted, {tally.rejected.total()} rejected, "
        f"{tally.failed.total()} failed, {tally.pending} pending. Nothing was stored; answers are cached."
    )
    if preview.error is not None:
        console.print(f"[red]stopped:[/] {escape(str(preview.error))}", soft_wrap=True)
