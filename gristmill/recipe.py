"""The recipe: what to read, which models, what to make of it. Checked in full before anything runs.

Every error names file and line and what to do; an unknown key names the nearest known one.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gristmill import registry
from gristmill.accept import AcceptRule
from gristmill.errors import GristmillError, RecipeError
from gristmill.models import needs_key, validate_spec
from gristmill.models.spec import ModelSpec
from gristmill.quota import Target
from gristmill.registry import ALL_KINDS, Component, ComponentKind, Gate, Generator, Scorer
from gristmill.voting import Voted, sampling_doubt
from gristmill.yaml_lines import Loc, Source, read_yaml

C = TypeVar("C", bound=Component)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Chunking(_Strict):
    """Sizes in characters."""

    max_chars: int = Field(default=2400, ge=200)
    overlap_chars: int = Field(default=0, ge=0)
    respect_headings: bool = True


class Step(BaseModel):
    """One entry of generate, gates or score: ``use`` names a component, the rest are its arguments."""

    model_config = ConfigDict(extra="allow", frozen=True)
    use: str

    @property
    def args(self) -> dict[str, Any]:
        """The arguments."""
        return dict(self.model_extra or {})


class Budget(_Strict):
    """Stop before more than this is spent; ``minutes`` are of one run."""

    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, gt=0)


class Recipe(_Strict):
    """The YAML file, as written."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9._ -]+$")
    documents: list[str] = Field(min_length=1)
    chunking: Chunking = Chunking()
    models: dict[str, ModelSpec] = Field(min_length=1)
    generate: list[Step] = Field(min_length=1)
    gates: list[Step] = [Step(use="quality_rules"), Step(use="exact_duplicates")]
    score: list[Step] = []
    accept: str | None = None
    target: Target = Target()
    budget: Budget = Budget()
    store: str = Field(default="gristmill.duckdb", min_length=1, pattern=r"^[^\x00]+$")
    max_failed_share: float = Field(default=0.05, ge=0, le=1)
    passes: Literal["auto", "together", "separate"] = "auto"


@dataclass(frozen=True, slots=True)
class Task:
    """One generate step, ready to run. ``name`` is ``qa``, or ``qa#2`` when a generator is used twice."""

    name: str
    generator: Generator
    fingerprint: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A recipe that passed every check, with its components built and prepared."""

    recipe: Recipe
    path: Path
    tasks: tuple[Task, ...]
    gates: tuple[Gate, ...]
    scorers: tuple[Scorer, ...]
    accept: AcceptRule | None
    warnings: tuple[str, ...] = field(default=())

    @property
    def root(self) -> Path:
        """Folder of the recipe: relative paths start here."""
        return self.path.parent

    @property
    def store(self) -> Path:
        """The DuckDB file."""
        return (self.root / os.path.expanduser(self.recipe.store)).resolve()

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything downstream of the generators that a decision depends on."""
        return {
            "gates": [with_models(g, self.recipe.models) if g.asks else g.fingerprint() for g in self.gates],
            "scorers": [with_models(scorer, self.recipe.models) for scorer in self.scorers],
            "accept": self.recipe.accept,
        }


def load_recipe(path: Path, *, check_keys: bool = True) -> Loaded:
    """Read, check and prepare a recipe. Nothing is sent and nothing is written.

    With ``check_keys=False`` (dry run) a missing API key is a warning.

    Raises:
        RecipeError: with file and line.
        GristmillError: a file that a component needs (rubric, benchmark) is missing or broken.
    """
    source = read_yaml(path)
    recipe = _placed(validated(Recipe, source.data, source, ()), path)
    warnings = [*check_specs(recipe.models, source, check_keys)]
    _only_chats(recipe, source)
    tasks = _tasks(recipe, source)
    gates = [build_component(Gate, "gates", s, source, ("gates", i)) for i, s in enumerate(recipe.gates)]
    scorers = [
        build_component(Scorer, "scorers", s, source, ("score", i)) for i, s in enumerate(recipe.score)
    ]
    parts: list[tuple[str, int, Component]] = [
        ("generate", i, task.generator) for i, task in enumerate(tasks)
    ]
    parts += (("score", i, s) for i, s in enumerate(scorers))
    _check_roles(recipe, source, parts)
    warnings += _doubts(recipe, source, parts)
    models = {role: spec.model for role, spec in recipe.models.items()}
    for section, index, component in _components(tasks, gates, scorers):
        component.meet(models)
        prepare_component(component, source, (section, index))
        place = f"{source.where((section, index))}: {component.registered_name}"
        warnings += (f"{place}: {doubt}" for doubt in component.doubts())
    warnings += _idle(source, tasks, scorers)
    accept = _accept(recipe, source, scorers)
    known = tuple(dict.fromkeys(warnings))
    return Loaded(recipe, path.resolve(), tuple(tasks), tuple(gates), tuple(scorers), accept, known)


def _placed(recipe: Recipe, path: Path) -> Recipe:
    """Relative paths of models start at the recipe's folder."""
    root = path.resolve().parent
    for spec in recipe.models.values():
        if spec.serve is not None:
            spec.serve.place(root, root / os.path.expanduser(recipe.store))
    return recipe.model_copy(update={"models": {role: spec.at(root) for role, spec in recipe.models.items()}})


def _components(
    tasks: Sequence[Task], gates: Sequence[Gate], scorers: Sequence[Scorer]
) -> Iterator[tuple[str, int, Component]]:
    yield from (("generate", i, task.generator) for i, task in enumerate(tasks))
    yield from (("gates", i, gate) for i, gate in enumerate(gates))
    yield from (("score", i, scorer) for i, scorer in enumerate(scorers))


def _only_chats(recipe: Recipe, source: Source) -> None:
    """Completions endpoints are for evaluations: every component of a recipe asks chats."""
    for role, spec in recipe.models.items():
        if spec.endpoint != "chat":
            raise RecipeError(
                "everything in a recipe asks chats, and a completions endpoint goes on from texts",
                where=source.where(("models", role, "endpoint")),
                cure="leave endpoint out",
            )


def prepare_component(component: Component, source: Source, loc: Loc) -> None:
    """Prepare a component; relative paths start at the file's folder, an error has at least its line."""
    try:
        component.prepare(source.path.resolve().parent)
    except GristmillError as error:
        error.where = error.where or source.where(loc)
        raise


M = TypeVar("M", bound=BaseModel)


def validated(kind: type[M], data: object, source: Source, at: Loc) -> M:
    """``data``, which stands at ``at`` in the file, as a model.

    Raises:
        RecipeError: with file and line; an unknown key names the nearest known one.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _explain(kind, error, source, at) from None


def _explain(kind: type[BaseModel], error: ValidationError, source: Source, at: Loc) -> RecipeError:
    # A misspelt key is both unknown and missing: the first says more.
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    loc = (*at, *first["loc"])
    name = ".".join(str(part) for part in loc) or "the recipe"
    if first["type"] == "extra_forbidden":
        key = str(loc[-1])
        known = _known_keys(kind, first["loc"][:-1])
        return RecipeError(f"unknown key {key!r}", where=source.where(loc), cure=nearest(key, known))
    if first["type"] == "missing":
        return RecipeError(
            f"{name} is missing", where=source.where(loc[:-1]), cure=f"add the key {loc[-1]!r}"
        )
    if loc and loc[-1] == "api_key_env":  # what stands there may be the key itself
        return RecipeError(
            f"{name} is no name of an environment variable",
            where=source.where(loc),
            cure="put the key into a variable and write the variable's name here",
        )
    got = f" (got {first['input']!r})" if not isinstance(first["input"], (dict, list)) else ""
    return RecipeError(f"{name}: {first['msg']}{got}", where=source.where(loc), cure="see docs/recipe.md")


def _known_keys(kind: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Field names of the model that sits at ``loc`` inside ``kind``."""
    for part in loc:
        info = kind.model_fields.get(str(part))
        if info is None:
            continue  # a list index or a key of a mapping: the type was already taken from its field
        found = _model_in(info.annotation)
        if found is None:
            return []
        kind = found
    return [info.alias or name for name, info in kind.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


def nearest(word: str, known: Sequence[str]) -> str:
    """A cure for a misspelt word."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(known)}"


def build_component(base: type[C], kind: ComponentKind, step: Step, source: Source, at: Loc) -> C:
    """The registered component that a step names, with its arguments.

    Raises:
        RecipeError: with file and line.
    """
    known = registry.names(kind)
    if step.use not in known:
        where = source.where((*at, "use"))
        raise RecipeError(
            f"unknown {kind.removesuffix('s')} {step.use!r}", where=where, cure=nearest(step.use, known)
        )
    try:
        component = registry.load(kind, step.use)
    except (ImportError, AttributeError) as error:
        raise RecipeError(
            f"{step.use!r} cannot be loaded: {error}", where=source.where(at), cure="reinstall gristmill"
        ) from error
    if not (isinstance(component, type) and issubclass(component, base)):
        raise RecipeError(
            f"{step.use!r} is no {base.__name__}", where=source.where(at), cure="fix the plugin"
        )
    if missing := sorted(getattr(component, "__abstractmethods__", ())):
        raise RecipeError(
            f"{step.use!r} lacks {', '.join(missing)}", where=source.where(at), cure="fix the plugin"
        )
    _check_vote(component, kind, step, source, at)
    return validated(component, step.args, source, at)


def _check_vote(component: type[Component], kind: ComponentKind, step: Step, source: Source, at: Loc) -> None:
    """Options of a vote, given to a component whose answers cannot be compared."""
    passes_on = any(info.alias == "with" for info in component.model_fields.values())
    if issubclass(component, Voted) or passes_on or kind not in {"generators", "scorers"}:
        return
    strange = step.args.keys() - component.model_fields.keys()
    for key in sorted({"samples", "vote", "min_agreement"} & strange):
        voting = [name for name in registry.names(kind) if _votes(kind, name)]
        raise RecipeError(
            f"{key}: {step.use!r} gives no answers that could be compared, so they cannot be voted on",
            where=source.where((*at, key)),
            cure=f"{kind} with a vote: {', '.join(voting) or 'none'}; see docs/self-consistency.md",
        )


def _votes(kind: ComponentKind, name: str) -> bool:
    try:
        component = registry.load(kind, name)
    except (ImportError, AttributeError):  # another package's broken plugin
        return False
    return isinstance(component, type) and issubclass(component, Voted)


def _doubts(recipe: Recipe, source: Source, parts: Sequence[tuple[str, int, Component]]) -> Iterator[str]:
    """Votes whose samples would all be the same."""
    every = [(section, index, part) for section, index, whole in parts for part in (whole, *whole.parts())]
    for section, index, component in every:
        role, temperature = component.drawn_from() if isinstance(component, Voted) else (None, None)
        spec = recipe.models.get(role or "")
        if not isinstance(component, Voted) or component.draws < 2 or spec is None:
            continue
        given = spec.params.get("temperature") if temperature is None else temperature
        if doubt := sampling_doubt(given, spec.backend):
            yield f"{source.where((section, index))}: {component.registered_name}: {doubt}"


def _idle(source: Source, tasks: Sequence[Task], scorers: Sequence[Scorer]) -> Iterator[str]:
    """Scorers that judge none of the kinds of rows that are made."""
    made = [kind for kind in ALL_KINDS if any(kind in task.generator.kinds for task in tasks)]
    for index, scorer in enumerate(scorers):
        judged = [kind for kind in ALL_KINDS if scorer.applies_to(kind)]
        if made and not set(judged) & set(made):
            where = f"{source.where(('score', index))}: {scorer.registered_name}"
            yield f"{where}: it judges {' and '.join(judged)} rows, this recipe makes none: it is never asked"


def _tasks(recipe: Recipe, source: Source) -> list[Task]:
    tasks: list[Task] = []
    for index, step in enumerate(recipe.generate):
        generator = build_component(Generator, "generators", step, source, ("generate", index))
        same = sum(1 for task in tasks if task.generator.registered_name == step.use)
        fingerprint = with_models(generator, recipe.models)
        if any(task.fingerprint == fingerprint for task in tasks):
            raise RecipeError(
                f"generate lists the same {step.use!r} twice",
                where=source.where(("generate", index)),
                cure="raise per_chunk instead, or give the two different arguments",
            )
        tasks.append(Task(f"{step.use}#{same + 1}" if same else step.use, generator, fingerprint))
    return tasks


def with_models(component: Component, models: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """A component's fingerprint with the models its roles stand for (not where or how fast they run)."""
    used = {
        role: {"model": model_identity(models[role]), "params": models[role].params}
        for role in component.roles()
        if role in models
    }
    return {**component.fingerprint(), "models": used}


def model_identity(spec: ModelSpec) -> str:
    """The model's name in the cache; new rules of the offline backend make other rows, as do adapters."""
    if spec.backend == "vllm":
        from gristmill.models.inprocess.places import identity

        return identity(spec)
    if spec.backend != "offline":
        return spec.model
    from gristmill.models.backends.offline import OfflineBackend

    return OfflineBackend.name


def check_specs(specs: Mapping[str, ModelSpec], source: Source, check_keys: bool) -> Iterator[str]:
    """Check the models of a file, by role; yields warnings.

    Raises:
        RecipeError: with file and line.
    """
    for role, spec in specs.items():
        where = source.where(("models", role, "model"))
        validate_spec(spec, where=where)
        if spec.backend == "vllm":
            yield from _check_local(spec, where, check_keys)
        missing = needs_key(spec, os.environ)
        if missing and check_keys:
            raise RecipeError(
                f"model {role!r} needs an API key, and {missing} is not set",
                where=where,
                cure=f"export {missing}=…, or name another variable with api_key_env",
            )
        if missing:
            yield f"{where}: model {role!r} needs {missing}, which is not set"


def _check_local(spec: ModelSpec, where: str, strictly: bool) -> Iterator[str]:
    """Can a model run in this process? In a dry run, what is missing is a warning."""
    from gristmill.models.inprocess.places import identity, model_folder
    from gristmill.models.inprocess.surroundings import need_vllm

    step = "files"
    try:
        identity(spec)
        step = "model"
        need_vllm()
        model_folder(spec)
    except GristmillError as error:
        if strictly or step == "files":
            error.where = f"{where}: {error.where}" if error.where else where
            raise
        yield f"{where}: {error}"


def _check_roles(recipe: Recipe, source: Source, parts: Sequence[tuple[str, int, Component]]) -> None:
    for section, index, component in parts:
        for role in component.roles():
            spec = recipe.models.get(role)
            where = source.where((section, index, "model"))
            if spec is None:
                raise RecipeError(
                    f"unknown model {role!r}", where=where, cure=nearest(role, list(recipe.models))
                )
            if spec.backend == "offline":
                check_offline(component, where)


def check_offline(component: Component, where: str) -> None:
    """Refuse a component whose tasks there are no rules for."""
    from gristmill.models.extractive.tasks import TASKS

    strange = [task for task in getattr(component, "tasks", ()) if task not in TASKS]
    if strange:
        raise RecipeError(
            f"offline:extractive has no rules for {', '.join(strange)} ({component.registered_name})",
            where=where,
            cure="give this step a language model",
        )


def _accept(recipe: Recipe, source: Source, scorers: Sequence[Scorer]) -> AcceptRule | None:
    labels = [scorer.label for scorer in scorers]
    if len(set(labels)) < len(labels):
        raise RecipeError(
            f"two scores have the same name: {', '.join(labels)}",
            where=source.where(("score",)),
            cure="remove one, or rename a rubric",
        )
    if recipe.accept is None:
        return None
    try:
        rule = AcceptRule.parse(recipe.accept)
    except RecipeError as error:
        error.where = source.where(("accept",))
        raise
    for name in sorted(rule.names - set(labels)):
        raise RecipeError(
            f"accept: no scorer gives {name!r}",
            where=source.where(("accept",)),
            cure=nearest(name, labels) if labels else "add a scorer under score:",
        )
    return rule
