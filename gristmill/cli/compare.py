"""gristmill compare: models or datasets side by side, and whether their difference is noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill_evals.comparing import Dataset, DatasetComparison, ModelComparison

    Comparison = ModelComparison | DatasetComparison

MOST_SLOTS = 400_000
"""Rows asked for above which only some of the documents are looked at, the same in every dataset."""
STORE = ".duckdb"


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two or more folders of evaluations, or datasets (FILE.duckdb, FILE.duckdb#RUN). The first"
            " is what the others are compared with.",
            metavar="RUN...",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="An HTML page, with JSON and Markdown twins.")
    ] = None,
    correct: Annotated[
        Literal["holm", "bh", "none"], typer.Option(help="How p values are corrected for many comparisons.")
    ] = "holm",
    as_json: JsonOption = False,
) -> None:
    """Compare models item by item, or datasets figure by figure: what changed, and whether it is noise."""
    from gristmill_evals.comparing import (
        compare_datasets,
        compare_models,
        plain,
        read_sides,
        write_comparison,
    )

    found: Comparison
    if _are_datasets(runs):
        found = compare_datasets(_datasets(runs), correct)
    else:
        found = compare_models(read_sides([Path(run) for run in runs]), correct)
    written = [str(path) for path in write_comparison(found, out.resolve())] if out is not None else []
    _show(found, written)
    if as_json:
        print_json({**plain(found), "written": written})


def _are_datasets(runs: Sequence[str]) -> bool:
    """Whether files of datasets are named.

    Raises:
        UsageError: datasets and evaluations together.
    """
    kinds = {_split(run)[0].suffix == STORE for run in runs}
    if len(kinds) > 1:
        raise UsageError(
            "a dataset cannot be compared with an evaluation", cure="name datasets, or folders of evaluations"
        )
    return kinds == {True}


def _split(run: str) -> tuple[Path, str | None]:
    """File and run of ``FILE.duckdb#RUN``."""
    head, mark, tail = run.rpartition(f"{STORE}#")
    return (Path(f"{head}{STORE}"), tail or None) if mark else (Path(run), None)


def _datasets(runs: Sequence[str]) -> list[Dataset]:
    from gristmill.pipeline.operations import call
    from gristmill_evals.comparing import Dataset
    from gristmill_evals.comparing.sides import check_several

    places = [(find(path), run) for path, run in map(_split, runs)]
    check_several([f"{path}#{run}" if run else str(path) for path, run in places])
    most = max(call(path, "compared_size", run=run) for path, run in places)
    every = max(1, -(-most // MOST_SLOTS))
    names = _labels(places)
    sides = [
        Dataset(name, _frames(path, run, every), _texts(path), every)
        for name, (path, run) in zip(names, places, strict=True)
    ]
    check_several(
        [
            f"{path}#{', '.join(side.frames['runs']['run_id'])}"
            for side, (path, _) in zip(sides, places, strict=True)
        ]
    )
    return sides


def find(path: Path) -> Path:
    """The file of a dataset.

    Raises:
        UsageError: there is none.
    """
    if not path.is_file():
        raise UsageError("no such dataset", where=str(path), cure="check the path")
    return path.resolve()


def _labels(places: Sequence[tuple[Path, str | None]]) -> list[str]:
    """The run where one is named, else the file, or its folder where all files have one name."""
    from gristmill_evals.comparing.sides import endings

    files = list(dict.fromkeys(path for path, _ in places))
    alike = len(files) > 1 and len({path.stem for path in files}) == 1
    names = dict(
        zip(files, endings([path.parent if alike else path.with_suffix("") for path in files]), strict=True)
    )
    short = [run or names[path] for path, run in places]
    return (
        short
        if len(set(short)) == len(short)
        else [f"{names[path]} {run or ''}".strip() for path, run in places]
    )


def _frames(path: Path, run: str | None, every: int) -> dict[str, Any]:
    import tempfile

    import pandas as pd

    from gristmill.pipeline.operations import call

    with tempfile.TemporaryDirectory(prefix="gristmill-compare-") as folder:
        names = call(path, "compared", folder=folder, run=run, every=every)
        return {name: pd.read_parquet(Path(folder) / f"{name}.parquet") for name in names}


def _texts(path: Path) -> Any:
    from gristmill.pipeline.operations import call

    def fetch(ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {row["example_id"]: row for row in call(path, "compared_texts", ids=list(ids))}

    return fetch


def _show(found: Comparison, written: Sequence[str]) -> None:
    from gristmill.cli.compared import tables
    from gristmill_evals.comparing import ModelComparison
    from gristmill_evals.comparing.dataset_sections import outcome as of_datasets
    from gristmill_evals.comparing.model_sections import outcome as of_models

    console = stderr_console()
    for table in tables(found):
        console.print(table)
    for warning in found.warnings:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    told = of_models(found) if isinstance(found, ModelComparison) else of_datasets(found)
    for sentence in told:
        console.print(sentence, markup=False, soft_wrap=True)
    if written:
        console.print(f"comparison: {written[0]}", markup=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)
