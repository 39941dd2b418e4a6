"""The dry run: a plan is walked with models that answer anything, and what they were asked is counted.

Nothing is sent, read from the cache or written. An answer is as long as a model's usually is, a verdict has
the form that was asked for: so later turns and judges are counted too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from gristmill.errors import GristmillError
from gristmill.models import Budget, Door, ModelSpec, Tally
from gristmill.models.cost import CHARS_PER_TOKEN, estimate
from gristmill.models.inprocess.engines import Engines
from gristmill.models.line import Line
from gristmill.models.scoring import form_of, score_reply
from gristmill.models.types import Reply, Request
from gristmill_evals.evaluation.plan import LoadedPlan
from gristmill_evals.evaluation.progress import Progress
from gristmill_evals.evaluation.records import EvalContext, EvalSample
from gristmill_evals.evaluation.runner import Evaluation

_MANY = 256
_WORD = "word "


@dataclass(slots=True)
class Projection:
    """What one model's evaluation would ask: items by task, calls and tokens by model.

    ``failures`` are tasks that could not be run, and why. Output is estimated at ``max_tokens``, or 512
    tokens a call where that is more or not set.
    """

    role: str
    items: dict[str, int] = field(default_factory=dict)
    models: dict[str, Tally] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def cost_usd(self) -> float | None:
        """None when a price is not known."""
        if any(tally.unpriced for tally in self.models.values()):
            return None
        return sum(tally.cost_usd for tally in self.models.values())

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        models = {
            name: {
                "calls": tally.sent,
                "input_tokens": tally.input_tokens,
                "output_tokens": tally.output_tokens,
                "cost_usd": None if tally.unpriced else round(tally.cost_usd, 6),
            }
            for name, tally in self.models.items()
        }
        return {
            "role": self.role,
            "items": self.items,
            "models": models,
            "cost_usd": self.cost_usd,
            "failures": self.failures,
        }


async def rehearse(loaded: LoadedPlan, job: Evaluation) -> list[Projection]:
    """Walk the whole plan for each model under test."""
    return [await _one(loaded, role, job.limit) for role in loaded.under_test]


async def _one(loaded: LoadedPlan, role: str, limit: int | None) -> Projection:
    projection, progress = Projection(role), Progress()
    async with _Rehearsal(loaded.specs(role)) as door:
        for planned in loaded.tasks:
            context = EvalContext(door, role, loaded.root, _ignore, progress.expect, limit)
            try:
                await planned.task.evaluate(context)
            except GristmillError as error:
                projection.failures[planned.label] = str(error)
        projection.models = {name: tally for name, tally in door.counters.by_model.items() if tally.sent}
    projection.items = {name: count.expected for name, count in progress.tasks.items()}
    return projection


def _ignore(sample: EvalSample) -> None:
    """Nothing is kept of what was never said."""


class _Rehearsal(Door):
    """A door that leads nowhere: no cache, no budget, no engine, and every model answers at once."""

    def __init__(self, specs: Mapping[str, ModelSpec]) -> None:
        free = {"requests_per_minute": None, "tokens_per_minute": None, "concurrency": _MANY}
        quick = {role: spec.model_copy(update=free) for role, spec in specs.items()}
        super().__init__(quick, cache=None, budget=Budget(), engines=cast("Engines", _NoEngines()))

    def _new_line(self, role: str, spec: ModelSpec) -> Line:
        backend = _Anything(spec.model)
        tally = self.counters.of(backend.name)
        return self.line_type(spec, backend, tally, self._pool.of(spec), self.budget, self._retry)


class _NoEngines:
    def halt(self, error: GristmillError) -> None:
        """There is nothing to stop."""

    async def close(self) -> None:
        """There is nothing to close."""


class _Anything:
    """A backend that answers in the form that was asked for, at the usual length."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def complete(self, request: Request, *, timeout: float) -> Reply:  # noqa: ASYNC109 - the protocol of all backends
        """Some text, or JSON that fits the schema."""
        usage = estimate(request.messages, request.params, None)
        if form_of(request.messages) == "score":
            return score_reply([-1.0], [-1.0], 0, usage)
        if request.schema is not None:
            import orjson

            return Reply(orjson.dumps(instance(request.schema)).decode(), "stop", usage)
        text = _WORD * (usage.output_tokens * CHARS_PER_TOKEN // len(_WORD) or 1)
        return Reply(text, "stop", usage)

    async def close(self) -> None:
        """Nothing to release."""


def instance(schema: Mapping[str, Any]) -> Any:
    """The plainest value that fits a JSON schema; a list has an entry for each id that entries may have."""
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return instance(schema["anyOf"][0])
    kind = schema.get("type")
    if kind == "object":
        return {name: instance(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return _entries(schema)
    plain: dict[str, Any] = {"boolean": False, "string": "", "null": None}
    return plain[kind] if kind in plain else schema.get("minimum", 0)


def _entries(schema: Mapping[str, Any]) -> list[Any]:
    items = schema.get("items", {})
    ids = items.get("properties", {}).get("id", {}).get("enum")
    if ids is not None:
        return [{**instance(items), "id": one} for one in ids]
    return [instance(items)] * max(1, int(schema.get("minItems", 1)))
