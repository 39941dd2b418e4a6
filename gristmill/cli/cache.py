"""gristmill cache: look at the answered calls, move them, clear them out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill.models.cache_files import CacheStats, Imported, ModelStats, Pruned

PAGE = 100_000
SHOWN = 20

cache = typer.Typer(help="Look after the cache of answered calls.", no_args_is_help=True)

FileOption = Annotated[
    Path | None,
    typer.Option("--cache", help="A cache file, instead of the one beside --db.", show_default=False),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model", help="Only this model (openai:NAME; * for anything). Repeatable.", show_default=False
    ),
]


@cache.callback()
def _group() -> None:
    """Look after the cache of answered calls."""


@cache.command("stats")
def stats(db: DbOption = None, file: FileOption = None, as_json: JsonOption = False) -> None:
    """Count calls, tokens, cost and seconds by model, unusable answers by kind, and bytes on disk."""
    from gristmill.models.cache_files import read_stats

    found = read_stats(_file(db, file))
    if as_json:
        print_json(found.as_json())
    else:
        _show_stats(found)


@cache.command("export")
def export(
    db: DbOption = None,
    file: FileOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The JSONL file to write; without it, stdout.", show_default=False),
    ] = None,
    model: ModelOption = None,
    since: Annotated[
        str | None, typer.Option(help="Only calls from then on: 7d, 12h, 2026-11-01.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write calls as JSON, one a line, for import elsewhere, for other tools, for reading."""
    from gristmill.models.cache_files import export_calls, moment

    source, after = _file(db, file), moment(since) if since else None
    if out is None:
        if as_json:
            raise UsageError("--json and the calls both want stdout", cure="name a file with --out")
        _to_stdout(source, model or (), after)
        return
    _check_out(out, source)
    temporary = out.with_name(f".{out.name}.{uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as target:
            count = export_calls(source, target, model or (), after)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    if as_json:
        print_json({"written": count, "path": str(out)})
    else:
        _say(f"{count} calls: {out}")


@cache.command("import")
def import_(
    source: Annotated[
        Path, typer.Argument(help="An export (JSONL) or another cache file (.sqlite).", show_default=False)
    ],
    db: DbOption = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over calls. Keys are checked; usable answers are never replaced. Exit code 1 if some were bad."""
    from gristmill.models.cache_files import import_calls

    result = import_calls(_file(db, file, new=True), source)
    if as_json:
        print_json(asdict(result))
    else:
        _show_import(result)
    raise typer.Exit(1 if result.bad_count else 0)


@cache.command("prune")
def prune(
    db: DbOption = None,
    file: FileOption = None,
    older_than: Annotated[
        str | None, typer.Option(help="Calls before then: 30d, 12h, 2w, 2026-11-01.", show_default=False)
    ] = None,
    model: ModelOption = None,
    unusable: Annotated[
        bool, typer.Option("--unusable", help="Answers that are truncated, refused, filtered or empty.")
    ] = False,
    unreferenced: Annotated[
        bool, typer.Option("--unreferenced", help="Calls that no run of the store has used.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove the calls that fit all that is given, and shrink the file. Not while a run uses it."""
    from gristmill.models import cache_files

    if unreferenced and file is not None:
        raise UsageError("--unreferenced needs the store", cure="name it with --db instead of --cache")
    which = cache_files.Which(
        model or (),
        cache_files.moment(older_than) if older_than else None,
        unusable,
        _referenced(find_db(db)) if unreferenced else None,
    )
    result = cache_files.prune(_file(db, file), which, dry_run=dry_run)
    if as_json:
        print_json(result.as_json())
    else:
        _show_pruned(result)


def _file(db: Path | None, file: Path | None, *, new: bool = False) -> Path:
    from gristmill_data.store.places import cache_path

    if file is not None:
        if db is not None:
            raise UsageError("--db and --cache name two files", cure="give one of them")
        return file.absolute()
    if new and db is not None and db.parent.is_dir():
        return cache_path(db.resolve())  # a colleague's answers may come before the first run
    return cache_path(find_db(db))


def _referenced(db: Path) -> Iterator[list[str]]:
    from gristmill.pipeline.operations import call

    call(db, "ingest")
    after = ""
    while page := call(db, "call_keys", after=after, limit=PAGE):
        yield page
        after = page[-1]


def _check_out(out: Path, source: Path) -> None:
    if not out.parent.is_dir() or out.is_dir():
        raise UsageError("not a file in a folder that is there", where=str(out), cure="choose another path")
    real = source.resolve()
    if out.resolve() in {real.with_name(real.name + end) for end in ("", "-wal", "-shm", "-claims")}:
        raise UsageError("that would overwrite the cache itself", where=str(out), cure="choose another name")


def _to_stdout(source: Path, models: list[str] | tuple[str, ...], after: str | None) -> None:
    from gristmill.models.cache_files import export_calls

    try:
        export_calls(source, sys.stdout.buffer, models, after)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str, style: str | None = None) -> None:
    stderr_console().print(text, style=style, soft_wrap=True, markup=False)


def _show_stats(found: CacheStats) -> None:
    from rich.table import Table

    table = Table("model", "calls", "tokens in/out", "cost", "s mean/median", box=None)
    table.columns[0].overflow = "fold"
    for name, part in [*sorted(found.models.items()), ("all", found.total)]:
        table.add_row(*_cells(name, part))
    stderr_console().print(table)
    _say(", ".join(f"{kind} {count}" for kind, count in found.total.by_finish.most_common()) or "no calls")
    span = f", from {found.oldest} to {found.newest}" if found.oldest else ""
    _say(f"{found.path}: {_size(found.bytes)}{span}")


def _cells(name: str, part: ModelStats) -> list[str]:
    from rich.markup import escape

    row = part.as_json()
    cost = f"${part.cost_usd:.4f}" if part.unpriced < part.calls else "unknown"
    if 0 < part.unpriced < part.calls:
        cost += f" + {part.unpriced} unpriced"
    times = "/".join("-" if row[k] is None else f"{row[k]:.2f}" for k in ("mean_seconds", "median_seconds"))
    return [escape(name), str(part.calls), f"{part.input_tokens}/{part.output_tokens}", cost, times]


def _show_import(result: Imported) -> None:
    for bad in result.bad[:SHOWN]:
        _say(f"{bad.where}: {bad.reason}", "yellow")
    if result.bad_count > SHOWN:
        _say(f"… and {result.bad_count - SHOWN} more (--json names up to 1,000)", "yellow")
    _say(
        f"{result.read} calls read: {result.added} added, {result.replaced} unusable ones replaced, "
        f"{result.known} known already, {result.bad_count} not taken over"
    )
    if result.on_trust:
        _say(f"{result.on_trust} offline calls were taken over under the key they came with")


def _show_pruned(result: Pruned) -> None:
    verb = "would be removed" if result.dry_run else "removed"
    _say(f"{result.removed} calls {verb}, which had cost ${result.cost_usd:.4f}; {result.kept} stay")
    for name, count in result.by_model.items():
        _say(f"  {name}: {count}")
    if not result.dry_run:
        _say(f"on disk: {_size(result.bytes_before)} before, {_size(result.bytes_after)} now")


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(cache, name="cache")
