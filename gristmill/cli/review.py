"""gristmill review: the app in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.cli.common import DbOption, find_db


def review(
    db: DbOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on (loopback only).")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
) -> None:
    """Review the rows in the browser; runs, exports and reports go on working meanwhile."""
    from gristmill_ui.server import serve

    serve(find_db(db), host=host, port=port, open_browser=browser)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)
