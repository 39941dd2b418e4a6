"""gristmill calibrate: how far a judge can be trusted, measured against people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill_evals.judging import Votes


def calibrate(
    votes: Annotated[
        Path | None,
        typer.Argument(help="Votes and ratings with labels (JSONL); without it, reviews of the store."),
    ] = None,
    db: DbOption = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="JSONL with id, response_1, response_2: for what depends on length."),
    ] = None,
    target_precision: Annotated[float, typer.Option(help="What the threshold must reach.")] = 0.95,
    good_from: Annotated[
        float | None,
        typer.Option(
            help="Labels of ratings from here up are good; for labels on a scale.", show_default=False
        ),
    ] = None,
    jury: Annotated[
        list[str] | None,
        typer.Option(help="Judges of one jury, by name with commas between; * stands for anything."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="One offline HTML page, with a .json twin.")
    ] = None,
    save: Annotated[Path | None, typer.Option(help="The calibration that scorers read (JSON).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure judges against people: accuracy, agreement, calibration, a threshold for a precision."""
    if votes is not None and db is not None:
        raise UsageError("a file of votes and --db exclude each other", cure="name one of them")
    if not 0 < target_precision < 1:
        raise UsageError("a precision lies between 0 and 1", where="--target-precision", cure="such as 0.95")
    from gristmill_evals.judging import calibrate as measure
    from gristmill_evals.judging.pairs_file import read_lengths
    from gristmill_evals.judging.report import plain, twin_of, write_page
    from gristmill_evals.judging.text import lines

    twin = None if out is None else twin_of(out)
    outputs = {"--out": out, "the .json twin of --out": twin, "--save": save}
    _check_outputs([path for path in (votes, pairs) if path], outputs)

    lengths = None if pairs is None else read_lengths(pairs)
    juries = [[name.strip() for name in names.split(",") if name.strip()] for names in jury or []]
    found = measure(
        _read(votes, db), target=target_precision, lengths=lengths, good_from=good_from, juries=juries
    )
    written = [] if out is None else [str(path) for path in write_page(found, out)]
    if save is not None:
        found.file().save(save)
        written.append(str(save))
    if as_json:
        print_json({**plain(found), "written": written})
        return
    console = stderr_console()
    for line in (*lines(found), *(f"→ {path}" for path in written)):
        console.print(line, soft_wrap=True, markup=False)


def _check_outputs(inputs: list[Path], outputs: dict[str, Path | None]) -> None:
    """Refuse outputs that cannot be written or would overwrite an input or each other."""
    from gristmill.cli.rowfiles import check_distinct

    check_distinct(outputs, inputs[0] if inputs else Path("-"))
    for option, path in outputs.items():
        if path is not None and any(path.resolve() == given.resolve() for given in inputs):
            raise UsageError(
                f"{option} would overwrite an input", where=str(path), cure="choose another name"
            )


def _read(votes: Path | None, db: Path | None) -> Votes:
    if votes is not None:
        from gristmill_evals.judging import read_votes

        return read_votes(votes)
    from gristmill.pipeline.operations import call
    from gristmill_evals.judging.reviews import votes_of_store

    store = find_db(db)
    read = votes_of_store(call(store, "judged_rows"), _pair_votes(store), store.name)
    if read.n == 0:
        raise UsageError(
            "nobody has decided on a row that a judge scored",
            where=str(store),
            cure="review rows with `gristmill review`, or give a file of votes",
        )
    return read


def _pair_votes(store: Path) -> Iterator[dict[str, Any]]:
    """All votes of judges of pairs, page by page."""
    from gristmill.pipeline.operations import call

    after: tuple[str, str] | None = None
    while page := call(store, "pair_votes", after=after):
        yield from page
        after = page[-1]["id"], page[-1]["scorer"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)
