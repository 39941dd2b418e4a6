"""What a worker is given to work with: a loaded recipe without anything of the driver's own."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gristmill import __version__, registry
from gristmill.models.backends import key_variable
from gristmill.models.redo import Redo, RedoKind
from gristmill.models.sharing import Place
from gristmill.models.spec import ModelSpec
from gristmill.pipeline.plan import Plan
from gristmill.recipe import Loaded
from gristmill.registry import Component, ComponentKind, Gate

# Beside the keys: what the clients of models read from the environment.
ENVIRONMENT = (
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "OPENAI_CUSTOM_HEADERS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


@dataclass(frozen=True, slots=True)
class Central:
    """Gates ``first`` up to ``last`` of the recipe remember rows: the driver asks them."""

    first: int
    last: int


Step = Gate | Central


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that a worker walks chunks with. ``steps`` are the gates in the recipe's order."""

    loaded: Loaded
    plan: Plan
    steps: tuple[Step, ...]
    redo: frozenset[RedoKind]
    since: str
    limited: bool
    divided: frozenset[Place]
    targeted: bool

    def remembered(self) -> Redo | None:
        """What to ask again; the run began when the driver says it did, whatever the clock here shows."""
        if not self.redo:
            return None
        redo = Redo(self.redo)
        redo.since = self.since
        return redo


def remembers(gate: Gate) -> bool:
    """Whether a gate's word depends on rows that it saw before."""
    return type(gate).preload is not Gate.preload or type(gate).forget is not Gate.forget


def steps_of(gates: Sequence[Gate], *, targeted: bool) -> tuple[Step, ...]:
    """The gates as a worker passes them; of a target the driver is asked last, before a judge is paid."""
    steps: list[Step] = []
    for number, gate in enumerate(gates):
        last = steps[-1] if steps else None
        if not remembers(gate):
            steps.append(gate)
        elif isinstance(last, Central):
            steps[-1] = replace(last, last=number + 1)
        else:
            steps.append(Central(number, number + 1))
    if targeted and not (steps and isinstance(steps[-1], Central)):
        steps.append(Central(len(gates), len(gates)))
    return tuple(steps)


def wrap(parcel: Parcel) -> bytes:
    """The parcel as bytes, with the names that its components are registered under."""
    loaded = replace(parcel.loaded, gates=(), warnings=())
    slim = replace(parcel, loaded=loaded)
    names = [(kind, part.registered_name) for kind, part in _parts(parcel)]
    return pickle.dumps((__version__, names, pickle.dumps(slim, pickle.HIGHEST_PROTOCOL)))


def unwrap(blob: bytes) -> Parcel:
    """Undo :func:`wrap` in another process.

    Raises:
        UsageError: a component is not installed here.
    """
    _, names, inner = pickle.loads(blob)  # noqa: S301 - from the driver that started this process
    for kind, name in names:
        registry.load(kind, name)  # classes learn the name that they are registered under
    parcel: Parcel = pickle.loads(inner)  # noqa: S301 - the same
    return parcel


def version_of(blob: bytes) -> str:
    """The version of gristmill that wrapped a parcel."""
    return str(pickle.loads(blob)[0])  # noqa: S301 - the same


def secrets_for(specs: Mapping[str, ModelSpec]) -> dict[str, str]:
    """The part of this environment that the models' clients need: keys, addresses, proxies."""
    names = {key_variable(spec, os.environ) for spec in specs.values()} | set(ENVIRONMENT)
    return {name: os.environ[name] for name in names if name and name in os.environ}


def _parts(parcel: Parcel) -> list[tuple[ComponentKind, Component]]:
    loaded = parcel.loaded
    parts: list[tuple[ComponentKind, Component]] = [("generators", t.generator) for t in loaded.tasks]
    parts += [("gates", step) for step in parcel.steps if isinstance(step, Gate)]
    parts += [("scorers", part) for scorer in loaded.scorers for part in (scorer, *scorer.parts())]
    return parts
