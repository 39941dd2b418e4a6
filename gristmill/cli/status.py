"""gristmill status: what the store holds and who owns it."""

from __future__ import annotations

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console


def status(db: DbOption = None, as_json: JsonOption = False) -> None:
    """Show runs, rows by status, reviews, failures and segments waiting."""
    from gristmill.pipeline.operations import call

    state = call(find_db(db), "status")
    if as_json:
        print_json(state)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for key, value in state.items():
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
        table.add_row(str(key).replace("_", " "), escape(str(value)))
    stderr_console().print(table)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)
