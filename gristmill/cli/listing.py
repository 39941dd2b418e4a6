"""gristmill list: what can be used in a recipe."""

from __future__ import annotations

from typing import Annotated

import typer

from gristmill.cli.common import JsonOption, print_json
from gristmill.errors import UsageError


def list_components(
    kind: Annotated[
        str,
        typer.Argument(help="generators, scorers, gates, readers, exports or rubrics", show_default=False),
    ],
    as_json: JsonOption = False,
) -> None:
    """List generators, scorers, gates, readers, exports or rubrics, with a line of help each."""
    from gristmill.registry import KINDS, component_help

    match = next((known for known in KINDS if known == kind or known == f"{kind}s"), None)
    if match is None:
        raise UsageError(f"unknown kind {kind!r}", cure=f"known: {', '.join(KINDS)}")
    rows = component_help(match)
    if as_json:
        print_json(dict(rows))
        return
    width = max((len(name) for name, _ in rows), default=0)
    for name, line in rows:
        print(f"{name:<{width}}  {line}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list")(list_components)
