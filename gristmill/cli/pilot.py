"""What people see of a measured dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from gristmill.cli.common import print_json, stderr_console
from gristmill.cli.loop import run_async

if TYPE_CHECKING:
    from rich.console import Console

    from gristmill.pipeline.projection import Projected
    from gristmill.pipeline.run import Options
    from gristmill.pipeline.yields import Range
    from gristmill.recipe import Loaded


def measured_dry_run(loaded: Loaded, options: Options, sizes: Sequence[int], as_json: bool) -> int:
    """Walk the samples, project, show; the exit code."""
    from gristmill.pipeline.pilot import pilot
    from gristmill.pipeline.projection import project_pilot

    projected = project_pilot(run_async(pilot(loaded, options, sizes)))
    show(projected, loaded, stderr_console())
    if as_json:
        print_json(projected.as_json())
    return projected.pilot.exit_code


def show(projected: Projected, loaded: Loaded, console: Console) -> None:
    """Measured facts by model, then the projection with its intervals."""
    from gristmill.pipeline.projection import role_facts, roles

    pilot = projected.pilot
    sizes = " + ".join(str(sample.size) for sample in pilot.samples) or "no"
    table = Table(title=f"{loaded.recipe.name} · pilot of {sizes} chunks", title_justify="left")
    for name in ("model", "calls a chunk", "input tokens a call", "output tokens a call", "seconds a call"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for role in roles(pilot):
        facts = role_facts(pilot, role)
        model = loaded.recipe.models[role].model
        table.add_row(escape(f"{role} ({model})"), *(f"{value:,.2f}" for value in facts.values()))
    console.print(table)
    if pilot.measured:
        console.print(_table(projected))
    for note in projected.notes:
        console.print(f"note: {escape(note)}", soft_wrap=True, highlight=False)
    spent = pilot.counters.total
    console.print(
        f"The pilot sent {spent.sent} calls for ${spent.cost_usd:.4f}; their answers are cached, the run "
        "will not ask again. Nothing was stored.",
        soft_wrap=True,
        highlight=False,
    )
    if pilot.error is not None:
        console.print(f"[red]stopped:[/] {escape(str(pilot.error))}", soft_wrap=True)


def _table(projected: Projected) -> Table:
    whole = f"all {projected.pilot.chunks} chunks"
    goal = projected.pilot.loaded.recipe.target.goal
    title = f"projected for {whole}" if goal is None else f"projected until {goal} rows are accepted"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("90 % interval", justify="right")
    rows: list[tuple[str, Range | None, int]] = [
        ("chunks", projected.chunks, 0),
        ("calls", projected.all_calls, 0),
        ("input tokens", projected.input_tokens, 0),
        ("output tokens", projected.output_tokens, 0),
        ("US dollars", projected.cost_usd, 4),
        ("accepted rows", projected.accepted, 0),
        ("seconds from now on", projected.seconds, 1),
    ]
    for name, found, digits in rows:
        if found is None:
            table.add_row(name, "unknown", "")
        else:
            table.add_row(
                name, f"{found.mid:,.{digits}f}", f"{found.low:,.{digits}f} to {found.high:,.{digits}f}"
            )
    return table
