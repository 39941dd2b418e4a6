"""gristmill decontaminate: which rows of a JSONL file repeat benchmark items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.errors import UsageError


def decontaminate(
    source: Annotated[Path, typer.Argument(help="Rows to check (JSONL).", show_default=False)],
    benchmark: Annotated[
        list[str], typer.Option(help="JSONL, CSV or Parquet file, or lm-eval:TASK.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Matches (JSONL).", show_default=False)],
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="0 gives the best candidate of every row.")
    ] = 0.5,
    as_json: JsonOption = False,
) -> None:
    """Compare rows with benchmarks and write the matches, with label, score and spans of both sides."""
    from gristmill_evals.contamination import load_benchmark, scan

    if not source.is_file():
        raise UsageError("no such file", where=str(source), cure="check the path")
    _check_target(out, source)
    benchmarks = [load_benchmark(name, Path.cwd()) for name in benchmark]
    seen = Counter[str]()
    labels = Counter[str]()
    hit_rows: set[str] = set()
    part = out.with_name(out.name + ".part")
    with part.open("wb") as file:
        for match in scan(_rows(source, seen), benchmarks, min_score):
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
        found = ", ".join(f"{label} {count}" for label, count in labels.most_common()) or "no match"
        console = stderr_console()
        console.print(
            f"{seen['rows']} rows, {len(hit_rows)} matched: {found} → {out}", soft_wrap=True, markup=False
        )


def _check_target(out: Path, source: Path) -> None:
    if out.is_dir():
        raise UsageError("a folder, not a file", where=str(out), cure="name a file in it")
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent), cure="create it first")
    if out.exists() and out.samefile(source):
        raise UsageError("the matches would overwrite the rows", where=str(out), cure="choose another name")


def _write(file: IO[bytes], match: dict[str, Any]) -> None:
    file.write(orjson.dumps(match) + b"\n")


def _rows(path: Path, seen: Counter[str]) -> Iterator[dict[str, Any]]:
    """Rows of a JSONL file.

    Raises:
        UsageError: a line is not a JSON object; rows are never passed over.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                where = f"{path}:{number}"
                raise UsageError(f"not JSON: {error}", where=where, cure="mend the line") from None
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=f"{path}:{number}", cure="one object a line")
            seen["rows"] += 1
            yield {"id": f"{path.name}:{number}", **row}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("decontaminate")(decontaminate)
