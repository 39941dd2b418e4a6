"""gristmill report: one offline HTML file that says how good the data is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console


def report(
    db: DbOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The HTML file.")] = Path("report.html"),
    title: Annotated[str | None, typer.Option(help="Title of the report.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the dataset report: one offline HTML file, with JSON and Markdown twins."""
    from gristmill.pipeline.operations import call

    made = call(find_db(db), "report", out=str(out.resolve()), title=title)
    if as_json:
        print_json(made)
    else:
        stderr_console().print(f"report: {made['html']}", soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)
