"""gristmill backup: a consistent copy of the store, also while the review app runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console


def backup(
    out: Annotated[Path, typer.Argument(help="The copy to write; it must not exist.", show_default=False)],
    db: DbOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a consistent copy of the store to a new file."""
    from gristmill.pipeline.operations import call

    made = call(find_db(db), "backup", out=str(out.resolve()))
    if as_json:
        print_json(made)
    else:
        stderr_console().print(f"backup: {out}", soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("backup")(backup)
