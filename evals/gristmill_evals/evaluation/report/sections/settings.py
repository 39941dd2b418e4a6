"""All that is needed to run the same again, without credentials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gristmill_evals.evaluation.records import TaskInfo
from gristmill_evals.evaluation.report.data import Evaluation
from gristmill_evals.report.blocks import Block, Code, Section, Table
from gristmill_evals.report.sections.settings import without_secrets

MEASURED = ("seconds",)


def settings(found: Evaluation) -> Iterator[Section]:
    """Models, tasks, versions, and the command."""
    run = found.run
    models = {str(run.model.get("role") or "model"): _without_role(run.model), **run.judges}
    blocks: list[Block] = [Code(_yaml({"models": models}), "Models: the first is the one that was evaluated")]
    blocks += [Code(text, f"Task {names}") for text, names in _tasks(found.tasks)]
    blocks.append(Table(("package", "version"), tuple(sorted(run.versions.items())), "Versions"))
    command = f"gristmill eval PLAN.yaml        # the plan named {run.name!r}; goes on, or gives the same run"
    blocks.append(Code(command, "To run it again"))
    intro = (
        f"The run's id, {run.id}, is made of plan, models, tasks and the contents of the files they name: the"
        " same id means the same evaluation. Names of files start at the folder of the plan."
    )
    yield Section("settings", "Settings to reproduce this", tuple(blocks), intro)


def _tasks(tasks: Sequence[TaskInfo]) -> Iterator[tuple[str, str]]:
    """Settings, and the tasks that have them: those of a group often differ in nothing but their name."""
    names: dict[str, list[str]] = {}
    for task in tasks:
        names.setdefault(_yaml(_task(task)), []).append(task.name)
    for text, having in names.items():
        yield text, ", ".join(having)


def _task(task: TaskInfo) -> dict[str, Any]:
    kept = {name: value for name, value in task.settings.items() if name not in MEASURED}
    version = {"version": task.version} if task.version else {}
    return {"use": task.kind, **version, "items": task.items, **kept}


def _without_role(model: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in model.items() if name != "role"}


def _yaml(value: Mapping[str, Any]) -> str:
    import json

    import yaml

    plain = json.loads(json.dumps(without_secrets(dict(value)), default=str))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip()
