"""gristmill init: a project to start from."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from gristmill.cli.common import stderr_console
from gristmill.errors import GristmillError, UsageError


def init(folder: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)]) -> None:
    """Make a project: a recipe with documents, an evaluation with tasks. Nothing existing is overwritten."""
    if folder.exists() and not folder.is_dir():
        raise UsageError("a file, not a folder", where=str(folder), cure="name a new folder")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("the folder is not empty", where=str(folder), cure="name a new folder")
    count = _copy(_samples(), folder)
    console = stderr_console()
    console.print(f"{count} files in {folder}. Next:", soft_wrap=True, markup=False)
    console.print(f"  gristmill run {folder / 'recipe.yaml'}", soft_wrap=True, markup=False)
    console.print(f"  gristmill eval {folder / 'evaluation.yaml'}", soft_wrap=True, markup=False)


def _samples() -> Traversable:
    """data/samples, from the wheel or from a checkout."""
    package = files("gristmill_data")
    installed = package / "samples"
    if installed.is_dir():
        return installed
    checkout = Path(str(package)).parent / "samples"
    if checkout.is_dir():
        return checkout
    raise GristmillError("the sample project is missing from this installation", cure="reinstall gristmill")


def _copy(source: Traversable, target: Path) -> int:
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for entry in source.iterdir():
        if entry.is_dir():
            count += _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())
            count += 1
    return count


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)
