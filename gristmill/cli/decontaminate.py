"""gristmill decontaminate: which rows of a JSONL file repeat benchmark items."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.engine import AddressOption, Engine, EngineOption, WorkersOption, ray_options
from gristmill.cli.jsonl import check_source
from gristmill.cli.rowfiles import check_distinct
from gristmill.cli.second_opinion import (
    BaseUrlOption,
    CalibrationOption,
    EmbedderOption,
    EmbedRows,
    EmbedRowsOption,
    JudgeOption,
    KeyOption,
    afterwards,
)
from gristmill.errors import UsageError

EXCEEDED = 4


class Tiers(StrEnum):
    """Which tiers look at the rows."""

    all = "all"
    exact = "exact"


def decontaminate(
    source: Annotated[
        Path, typer.Argument(help="Rows to check (JSONL, also .gz or .zst).", show_default=False)
    ],
    benchmark: Annotated[
        list[str],
        typer.Option(
            help="JSONL, CSV or Parquet file, lm-eval:TASK, or lm-eval:TASK@FOLDER.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Matches (JSONL).", show_default=False)],
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="0 gives the best candidate of every row.")
    ] = 0.5,
    tiers: Annotated[
        Tiers, typer.Option(help="exact: word by word only, many times faster; no rewordings.")
    ] = Tiers.all,
    clean_out: Annotated[
        Path | None, typer.Option(help="Rows without a blocking match, as they are.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="One offline HTML page, with a .json twin.", show_default=False)
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Lines that cannot be checked; by default OUT.malformed.jsonl, when there are any."
        ),
    ] = None,
    block: Annotated[
        list[str] | None,
        typer.Option(
            help="Labels that keep a row out (repeatable); by default all but template.",
            show_default=False,
        ),
    ] = None,
    fail_over: Annotated[
        str | None,
        typer.Option(help="Exit code 4 when more than this share of the rows is blocked (0.1% or 0.001)."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default the cores, one for small files.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="Keeps the benchmarks' index for the next time.", show_default=False)
    ] = None,
    judge: JudgeOption = None,
    embedder: EmbedderOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    embed_rows: EmbedRowsOption = EmbedRows.foreign,
    calibration: CalibrationOption = None,
    engine: EngineOption = Engine.local,
    ray_address: AddressOption = None,
    ray_workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare rows with benchmarks: matches with label, score and spans, clean rows, a report."""
    check_source(source)
    outputs = {"--out": out, "--clean-out": clean_out, "--report": report, "--rejects": rejects}
    check_distinct(outputs, source)
    limit = None if fail_over is None else share_of(fail_over)
    cluster = ray_options(engine, ray_address, ray_workers)
    if cluster is not None and workers is not None:
        raise typer.BadParameter("only without --engine ray (there, --ray-workers)", param_hint="--workers")
    from gristmill.cli.scanning import Scan, Targets
    from gristmill_evals.contamination_report.policy import Policy

    policy = Policy.of(block or (), min_score)
    kept = index or out.with_name(out.name + ".opinions")
    after = afterwards(judge, embedder, base_url, api_key_env, embed_rows, calibration, kept)
    scan = Scan(source, tuple(benchmark), min_score, policy, index, after, tiers is Tiers.exact)
    result = scan.run(Targets(out, clean_out, report, rejects), workers, cluster)
    summary = result.summary(limit)
    if as_json:
        print_json(summary)
    else:
        result.tell(stderr_console(), summary)
    raise typer.Exit(code_of(summary))


def share_of(text: str) -> float:
    """``0.1%`` and ``0.001`` as a share.

    Raises:
        UsageError: it is neither, or outside of 0 to 1.
    """
    number = text.strip().removesuffix("%")
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        cure = "give a share of the rows such as 0.1% or 0.001"
        raise UsageError(f"{text!r} is not a share", where="--fail-over", cure=cure)
    return share


def code_of(summary: dict[str, Any]) -> int:
    """0 done; 1 of the lines none could be checked; 4 more rows blocked than ``--fail-over`` allows."""
    if summary["malformed"] and not summary["rows"]:
        return 1
    return EXCEEDED if summary.get("exceeded") else 0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decontaminate")(decontaminate)
