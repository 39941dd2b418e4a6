"""Run folders as they are named on the command line, each with a name that tells it from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gristmill.errors import UsageError
from gristmill_evals.comparing.models import Side
from gristmill_evals.evaluation.records import EvalRun, EvalSample


def read_sides(folders: Sequence[Path]) -> list[Side]:
    """Read run folders.

    Raises:
        UsageError: fewer than two, one twice, one that is no run folder or has no answers.
    """
    from gristmill_evals.evaluation.folder import read_run

    check_several([str(folder.resolve()) for folder in folders])
    read = [(folder, *read_run(folder)) for folder in folders]
    for folder, _, samples in read:
        if not samples:
            raise UsageError("this run has no answers yet", where=str(folder), cure="finish it first")
    names = labels(read)
    return [Side(name, *one) for name, one in zip(names, read, strict=True)]


def check_several(names: Sequence[str]) -> None:
    """Two or more, no name twice.

    Raises:
        UsageError: otherwise.
    """
    if len(names) < 2:
        raise UsageError("there is nothing to compare with", cure="name two or more runs")
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise UsageError("this run is named twice", where=twice, cure="name each run once")


def labels(read: Sequence[tuple[Path, EvalRun, Sequence[EvalSample]]]) -> list[str]:
    """The shortest kind of name by which all differ: role, model, plan, folder."""
    kinds: list[Callable[[Path, EvalRun], str]] = [
        lambda _, run: str(run.model.get("role") or ""),
        lambda _, run: str(run.model.get("model") or ""),
        lambda _, run: run.name,
    ]
    for kind in kinds:
        names = [kind(folder, run) for folder, run, _ in read]
        if all(names) and len(set(names)) == len(names):
            return names
    return endings([folder for folder, _, _ in read])


def endings(paths: Sequence[Path]) -> list[str]:
    """As many last parts of different paths as tell them apart."""
    whole = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, whole)) + 1):
        names = ["/".join(parts[-count:]) for parts in whole]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]
