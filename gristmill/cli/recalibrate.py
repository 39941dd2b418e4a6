"""gristmill recalibrate: what reviewers said of matches, turned into better probabilities."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.cli.common import DbOption, JsonOption, find_db, print_json, stderr_console
from gristmill.errors import UsageError

if TYPE_CHECKING:
    from gristmill_evals.contamination.calibration import Recalibration
    from gristmill_evals.contamination.recalibrate import Verdict


def recalibrate(
    db: DbOption = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Instead of a store: JSONL with score, label, right (and tier, benchmark)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The calibration (JSON).")] = Path(
        "contamination-calibration.json"
    ),
    previous: Annotated[
        Path | None,
        typer.Option(help="The calibration that the judged scores were made with, if there was one."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the probabilities of contamination matches to reviewers' verdicts on them."""
    from gristmill_evals.contamination.calibration import Recalibration
    from gristmill_evals.contamination.recalibrate import recalibrate as fit

    if db is not None and verdicts is not None:
        raise UsageError("--db and --verdicts exclude each other", cure="name one of them")
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent), cure="create it first")
    before = None if previous is None else Recalibration.load(previous)
    made = fit(_read(db, verdicts, before))
    made.save(out)
    if as_json:
        print_json({**asdict(made), "n": made.n, "out": str(out)})
        return
    console = stderr_console()
    for line in (*_lines(made), f"→ {out}"):
        console.print(line, soft_wrap=True, markup=False)


def _read(db: Path | None, file: Path | None, before: Recalibration | None) -> list[Verdict]:
    from gristmill_evals.contamination.recalibrate import read_verdicts, verdict_of

    if file is not None:
        return read_verdicts(file, before)
    from gristmill.pipeline.operations import call

    rows: list[dict[str, Any]] = call(find_db(db), "match_verdicts")
    return [verdict_of(row, "the store", before) for row in rows]


def _lines(made: Recalibration) -> list[str]:
    lines = [
        made.stands_on,
        f"log loss on unseen verdicts: {made.loss_before:.3f} as shipped, {made.loss_after:.3f} now",
    ]
    for threshold in made.thresholds:
        if threshold.score is None or threshold.interval is None or threshold.precision is None:
            lines.append(f"precision {threshold.target:g}: no threshold reaches it")
            continue
        low, high = threshold.interval
        lines.append(
            f"precision {threshold.target:g}: from --min-score {threshold.score:.3f} up "
            f"({threshold.precision:.3f} of {threshold.n} verdicts, 95 % interval {low:.3f} to {high:.3f})"
        )
    return lines


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recalibrate")(recalibrate)
