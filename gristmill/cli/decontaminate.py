"""gristmill decontaminate: which rows of a JSONL file repeat benchmark items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.engine import AddressOption, Engine, EngineOption, WorkersOption, ray_options
from gristmill.cli.jsonl import check_source, check_target, numbered_rows

# Rows are checked and sent to workers by the batch; a few batches are held in memory.
BATCH = 200


def decontaminate(
    source: Annotated[Path, typer.Argument(help="Rows to check (JSONL).", show_default=False)],
    benchmark: Annotated[
        list[str], typer.Option(help="JSONL, CSV or Parquet file, or lm-eval:TASK.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Matches (JSONL).", show_default=False)],
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="0 gives the best candidate of every row.")
    ] = 0.5,
    engine: EngineOption = Engine.local,
    ray_address: AddressOption = None,
    ray_workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare rows with benchmarks and write the matches, with label, score and spans of both sides."""
    from gristmill.pipeline.ray.crew import batched, here, on_cluster
    from gristmill_evals.contamination import ScanJob, load_benchmark
    from gristmill_evals.contamination.scan import Numbered

    check_source(source)
    check_target(out, source, "the matches")
    cluster = ray_options(engine, ray_address, ray_workers)
    job = ScanJob(tuple(load_benchmark(name, Path.cwd()) for name in benchmark), min_score)
    seen = Counter[str]()
    labels = Counter[str]()
    hit_rows: set[str] = set()
    batches: Iterator[list[Numbered]] = batched(enumerate(_rows(source, seen), 1), BATCH)
    found = here(job, batches) if cluster is None else on_cluster(job, batches, cluster)
    part = out.with_name(out.name + ".part")
    with part.open("wb") as file:
        for match in chain.from_iterable(found):
            _write(file, match)
            if match["label"] is not None:
                labels[match["label"]] += 1
                hit_rows.add(str(match["id"]))
    part.replace(out)
    summary = {
        "rows": seen["rows"],
        "rows_matched": len(hit_rows),
        "matches": dict(labels.most_common()),
        "out": str(out),
    }
    if as_json:
        print_json(summary)
    else:
        shown = ", ".join(f"{label} {count}" for label, count in labels.most_common()) or "no match"
        console = stderr_console()
        console.print(
            f"{seen['rows']} rows, {len(hit_rows)} matched: {shown} → {out}", soft_wrap=True, markup=False
        )


def _write(file: IO[bytes], match: dict[str, Any]) -> None:
    file.write(orjson.dumps(match) + b"\n")


def _rows(path: Path, seen: Counter[str]) -> Iterator[dict[str, Any]]:
    for number, row, _ in numbered_rows(path):
        seen["rows"] += 1
        yield {"id": f"{path.name}:{number}", **row}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decontaminate")(decontaminate)
