"""gristmill run: from documents to decided rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.engine import AddressOption, Engine, EngineOption, WorkersOption, ray_options
from gristmill.cli.loop import run_async

if TYPE_CHECKING:
    from gristmill.pipeline.run import Options, Summary
    from gristmill.recipe import Loaded


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe (YAML).", show_default=False)],
    dry_run: Annotated[
        bool, typer.Option(help="Count rows, calls and cost; send and write nothing.")
    ] = False,
    pilot: Annotated[
        bool, typer.Option("--pilot", help="With --dry-run: walk two small samples and project from them.")
    ] = False,
    pilot_chunks: Annotated[str, typer.Option(help="Sizes of the pilot's samples in chunks.")] = "4,32",
    preview: Annotated[
        int | None, typer.Option(min=1, help="Walk N chunks and show their rows; the store is not touched.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N chunks.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Stop before spending more US dollars.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Stop before using more tokens.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Send nothing more after this time.")] = None,
    redo: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask unusable answers again: truncated, refused or failed (all of them). Repeatable.",
            show_default=False,
        ),
    ] = None,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Only make rows again that reviewers sent back for it.")
    ] = False,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask through the provider's batch API: cheaper, within a day.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --batch: stay until all batches are in.")
    ] = False,
    poll: Annotated[
        float, typer.Option(min=0.05, help="With --wait: seconds between two looks at first.")
    ] = 30.0,
    give_up: Annotated[
        list[str] | None,
        typer.Option(help="With --batch: forget this batch, ask its calls anew.", show_default=False),
    ] = None,
    engine: EngineOption = Engine.local,
    ray_address: AddressOption = None,
    ray_workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe: read, generate, gate, judge, store. Run it again to go on where it stopped."""
    from gristmill.models.redo import redo_kinds
    from gristmill.pipeline.run import Options
    from gristmill.recipe import load_recipe

    again = redo_kinds(redo or ())
    if max_minutes is not None and max_minutes <= 0:
        raise typer.BadParameter("must be more than 0", param_hint="--max-minutes")
    if batch and (dry_run or preview is not None):
        raise typer.BadParameter("not with --dry-run or --preview", param_hint="--batch")
    if pilot and (not dry_run or batch or preview is not None):
        raise typer.BadParameter("only with --dry-run: it pays for a sample", param_hint="--pilot")
    if not batch and (wait or give_up):
        raise typer.BadParameter("only with --batch", param_hint="--wait" if wait else "--give-up")
    if batch and engine is Engine.ray:
        raise typer.BadParameter("not with --batch: the provider does that work", param_hint="--engine")
    if regenerate and (limit is not None or preview is not None or pilot):
        # rows of passages beyond a limit would be told to be gone
        raise typer.BadParameter("not with --limit, --preview or --pilot", param_hint="--regenerate")
    cluster = ray_options(engine, ray_address, ray_workers)
    loaded = load_recipe(recipe, check_keys=not dry_run or pilot)
    console = stderr_console()
    for warning in loaded.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    options = Options(
        limit, max_cost, max_tokens, again, max_minutes, batch, tuple(give_up or ()), cluster, regenerate
    )
    if pilot:
        code = _pilot(loaded, options, pilot_chunks, as_json)
    elif dry_run:
        code = _dry_run(loaded, options, as_json)
    elif preview is not None:
        code = _preview(loaded, options, preview, as_json)
    else:
        code = _run(loaded, options, as_json, poll if wait else None)
    raise typer.Exit(code)


def _run(loaded: Loaded, options: Options, as_json: bool, poll: float | None = None) -> int:
    from gristmill.cli.batches import paid_twice
    from gristmill.cli.progress import show_accounting, watch
    from gristmill.pipeline.run import Run
    from gristmill.pipeline.signals import last_word

    console = stderr_console()
    if not options.batch:
        for warning in paid_twice(loaded):
            console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    job = Run(loaded, options)

    async def both() -> Summary:
        if poll is not None:
            from gristmill.pipeline.batch import until_done

            return await until_done(job, lambda run: watch(run, console), poll, console.print)
        async with watch(job, console):
            return await job.execute()

    with last_word(lambda: job.saved):
        summary = run_async(both())
    show_accounting(summary, loaded, console)
    if as_json:
        print_json(summary.as_json())
    return summary.exit_code(loaded.recipe.max_failed_share)


def _dry_run(loaded: Loaded, options: Options, as_json: bool) -> int:
    from gristmill.cli.local import memory_plan, show_memory
    from gristmill.cli.progress import show_projection
    from gristmill.pipeline.project import project

    projection = run_async(project(loaded, options.limit, regenerate=options.regenerate))
    show_projection(projection, loaded, stderr_console())
    show_memory(plan := memory_plan(loaded), stderr_console())
    if as_json:
        print_json(projection.as_json() | ({"memory": plan.as_json()} if plan is not None else {}))
    return 0


def _pilot(loaded: Loaded, options: Options, sizes: str, as_json: bool) -> int:
    from gristmill.cli.pilot import measured_dry_run
    from gristmill.pipeline.pilot import parse_sizes

    return measured_dry_run(loaded, options, parse_sizes(sizes), as_json)


def _preview(loaded: Loaded, options: Options, chunks: int, as_json: bool) -> int:
    from gristmill.cli.progress import show_rows
    from gristmill.pipeline.preview import preview

    result = run_async(preview(loaded, options, chunks))
    show_rows(result, stderr_console())
    if as_json:
        print_json(result.as_json())
    return result.exit_code


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)
