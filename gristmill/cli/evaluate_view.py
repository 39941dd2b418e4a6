"""What people see of an evaluation: live progress, the table of scores, the dry run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from gristmill.cli.evaluate_dataset import clean_of
from gristmill_evals.evaluation.folder import read_run
from gristmill_evals.evaluation.scores import Score, failed_share, reasons, scores

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from gristmill_evals.evaluation.clean import CleanScore
    from gristmill_evals.evaluation.plan import LoadedPlan
    from gristmill_evals.evaluation.records import EvalSample
    from gristmill_evals.evaluation.rehearsal import Projection
    from gristmill_evals.evaluation.runner import Evaluation, Outcome
    from gristmill_evals.statistics import Estimate

REFRESH_SECONDS = 0.25
_COLUMNS = ("task", "metric", "score", "95 % interval", "n", "sources", "left out")


@contextlib.asynccontextmanager
async def watch(job: Evaluation, console: Console) -> AsyncIterator[None]:
    """Show how far the evaluation is while it lasts."""
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
        bar = progress.add_task(job.loaded.plan.name, total=None, state="reading")
        ticker = asyncio.create_task(_tick(job, progress, bar))
        try:
            yield
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker


async def _tick(job: Evaluation, progress: Progress, bar: TaskID) -> None:
    while True:
        count, calls = job.progress.total, job.live.total
        state = (
            f"[red]{count.failed} failed[/] · {calls.sent + calls.cached} calls ({calls.cached} cached) · "
            f"{calls.input_tokens + calls.output_tokens} tokens · ${calls.cost_usd:.2f}"
        )
        name = f"{job.loaded.plan.name} · {job.progress.model}"
        progress.update(
            bar, total=count.expected or None, completed=count.done, state=state, description=escape(name)
        )
        await asyncio.sleep(REFRESH_SECONDS)


def show_outcomes(
    job: Evaluation, outcomes: Sequence[Outcome], reports: Mapping[str, Sequence[Path]], console: Console
) -> tuple[dict[str, Any], int]:
    """Print the tables; the object that ``--json`` prints, and the exit code."""
    rows, worst = list[dict[str, Any]](), 0.0
    for outcome in outcomes:
        run, samples = read_run(outcome.folder)
        found = scores(run, samples)
        worst = max(worst, failed_share(run, samples))
        _show(outcome, found, console)
        clean = clean_of(outcome.folder)
        _show_clean(clean, console)
        paths = [str(path) for path in reports.get(outcome.role, ())]
        for line in (*_why(samples), *_after(outcome, paths)):
            console.print(line, soft_wrap=True)
        rows.append(
            {**_row(outcome, found, paths), **({"clean": [asdict(one) for one in clean]} if clean else {})}
        )
    code = _exit_code(job, worst)
    calls = job.counters.total
    console.print(
        f"{calls.sent} calls sent, {calls.cached} cached, {calls.failed} failed · "
        f"{calls.input_tokens} + {calls.output_tokens} tokens · ${calls.cost_usd:.4f}",
        soft_wrap=True,
    )
    for line in _ending(job, worst):
        console.print(line, soft_wrap=True)
    status = job.status if job.status != "done" or code == 0 else "failed"
    error = {"error": str(job.error)} if job.error is not None else {}
    return {"status": status, "exit_code": code, "failed_share": worst, "runs": rows, **error}, code


def _exit_code(job: Evaluation, worst: float) -> int:
    """0 done, 1 a task failed or interrupted, 3 stopped by the budget, 4 too many items failed."""
    if job.status == "budget":
        return 3
    if job.status != "done" or any(outcome.run.failures for outcome in job.outcomes):
        return 1
    return 4 if worst > job.loaded.plan.max_failed else 0


def _show(outcome: Outcome, found: Sequence[Score], console: Console) -> None:
    run = outcome.run
    state = "finished before" if outcome.reused else run.status
    model = run.model.get("model", "")
    title = f"{run.name} · {outcome.role} ({model}) · {state}"
    table = Table(title=escape(title), title_justify="left")
    for name in _COLUMNS:
        left, wide = name in ("task", "metric"), 13 if name == "95 % interval" else None
        table.add_column(name, justify="left" if left else "right", overflow="fold", min_width=wide)
    for score in found:
        table.add_row(*map(escape, _cells(score)))
    for label in run.failures:
        table.add_row(escape(label), "[red]not run[/]")
    console.print(table)


def _cells(score: Score) -> tuple[str, ...]:
    known = score.estimate
    missing = {"failed": score.failed, "unscored": score.unscored}
    left_out = ", ".join(f"{count} {name}" for name, count in missing.items() if count)
    arrow = "" if score.metric.higher_is_better else " (less is better)"
    head = score.task, score.metric.name + arrow
    if known is None:
        return *head, "–", score.metric.note or "no item has a value", "0", "", left_out
    interval = _interval(known)
    counts = str(known.n), str(known.clusters) if known.clusters != known.n else ""
    return *head, f"{known.mean:.3f}", interval, *counts, left_out


def _show_clean(found: Sequence[CleanScore], console: Console) -> None:
    """Scores without the items that the dataset gives away."""
    if not found:
        return
    table = Table(title="without items that the dataset gives away", title_justify="left")
    for name in ("task", "metric", "all", "clean", "n clean", "all less clean", "95 % interval"):
        table.add_column(name, justify="left" if name in ("task", "metric") else "right", overflow="fold")
    for one in found:
        every, clean, more = one.everything, one.clean, one.inflation
        table.add_row(
            escape(one.task),
            escape(one.metric),
            "–" if every is None else f"{every.mean:.3f}",
            "–" if clean is None else f"{clean.mean:.3f}",
            "0" if clean is None else str(clean.n),
            "–" if more is None else f"{more.mean:+.3f}",
            escape(one.note if more is None else _interval(more)),
        )
    console.print(table)


def _interval(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return found.note
    return f"{found.low:.3f}–{found.high:.3f}"


def _why(samples: Sequence[EvalSample]) -> Iterator[str]:
    """Why items are left out, the most frequent reason first."""
    for name, counts in zip(("failed", "unscored verdicts"), reasons(samples), strict=True):
        if counts:
            said = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
            yield f"{name}: {escape(said)}"


def _after(outcome: Outcome, reports: Sequence[str]) -> Iterator[str]:
    offline = {
        role: spec
        for role, spec in {outcome.role: outcome.run.model, **outcome.run.judges}.items()
        if str(spec.get("model", "")).startswith("offline:")
    }
    if offline:
        names = ", ".join(offline)
        yield f"note: {escape(names)} is offline:extractive: rules (no language model) answered or judged"
    for label, reason in outcome.run.failures.items():
        yield f"[red]{escape(label)}[/] was not run: {escape(reason)}"
    yield f"results: {escape(str(outcome.folder))}"
    if reports:
        yield f"report: {escape(reports[0])}"


def _ending(job: Evaluation, worst: float) -> Iterator[str]:
    if job.error is not None:
        yield f"[red]stopped:[/] {escape(str(job.error))}"
    if job.status == "interrupted":
        yield "stopped by signal; everything answered is saved: run again to go on"
    allowed = job.loaded.plan.max_failed
    if worst > allowed:
        yield f"[red]{worst:.1%} of the items have no answer, the plan allows {allowed:.1%} (max_failed)[/]"


def _row(outcome: Outcome, found: Sequence[Score], reports: Sequence[str]) -> dict[str, Any]:
    run = outcome.run
    return {
        "role": outcome.role,
        "model": run.model.get("model"),
        "id": run.id,
        "folder": str(outcome.folder),
        "status": run.status,
        "reused": outcome.reused,
        "scores": [_score(score) for score in found],
        "failures": dict(run.failures),
        "usage": dict(run.usage),
        "report": list(reports),
    }


def _score(score: Score) -> dict[str, Any]:
    known = {} if score.estimate is None else asdict(score.estimate)
    counts = {name: getattr(score, name) for name in ("items", "unscored", "failed", "absent")}
    empty = {"mean": None, "low": None, "high": None, "n": 0, "clusters": 0, "note": score.metric.note}
    return {"task": score.task, "metric": score.metric.name, **(known or empty), **counts}


def show_projections(loaded: LoadedPlan, projections: Sequence[Projection], console: Console) -> None:
    """The dry run's tables."""
    for projection in projections:
        spec = loaded.plan.models[projection.role]
        title = f"{loaded.plan.name} · {projection.role} ({spec.model}) · dry run, nothing sent"
        table = Table(title=escape(title), title_justify="left")
        for name in ("model", "calls", "input tokens", "output tokens", "US dollars"):
            table.add_column(name, justify="left" if name == "model" else "right")
        for name, part in projection.models.items():
            cost = "price unknown" if part.unpriced else f"{part.cost_usd:.2f}"
            counts = f"{part.sent:,}", f"{part.input_tokens:,}", f"{part.output_tokens:,}"
            table.add_row(escape(name), *counts, cost)
        console.print(table)
        items = ", ".join(f"{name} {count}" for name, count in projection.items.items()) or "none"
        console.print(f"items: {escape(items)}", soft_wrap=True)
        for label, reason in projection.failures.items():
            console.print(f"[red]{escape(label)}[/] cannot be run: {escape(reason)}", soft_wrap=True)
    console.print(
        "As if nothing were cached; output is taken at 512 tokens a call, or max_tokens where that is less.",
        soft_wrap=True,
    )
