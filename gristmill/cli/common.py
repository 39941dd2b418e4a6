"""What several commands share: options, consoles, finding the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

DbOption = Annotated[
    Path | None,
    typer.Option(
        "--db", help="The DuckDB file; without it, the only *.duckdb file here.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One machine-readable object on stdout.")]


def stderr_console() -> Console:
    """Everything for people goes to stderr; stdout is for data."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def find_db(db: Path | None) -> Path:
    """The store to use.

    Raises:
        UsageError: the file is not there, or there is not exactly one to guess.
    """
    if db is not None:
        if not db.is_file():
            raise UsageError("no such file", where=str(db), cure="run a recipe first, or check the path")
        return db.resolve()
    found = sorted(Path.cwd().glob("*.duckdb")) + sorted(Path.cwd().glob("data/*.duckdb"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(
            f"which store? {len(found)} *.duckdb files here: {names}", cure="name it with --db FILE"
        )
    return found[0].resolve()


def print_json(value: Any) -> None:
    """One object on stdout."""
    print(json.dumps(value, default=str))  # ASCII: stdout may be of any encoding
