"""gristmill models check: can each model in the recipe be reached, what does it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.loop import run_async

if TYPE_CHECKING:
    from gristmill.models import ModelCheck

models = typer.Typer(help="Look at a recipe's models.", no_args_is_help=True)


@models.callback()
def _group() -> None:
    """Look at a recipe's models."""


@models.command("check")
def check(
    recipe: Annotated[Path, typer.Argument(help="The recipe (YAML).", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Reach every model of a recipe once, and say what it costs. Exit code 1 when one cannot be reached."""
    from gristmill.models import check_models
    from gristmill.recipe import load_recipe

    loaded = load_recipe(recipe, check_keys=False)
    results = run_async(check_models(loaded.recipe.models))
    if as_json:
        from dataclasses import asdict

        print_json([asdict(result) for result in results])
    else:
        from rich.table import Table

        table = Table("role", "model", "reached", "price", "detail")
        for result in results:
            table.add_row(*_cells(result))
        stderr_console().print(table)
    raise typer.Exit(0 if all(result.ok for result in results) else 1)


def _cells(result: ModelCheck) -> list[str]:
    from rich.markup import escape

    price = result.price
    cost = "unknown" if price is None else f"${price.input:g} in, ${price.output:g} out per M tokens"
    return [result.role, result.model, "yes" if result.ok else "no", cost, escape(result.detail)]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(models, name="models")
