"""gristmill status: what runs, what the store holds, what the calls took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console
from gristmill.errors import StoreBusyError

if TYPE_CHECKING:
    from rich.console import Console

WATCH_SECONDS = 1.0
SHOWN_RUNS = 5
SHOWN_APART = ("live", "last_run", "runs", "last_calls", "batches")


def status(
    db: DbOption = None,
    run: Annotated[
        str | None, typer.Option("--run", help="One run, with its calls: latency, tokens, cost, retries.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until no run is live any more.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show live and past runs, their calls, rows by status, reviews, failures and segments waiting."""
    path, console = _find(db), stderr_console()
    if watch:
        _watch(path, console, as_json)
    told = _one_run(path, run) if run else _everything(path)
    if as_json:
        print_json(told)
    else:
        _show(told, console)


def _find(db: Path | None) -> Path:
    """The store; during the reading of a first run there is none yet, only its sign of life."""
    if db is not None and db.with_name(db.name + ".live").is_dir():
        return db.resolve()
    folders = [*Path.cwd().glob("*.duckdb.live"), *Path.cwd().glob("data/*.duckdb.live")]
    stores = {folder.with_suffix("") for folder in folders} if db is None else set()
    if len(stores) == 1 and not (store := stores.pop()).exists():
        return store.resolve()
    return find_db(db)


def _everything(path: Path) -> dict[str, Any]:
    from gristmill.models.batch import outstanding
    from gristmill.pipeline.operations import call
    from gristmill_data.store.lives import read_lives
    from gristmill_data.store.places import batches_path

    told: dict[str, Any] = {"file": str(path), "live": read_lives(path)}
    if on_their_way := outstanding(batches_path(path)):
        told["batches"] = [batch.as_json() for batch in on_their_way]
    if not path.exists():
        return told
    try:
        stored = call(path, "status")
        runs, last = call(path, "runs"), call(path, "run_calls")
    except StoreBusyError as busy:
        return {**told, "busy": str(busy)}
    return {**told, **stored, "runs": runs, "last_calls": last}


def _one_run(path: Path, run: str) -> dict[str, Any]:
    from gristmill.pipeline.operations import call
    from gristmill_data.store.lives import read_lives

    live = [life for life in read_lives(path) if life["run"] == run]
    if live and not path.exists():
        return {"file": str(path), "live": live}
    return {"file": str(path), "live": live, "last_calls": call(path, "run_calls", run=run)}


def _show(told: Mapping[str, Any], console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gristmill.cli.batches import status_lines
    from gristmill.cli.life import calls_view, life, runs_table

    for one in told["live"]:
        console.print(life(one))
    table = Table(show_header=False, box=None)
    for key, value in told.items():
        if key in SHOWN_APART:
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
        table.add_row(key.replace("_", " "), escape(str(value)))
    console.print(table)
    if told.get("batches"):
        console.print("\n".join(status_lines(told["batches"])), soft_wrap=True)
    if told.get("runs"):
        console.print(runs_table(told["runs"][:SHOWN_RUNS]))
    if "last_calls" in told:
        console.print(calls_view(told["last_calls"]))


def _watch(path: Path, console: Console, as_json: bool) -> None:
    """Show live runs again and again; the store is left alone meanwhile, the runs need it."""
    from rich.console import Group
    from rich.live import Live

    from gristmill.cli.life import life
    from gristmill_data.store.lives import read_lives

    try:
        with Live(console=console, transient=True, auto_refresh=False) as screen:
            while lives := [one for one in read_lives(path) if one["state"] == "running"]:
                if as_json:
                    print_json({"live": lives})
                screen.update(Group(*map(life, lives)), refresh=True)
                time.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None  # it is the watching that ends, not the run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)
