"""gristmill dedup: keep the first of every group of equal or nearly equal rows of a JSONL file."""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import orjson
import typer

from gristmill.cli.common import JsonOption, print_json, stderr_console
from gristmill.cli.engine import AddressOption, Engine, EngineOption, WorkersOption, ray_options
from gristmill.cli.jsonl import check_source, check_target, numbered_rows
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill.pipeline.ray.cluster import RayOptions
    from gristmill_scorers.dedup import Comparison, Deciding, Duplicate, Numbered, Read

BATCH = 500
_Line = tuple[int, dict[str, Any], bytes]


class Compare(StrEnum):
    """What makes an exact duplicate."""

    example = "example"
    instruction = "instruction"


def dedup(
    source: Annotated[Path, typer.Argument(help="Rows (JSONL).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Rows that stay (JSONL).", show_default=False)],
    dropped: Annotated[
        Path | None,
        typer.Option(help="The others, each with the row it repeats; by default OUT with .dropped.jsonl."),
    ] = None,
    near: Annotated[bool, typer.Option("--near", help="Also rows that are nearly the same.")] = False,
    threshold: Annotated[
        float, typer.Option(min=0.51, max=1, help="With --near: how alike question and response must be.")
    ] = 0.9,
    ignore_numbers: Annotated[
        bool, typer.Option("--ignore-numbers", help="With --near: other numbers still make a duplicate.")
    ] = False,
    compare: Annotated[
        Compare, typer.Option(help="Exact duplicates by the whole example, or by what is asked.")
    ] = Compare.example,
    engine: EngineOption = Engine.local,
    ray_address: AddressOption = None,
    ray_workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep the first of every group of rows that say the same; the others go to a file of their own."""
    from gristmill_scorers.dedup import Comparison, Deciding

    if ignore_numbers and not near:
        raise typer.BadParameter("only with --near", param_hint="--ignore-numbers")
    check_source(source)
    rest = dropped or out.with_name(f"{out.name.removesuffix('.jsonl')}.dropped.jsonl")
    check_target(out, source, "the rows that stay")
    check_target(rest, source, "the rows that go")
    if rest.absolute() == out.absolute():
        raise UsageError("both outputs have one name", where=str(out), cure="choose another --dropped")
    how = Comparison(compare.value, threshold if near else None, ignore_numbers)
    cluster = ray_options(engine, ray_address, ray_workers)
    deciding = Deciding(how)
    with Outputs(out, rest, deciding) as outputs:
        for line, read in _read(source, how, cluster):
            outputs.write(line, deciding.decide(read))
    summary = {
        "rows": deciding.kept + deciding.reasons.total(),
        "kept": deciding.kept,
        "dropped": dict(deciding.reasons.most_common()),
        "groups": len(deciding.groups),
        "largest_group": 1 + max(deciding.groups.values(), default=0),
        "out": str(out),
        "dropped_out": str(rest),
    }
    if as_json:
        print_json(summary)
        return
    found = ", ".join(f"{n} {reason}" for reason, n in deciding.reasons.most_common()) or "no duplicate"
    text = f"{summary['rows']} rows, {deciding.kept} kept → {out}; {found} → {rest}"
    stderr_console().print(text, soft_wrap=True, markup=False)


class Outputs:
    """Both files, written under temporary names and renamed together when all rows are through."""

    def __init__(self, out: Path, rest: Path, deciding: Deciding) -> None:
        self._paths = (out, rest)
        self._deciding = deciding
        # 16 bytes a kept row: where it is in the output, and its line number, to name it to its copies.
        self._places, self._numbers = array("Q"), array("Q")
        self._end = 0
        self._stack = ExitStack()

    def __enter__(self) -> Outputs:
        kept, rest = (self._stack.enter_context(_part(path).open("w+b")) for path in self._paths)
        self._kept: IO[bytes] = kept
        self._rest: IO[bytes] = rest
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        for path in self._paths:
            if kind is None:
                _part(path).replace(path)
            else:
                _part(path).unlink(missing_ok=True)

    def write(self, line: _Line, duplicate: Duplicate | None) -> None:
        """Put a row where it belongs."""
        number, row, text = line
        if duplicate is None:
            self._places.append(self._end)
            self._numbers.append(number)
            self._end += self._kept.write(text.rstrip(b"\r\n") + b"\n")
            return
        first = duplicate.first
        self._rest.write(
            orjson.dumps(
                {
                    "line": number,
                    "id": row.get("id"),
                    "reason": duplicate.reason,
                    "likeness": round(duplicate.likeness, 4),
                    "kept_line": self._numbers[first],
                    "kept_id": self._row(first).get("id"),
                    "row": row,
                }
            )
            + b"\n"
        )

    def _row(self, place: int) -> dict[str, Any]:
        """A row that was kept, read back: only its place is held in memory."""
        start = self._places[place]
        end = self._places[place + 1] if place + 1 < len(self._places) else self._end
        self._kept.flush()
        row: dict[str, Any] = orjson.loads(os.pread(self._kept.fileno(), end - start, start))
        return row


def _read(source: Path, how: Comparison, cluster: RayOptions | None) -> Iterator[tuple[_Line, Read]]:
    """Every row with what deciding needs of it, in order; a few batches are held."""
    from gristmill.pipeline.ray.crew import batched, here, on_cluster

    held: deque[_Line] = deque()

    def batches() -> Iterator[list[Numbered]]:
        for batch in batched(numbered_rows(source), BATCH):
            held.extend(batch)
            yield [(number, row) for number, row, _ in batch]

    found = here(how, batches()) if cluster is None else on_cluster(how, batches(), cluster)
    for batch in found:
        for read in batch:
            yield held.popleft(), read


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dedup")(dedup)
