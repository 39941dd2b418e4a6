"""gristmill benchmark: reviewed rows of documents that training never sees, as a task of lm-eval."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console
from gristmill.cli.rowfiles import WholeFiles
from gristmill.errors import GristmillError, UsageError

if TYPE_CHECKING:
    from gristmill_evals.evaluation.private import Made, Plan

EXCEEDED = 4
_SHOWN = 5
_WIDTH = 70


class Kind(StrEnum):
    """What the task asks for."""

    generate = "generate"
    free = "free"
    choice = "choice"


class Which(StrEnum):
    """Rows that become items."""

    reviewed = "reviewed"
    accepted = "accepted"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command that say what is made."""

    name: str
    kind: Kind
    rows: Which
    metrics: tuple[str, ...]
    note: str
    min_score: float
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark that is made: ``held`` is what the dataset said, ``matches`` those with training rows."""

    plan: Plan
    held: dict[str, Any]
    made: Made
    matches: list[dict[str, Any]]
    training: int


def benchmark(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for its files.", show_default=False)],
    name: Annotated[str, typer.Option(help="Name of the task and of its files.", show_default=False)],
    db: DbOption = None,
    share: Annotated[
        float | None, typer.Option(help="Share of the documents to hold out (0.2).", show_default=False)
    ] = None,
    documents: Annotated[
        int | None, typer.Option(help="Or how many documents that have such rows.", show_default=False)
    ] = None,
    uri: Annotated[
        list[str] | None, typer.Option(help="Or documents by name (* and ?); repeat.", show_default=False)
    ] = None,
    rows: Annotated[
        Which, typer.Option(help="reviewed: accepted by a person; accepted: not rejected by one.")
    ] = Which.reviewed,
    kind: Annotated[
        Kind, typer.Option(help="generate: any answer; free: a few words; choice: multiple choice.")
    ] = Kind.generate,
    seed: Annotated[
        int | None, typer.Option(help="Another draw of documents (0).", show_default=False)
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Only these metrics, the first is the main one; repeat.")
    ] = None,
    note: Annotated[str, typer.Option(help="What for: kept with the documents held out.")] = "",
    min_score: Annotated[
        float, typer.Option(min=0.5, max=1, help="From which a training row repeats an item.")
    ] = 0.5,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 4 when a training row repeats an item.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be made; hold nothing out, write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold documents out of all exports and make a benchmark for lm-eval of their reviewed rows."""
    from gristmill.pipeline.operations import call
    from gristmill_evals.evaluation.private import check_folder, check_plan

    path = find_db(db)
    wanted = Wanted(name, kind, rows, tuple(metric or ()), note, min_score, dry_run)
    check_plan(name, kind.value, wanted.metrics)
    if out.exists() and not out.is_dir():
        raise UsageError("not a folder", where=str(out), cure="name a folder for the files")
    check_folder(out, name, call(path, "benchmark_canary", name=name))
    choice = {"share": share, "documents": documents, "uris": uri or [], "seed": seed}
    result = _made(path, wanted, choice)
    if not dry_run:
        out.mkdir(parents=True, exist_ok=True)
        _enter(path, wanted, result.held)
        _write(out, result)
    summary = _summary(result, out, dry_run)
    if as_json:
        print_json(summary)
    else:
        console = stderr_console()
        for line in _lines(summary):
            console.print(line, soft_wrap=True, markup=False)
    if strict and summary["training_rows_that_repeat_items"]:
        raise typer.Exit(EXCEEDED)


def _made(path: Path, wanted: Wanted, choice: dict[str, Any]) -> Result:
    """Choose the documents and make items of their rows; nothing is held out yet.

    Raises:
        GristmillError: no document can be held out, or none of their rows can be an item.
    """
    from gristmill.pipeline.operations import call
    from gristmill_evals.evaluation.private import Held, Plan, as_benchmark, make_items, overlap

    held = call(path, "holdout_choice", name=wanted.name, rows=wanted.rows.value, **choice)
    if not held["documents"]:
        raise GristmillError(_nothing(held), where=str(path), cure="choose others, or more of them")
    families = {document: told["family"] for document, told in held["documents"].items()}
    with tempfile.TemporaryDirectory(prefix="gristmill-benchmark-") as folder:
        file = Path(folder, "rows.jsonl")
        chunks = wanted.kind is Kind.choice
        call(path, "benchmark_rows", out=file, documents=list(families), chunks=chunks)
        settings = {**held["settings"], "rows": wanted.rows.value}
        known = Held(families, wanted.kind.value, wanted.rows.value, held["settings"]["seed"])
        made = make_items(_read(file), known)
        if not made.questions:
            raise GristmillError(_no_items(held, made), where=str(path), cure=_CURE)
        plan = Plan(
            wanted.name, wanted.kind.value, held["canary"], path.name, settings, wanted.metrics, wanted.note
        )
        training, matches = overlap(_read(file), as_benchmark(plan, made), wanted.min_score)
    return Result(plan, held, made, matches, training)


_CURE = "review more rows (`gristmill review`), or choose more documents, other --rows or another --kind"


def _enter(path: Path, wanted: Wanted, held: dict[str, Any]) -> None:
    """Hold the documents out. Files come after: none may ever hold what an export could take."""
    from gristmill.pipeline.operations import call

    told = {key: held[key] for key in ("canary", "settings", "new", "since")}
    call(path, "hold_out", name=wanted.name, author=getpass.getuser(), note=wanted.note, **told)


def _nothing(held: dict[str, Any]) -> str:
    lost = held["exported"]["documents"]
    reason = f": {lost} documents are in an earlier export" if lost else ""
    return f"no document can be held out{reason}"


def _no_items(held: dict[str, Any], made: Made) -> str:
    left = ", ".join(f"{count} {reason}" for reason, count in made.left_out.items()) or "they have no rows"
    return f"no row of the {len(held['documents'])} chosen documents can be an item: {left}"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            yield orjson.loads(line)


def _write(out: Path, result: Result) -> None:
    """All files under their names at once, at the end."""
    from gristmill_evals.evaluation.private import render

    contents = render(result.plan, result.made, result.matches, result.training)
    with WholeFiles() as files:
        for name, content in contents.items():
            files.open(out / name).write(content)


def _summary(result: Result, out: Path, dry_run: bool) -> dict[str, Any]:
    from gristmill_evals.evaluation.private import repeats

    held, made = result.held, result.made
    same, all_ = repeats(result.matches), {match["example_id"] for match in result.matches}
    return {
        "name": result.plan.name,
        "kind": result.plan.kind,
        "folder": str(out.resolve()),
        "canary": result.plan.canary,
        "settings": dict(result.plan.settings),
        "documents": len({told["uri"] for told in held["documents"].values()}),
        "families": held["families"],
        "new_documents": len(held["new"]),
        "largest_family": held["largest"],
        "exported": held["exported"],
        "rows": made.rows,
        "items": len(made.questions),
        "left_out": dict(made.left_out),
        "choices_by_rule": sum(one.rule for one in made.questions),
        "training_rows": result.training,
        "training_rows_that_repeat_items": len(same),
        "training_rows_with_other_numbers": len(all_ - same),
        "matches": result.matches,
        "dry_run": dry_run,
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    verb = "would be held out" if told["dry_run"] else "held out"
    yield f"{told['documents']} documents {verb} ({told['families']} different texts)"
    lost = told["exported"]
    if lost["documents"]:
        yield f"{lost['documents']} documents cannot be taken: rows of them, or of a copy, were exported"
        yield from (f"  {one['uri']} → {one['path']}" for one in lost["examples"][:_SHOWN])
    yield f"{told['rows']} rows of these documents, {told['items']} items"
    yield from (f"{count} left out: {reason}" for reason, count in told["left_out"].items())
    repeat, rows = told["training_rows_that_repeat_items"], told["training_rows"]
    yield f"{repeat} of {rows} accepted rows of other documents repeat an item"
    if told["training_rows_with_other_numbers"]:
        yield f"{told['training_rows_with_other_numbers']} more have the form of one, with other numbers"
    for match in told["matches"][:_SHOWN]:
        sources = ", ".join(match["sources"])
        question = shorten(match["question"], _WIDTH, placeholder=" …")
        yield f"  {match['label']} {match['score']:.2f}: {question!r}, row {match['example_id']} of {sources}"
    if not told["dry_run"]:
        yield f"lm_eval --include_path {told['folder']} --tasks {told['name']} --model …"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("benchmark")(benchmark)
