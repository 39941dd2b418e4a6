"""gristmill export: the dataset in a format a trainer reads."""

from __future__ import annotations

import getpass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console


class Which(StrEnum):
    """Rows to export."""

    accepted = "accepted"
    reviewed = "reviewed"
    all = "all"


def export(
    fmt: Annotated[
        str, typer.Option("--format", "-f", help="See 'gristmill list exports'.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.", show_default=False)],
    db: DbOption = None,
    rows: Annotated[
        Which, typer.Option(help="accepted: not rejected by a reviewer; reviewed: accepted by one; all.")
    ] = Which.accepted,
    lineage: Annotated[bool, typer.Option(help="Keep ids, sources and scores in every row.")] = True,
    include_held_out: Annotated[
        bool, typer.Option("--include-held-out", help="Also rows of documents held out for a benchmark.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Export rows as OpenAI chat, ShareGPT, Alpaca, DPO pairs or Parquet; edits of reviewers applied."""
    from gristmill.pipeline.operations import call

    args = {"lineage": lineage} if fmt != "parquet" else {}
    asked = {"format": fmt, "out": str(out.resolve()), "statuses": str(rows), "args": args}
    who = {"include_held_out": include_held_out, "author": getpass.getuser()}
    made = call(find_db(db), "export", **asked, **who)
    if as_json:
        print_json(made)
        return
    console = stderr_console()
    console.print(f"{made['written']} rows: {made['path']}", soft_wrap=True, markup=False)
    for reason, count in made["skipped"].items():
        console.print(f"{count} rows left out: {reason}", soft_wrap=True, markup=False)
    if made.get("held_out"):
        text = f"{made['held_out']} rows of documents held out for a benchmark are in it (--include-held-out)"
        console.print(text, soft_wrap=True, markup=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)
