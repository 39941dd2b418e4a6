"""The plan of an evaluation: which models, which tasks, where to. Checked in full before anything is asked.

Written like a recipe and read by the same code: every error names file and line, an unknown key the
nearest known one. A task is found by its ``use``, here or in another package's entry points of the group
``gristmill.tasks``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from gristmill.errors import RecipeError
from gristmill.models.spec import ModelSpec
from gristmill.recipe import Budget, Step, check_specs, model_identity, nearest, validated
from gristmill.records import content_id
from gristmill.yaml_lines import Loc, Source, read_yaml
from gristmill_evals.evaluation.contents import contents_of
from gristmill_evals.evaluation.records import EvalTask

TASKS: Mapping[str, str] = {
    "lm-eval": "gristmill_evals.evaluation.lm:LmEvalTask",
    "jsonl": "gristmill_evals.evaluation.lm:JsonlTask",
    "judged": "gristmill_evals.evaluation.judged:JudgedTask",
    "conversation": "gristmill_evals.evaluation.multiturn:ConversationTask",
    "memorisation": "gristmill_evals.evaluation.memorisation:MemorisationTask",
}
_RECIPE_DOCS, _DOCS = "see docs/recipe.md", "see docs/evaluation.md"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CleanAgainst(_Strict):
    """Which dataset the items are looked for in; ``min_score`` is the probability a match must have."""

    dataset: str = Field(min_length=1)
    min_score: float = Field(default=0.5, ge=0, le=1)


class EvalPlan(_Strict):
    """The YAML file, as written. ``evaluate`` are roles of ``models``, all of them when left out."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._ -]+$")
    models: dict[str, ModelSpec] = Field(min_length=1)
    evaluate: list[str] = []
    tasks: list[Step] = Field(min_length=1)
    clean_against: CleanAgainst | None = None
    out: str = Field(default="evaluations", min_length=1)
    budget: Budget = Budget()
    limit: int | None = Field(default=None, ge=1)
    max_failed: float = Field(default=0.05, ge=0, le=1)


@runtime_checkable
class Prepared(Protocol):
    """A task that checks more than its own fields (rubrics, roles, files) before anything is asked."""

    def prepare(self, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> Sequence[str]:
        """Warnings.

        Raises:
            GristmillError: with file and line; the evaluation does not start.
        """


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task, ready to run. ``label`` names it for people, ``roles`` are the models it asks besides.

    ``settings`` are its arguments with the contents of the files that they name: other settings are
    another evaluation.
    """

    label: str
    use: str
    task: EvalTask
    roles: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """A plan that passed every check. Relative paths of it start at ``root``."""

    plan: EvalPlan
    root: Path
    tasks: tuple[PlannedTask, ...]
    warnings: tuple[str, ...] = field(default=())

    @property
    def under_test(self) -> tuple[str, ...]:
        """Roles that are evaluated."""
        return tuple(self.plan.evaluate)

    @property
    def out(self) -> Path:
        """The folder in which each model has its run folder."""
        return (self.root / os.path.expanduser(self.plan.out)).resolve()

    @property
    def dataset(self) -> Path | None:
        """The dataset that scores are to be clean against."""
        against = self.plan.clean_against
        return None if against is None else (self.root / os.path.expanduser(against.dataset)).resolve()

    def into(self, out: Path) -> LoadedPlan:
        """The same with its results elsewhere."""
        return replace(self, plan=self.plan.model_copy(update={"out": str(out)}))

    def specs(self, role: str) -> dict[str, ModelSpec]:
        """The models that the evaluation of ``role`` asks: itself and the tasks' own."""
        names = dict.fromkeys([role, *(name for task in self.tasks for name in task.roles)])
        return {name: self.plan.models[name] for name in names}

    def run_id(self, role: str, limit: int | None) -> str:
        """The same for the same plan, model and files, and another one when any of them changes."""
        models = {
            name: {"model": model_identity(spec), "endpoint": spec.endpoint, "params": spec.params}
            for name, spec in self.specs(role).items()
        }
        tasks = [[task.use, task.settings] for task in self.tasks]
        return content_id("evaluation", self.plan.name, role, models, tasks, limit)[:12]


def load_plan(path: Path, *, check_keys: bool = True) -> LoadedPlan:
    """Read and check a plan. Nothing is sent and nothing is written.

    Raises:
        RecipeError: with file and line.
        GristmillError: a file that a task needs is missing or broken.
    """
    return plan_of(read_yaml(path), path.resolve().parent, check_keys=check_keys)


def plan_of(source: Source, root: Path, *, check_keys: bool = True) -> LoadedPlan:
    """The same, of data that was read already; see :func:`load_plan`."""
    plan = _placed(_checked(EvalPlan, source.data, source, ()), root)
    warnings = [*check_specs(plan.models, source, check_keys)]
    known = list(plan.models)
    for index, role in enumerate(plan.evaluate):
        _check_role(role, known, source.where(("evaluate", index)))
    tasks: list[PlannedTask] = []
    for index, step in enumerate(plan.tasks):
        at: Loc = ("tasks", index)
        task = _task(step, source, at)
        if isinstance(task, Prepared):
            warnings += task.prepare(plan.models, source, at)
        roles = tuple(_roles(task))
        for role in roles:
            _check_role(role, known, source.where((*at, "model")))
        settings = {**step.args, "contents": contents_of(step.args, root)}
        tasks.append(PlannedTask(_label(step, tasks), step.use, task, roles, settings))
    plan = plan.model_copy(update={"evaluate": plan.evaluate or _not_judges(known, tasks)})
    return LoadedPlan(plan, root, tuple(tasks), tuple(dict.fromkeys(warnings)))


def _not_judges(known: Sequence[str], tasks: Sequence[PlannedTask]) -> list[str]:
    asked = {role for task in tasks for role in task.roles}
    return [role for role in known if role not in asked] or list(known)


def _placed(plan: EvalPlan, root: Path) -> EvalPlan:
    """Relative paths of models start at the plan's folder; logs of servers go beside the results."""
    for spec in plan.models.values():
        if spec.serve is not None:
            spec.serve.place(root, root / os.path.expanduser(plan.out) / "calls")
    return plan.model_copy(update={"models": {role: spec.at(root) for role, spec in plan.models.items()}})


def _checked(kind: type[Any], data: object, source: Source, at: Loc) -> Any:
    try:
        return validated(kind, data, source, at)
    except RecipeError as error:
        error.cure = error.cure.replace(_RECIPE_DOCS, _DOCS)
        raise


def _task(step: Step, source: Source, at: Loc) -> EvalTask:
    kind = task_type(step.use, source.where((*at, "use")))
    args = {"use": step.use, **step.args} if "use" in kind.model_fields else step.args
    task: EvalTask = _checked(kind, args, source, at)
    return task


def task_names() -> list[str]:
    """What a task's ``use`` can be."""
    return sorted({*TASKS, *(entry.name for entry in entry_points(group="gristmill.tasks"))})


def task_type(name: str, where: str) -> type[BaseModel]:
    """The class of a task.

    Raises:
        RecipeError: no such name, or another package's task that cannot be loaded.
    """
    try:
        if name in TASKS:
            module, _, attribute = TASKS[name].partition(":")
            kind = getattr(import_module(module), attribute)
        else:
            kind = next(iter(entry_points(group="gristmill.tasks", name=name))).load()
    except StopIteration:
        raise RecipeError(f"unknown task {name!r}", where=where, cure=nearest(name, task_names())) from None
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{name!r} cannot be loaded: {error}", where=where, cure="reinstall its package"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, BaseModel) and hasattr(kind, "evaluate")):
        raise RecipeError(f"{name!r} is no task", where=where, cure="fix the plugin")
    return kind


def _roles(task: EvalTask) -> Sequence[str]:
    """Models that a task asks besides the one under test: ``roles()``, else its ``model`` or ``judge``."""
    roles = getattr(task, "roles", None)
    if callable(roles):
        return list(dict.fromkeys(roles()))
    named = [getattr(task, name, None) for name in ("model", "judge")]
    return [role for role in named if isinstance(role, str)]


def _check_role(role: str, known: Sequence[str], where: str) -> None:
    if role not in known:
        raise RecipeError(f"unknown model {role!r}", where=where, cure=nearest(role, known))


def _label(step: Step, before: Sequence[PlannedTask]) -> str:
    named = next((str(step.args[key]) for key in ("name", "task", "path") if key in step.args), "")
    label = f"{step.use}:{Path(named).name}" if named else step.use
    same = sum(task.label.partition("#")[0] == label for task in before)
    return f"{label}#{same + 1}" if same else label
