"""gristmill run: from documents to decided rows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console

if TYPE_CHECKING:
    from gristmill.pipeline.run import Options, Summary
    from gristmill.recipe import Loaded


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe (YAML).", show_default=False)],
    dry_run: Annotated[
        bool, typer.Option(help="Count rows, calls and cost; send and write nothing.")
    ] = False,
    preview: Annotated[
        int | None, typer.Option(min=1, help="Walk N chunks and show their rows; the store is not touched.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N chunks.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="Stop before spending more US dollars.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Stop before using more tokens.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a recipe: read, generate, gate, judge, store. Run it again to go on where it stopped."""
    from gristmill.pipeline.run import Options
    from gristmill.recipe import load_recipe

    loaded = load_recipe(recipe, check_keys=not dry_run)
    console = stderr_console()
    for warning in loaded.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    options = Options(limit, max_cost, max_tokens)
    if dry_run:
        code = _dry_run(loaded, limit, as_json)
    elif preview is not None:
        code = _preview(loaded, options, preview, as_json)
    else:
        code = _run(loaded, options, as_json)
    raise typer.Exit(code)


def _run(loaded: Loaded, options: Options, as_json: bool) -> int:
    from gristmill.cli.progress import show_accounting, watch
    from gristmill.pipeline.run import Run

    console = stderr_console()
    job = Run(loaded, options)

    async def both() -> Summary:
        async with watch(job, console):
            return await job.execute()

    summary = asyncio.run(both())
    show_accounting(summary, loaded, console)
    if as_json:
        print_json(summary.as_json())
    return summary.exit_code(loaded.recipe.max_failed_share)


def _dry_run(loaded: Loaded, limit: int | None, as_json: bool) -> int:
    from gristmill.cli.progress import show_projection
    from gristmill.pipeline.project import project

    projection = asyncio.run(project(loaded, limit))
    show_projection(projection, loaded, stderr_console())
    if as_json:
        print_json(projection.as_json())
    return 0


def _preview(loaded: Loaded, options: Options, chunks: int, as_json: bool) -> int:
    from gristmill.cli.progress import show_rows
    from gristmill.pipeline.preview import preview

    result = asyncio.run(preview(loaded, options, chunks))
    show_rows(result, stderr_console())
    if as_json:
        print_json(result.as_json())
    return result.exit_code


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)
