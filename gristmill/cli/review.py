"""gristmill review: the app in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gristmill.cli.common import DbOption, find_db


def review(
    db: DbOption = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; one that others can reach needs --oidc or --trusted-header."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8501,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    lead: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Make somebody a lead; may be given several times."),
    ] = None,
    oidc: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="People sign in with the provider that this TOML file names."),
    ] = None,
    trusted_header: Annotated[
        str, typer.Option(metavar="HEADER", help="A proxy says in this header who somebody is.")
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="IP", help="Address or network of that proxy; this machine if not given."),
    ] = None,
    url: Annotated[
        str, typer.Option(help="Where browsers reach that proxy, as https://review.example.org.")
    ] = "",
    newcomers: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="What strangers may do: reviewer, reader, or nobody (they stay outside: usual with --oidc).",
        ),
    ] = "",
    recipes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="Recipes of this folder may be run from the browser too, not only those beside the store.",
        ),
    ] = None,
) -> None:
    """Review the rows in the browser; runs, exports and reports go on working meanwhile."""
    from gristmill_ui.access import arranged
    from gristmill_ui.server import serve
    from gristmill_ui.services.recipes import allow

    for folder in recipes or ():
        allow(folder)
    access = arranged(
        oidc=oidc, header=trusted_header, proxies=trusted_proxy or (), url=url, newcomers=newcomers
    )
    serve(find_db(db), host=host, port=port, open_browser=browser, access=access, leads=lead or ())


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("review")(review)
