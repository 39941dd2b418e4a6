"""The door: roles of a recipe in, answers out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from gristmill.errors import GristmillError, ModelAnswerError, UsageError
from gristmill.models import structured
from gristmill.models.backends import create_backend, validate_spec
from gristmill.models.budget import Budget
from gristmill.models.cache import Entry
from gristmill.models.cost import price_of
from gristmill.models.counters import CallEvent, Counters
from gristmill.models.faults import check_text
from gristmill.models.files import allow_connections
from gristmill.models.flights import Airport, Landed
from gristmill.models.limits import LimitView
from gristmill.models.line import Line
from gristmill.models.redo import Redo, RedoKind
from gristmill.models.retry import RetryPolicy
from gristmill.models.samples import keep_what_came
from gristmill.models.scoring import Score, check_form, read_score, score_request
from gristmill.models.sharing import Pool
from gristmill.models.spec import ModelSpec
from gristmill.models.telemetry import CallLog
from gristmill.models.types import Answer, Ask, Request, Task
from gristmill.records import Message

if TYPE_CHECKING:
    from gristmill.models.inprocess.engines import Engines
    from gristmill.models.types import PutsOff

RESERVED = frozenset({"model", "messages", "prompt", "echo", "n", "stream", "response_format"})
# Parameters are kept with every call; these are where people put a key.
SECRETS = frozenset({"api_key", "authorization", "extra_headers", "extra_query", "headers"})


class Door:
    """The only door to models: ``ask_for`` hands out what generators and scorers ask with.

    ``specs`` are the recipe's models by role. ``cache`` is the SQLite file of answered calls (None: keep
    nothing). ``on_call`` hears of every answered call, sent or cached, on the event loop, after it was
    committed. ``redo`` names the kinds of stored answers to ask again
    (:class:`gristmill.models.redo.Redo`). ``log`` takes a row of every call sent. ``deferrals`` takes the
    calls that are not cached, of models that can wait for a batch. ``engines`` run the ``vllm:`` models
    (made when missing); they are closed with the door. One door
    belongs to one event loop; use it as an async context manager.

    Raises:
        RecipeError: unknown backend or offline model.
        UsageError: reserved parameter; a dollar budget with a model of unknown price.
        StoreError: the cache file cannot be used.
    """

    line_type: ClassVar[type[Line]] = Line

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        *,
        cache: Path | None,
        on_call: Callable[[CallEvent], None] | None = None,
        budget: Budget | None = None,
        retry: RetryPolicy | None = None,
        redo: frozenset[RedoKind] = frozenset(),
        log: CallLog | None = None,
        deferrals: PutsOff | None = None,
        engines: Engines | None = None,
    ) -> None:
        self.counters = Counters()
        self.budget = budget or Budget()
        self._specs = dict(specs)
        for role, spec in self._specs.items():
            _check_role(role, spec, self.budget)
        allow_connections(sum(spec.concurrency for spec in self._specs.values() if spec.backend == "openai"))
        self._retry = retry or RetryPolicy()
        self._pool = Pool(self._specs.values())
        self._lines: dict[str, Line] = {}
        self._line_of_role: dict[str, Line] = {}
        self.redo = Redo(redo) if redo else None
        self.log = log
        self.engines = engines or _own_engines(self._specs, cache)
        self._airport = Airport(cache, on_call or _ignore, redo=self.redo, log=log, deferrals=deferrals)

    def ask_for(self, role: str | None, *, first: int = 0) -> Ask:
        """The ``ask`` of one role; ``model=`` in a call picks another role.

        ``None`` binds no role: calls must name one, unless there is only one. Samples are drawn from
        number ``first`` on: another number is another answer to the same question.

        Raises:
            UsageError: unknown role, here or when called; the known ones are named.
        """
        if role is not None:
            self._spec(role)
        return _RoleAsk(self, role, first)

    async def ask(self, role: str | None, messages: Sequence[Message], how: Asking) -> list[Answer]:
        """Draw ``how.n`` answers from a role's model (what :meth:`ask_for` calls)."""
        name = self._role_name(role)
        spec = self._spec(name)
        line = self._line_of_role.get(name) or self._line(name, spec)
        check_form(spec, messages, how.schema)
        if how.params:
            _check_params(name, how.params)
        params = {k: v for k, v in {**spec.params, **how.params}.items() if v is not None}
        turns, model = tuple(messages), line.backend.name
        samples = range(how.first, how.first + how.n)
        requests = [Request(model, turns, params, how.schema, i, how.task) for i in samples]
        if how.partial and how.n > 1:
            return await self._each(line, name, requests, how.repair)
        landed = await self._airport.draw(line, name, requests)
        return await _all([self._answer(line, name, flight, how.repair) for flight in landed])

    async def score(self, role: str | None, context: Sequence[Message], continuation: str) -> Score:
        """How likely a role's model finds ``continuation`` after ``context``: a raw prompt or chat turns.

        Sampling parameters have no part in it.

        Raises:
            UsageError: the model gives no log-likelihoods.
            ModelError: see :mod:`gristmill.errors`.
        """
        name = self._role_name(role)
        spec = self._spec(name)
        line = self._line_of_role.get(name) or self._line(name, spec)
        request = score_request(line.backend.name, context, continuation)
        check_form(spec, request.messages, None)
        [landed] = await self._airport.draw(line, name, [request])
        return read_score(await self._answer(line, name, landed, repair=False))

    def spec_of(self, role: str) -> ModelSpec:
        """What is known of a role's model.

        Raises:
            UsageError: unknown role.
        """
        return self._spec(role)

    def limits(self) -> list[LimitView]:
        """The limits now in force, one entry for each model used so far at each provider."""
        return self._pool.views()

    def halt(self, error: GristmillError) -> None:
        """Send nothing more: calls that wait or come later raise ``error``; those on the wire go on."""
        self.budget.stop(error)
        self._pool.stop(error)
        if self.engines is not None:
            self.engines.halt(error)

    async def close(self, *, grace: float = 10.0) -> None:
        """Stop: calls on the wire get ``grace`` seconds so that paid answers are kept, others are dropped."""
        sending = {task for line in self._lines.values() for task in line.sending}
        await self._airport.close(sending, grace)
        for line in self._lines.values():
            await line.backend.close()
        if self.engines is not None:
            await self.engines.close()
        self._lines.clear()
        self._line_of_role.clear()

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _each(self, line: Line, role: str, requests: Sequence[Request], repair: bool) -> list[Answer]:
        drawn = await self._airport.draw_each(line, role, requests)
        reading = (self._answer(line, role, landed, repair) for landed in drawn if isinstance(landed, Landed))
        read = iter(await asyncio.gather(*reading, return_exceptions=True))
        return keep_what_came([next(read) if isinstance(d, Landed) else d for d in drawn], line.backend.name)

    async def _answer(self, line: Line, role: str, landed: Landed, repair: bool) -> Answer:
        line.tally.repairs += repair
        if self.redo is None:
            return await self._read(line, role, landed, repair)
        try:
            return await self._read(line, role, landed, repair)
        except ModelAnswerError as error:
            if not self.redo.claim(error, landed.entry):
                raise
        [again] = await self._airport.draw(line, role, [landed.request])
        return await self._read(line, role, again, repair)

    async def _read(self, line: Line, role: str, landed: Landed, repair: bool) -> Answer:
        request, entry = landed.request, landed.entry
        check_text(entry.call.response, entry.finish_reason, model=entry.call.model, key=entry.call.key)
        if request.schema is None:
            return _as_answer(landed, None, repair)
        try:
            return _as_answer(landed, structured.parse(entry.call.response, request.schema), repair)
        except structured.NotParsedError as problem:
            if repair:
                raise _unusable(entry, problem, entry.call.response) from problem
            return await self._repaired(line, role, landed, str(problem))

    async def _repaired(self, line: Line, role: str, landed: Landed, problem: str) -> Answer:
        request, broken = landed.request, landed.entry.call.response
        schema = request.schema or {}
        again = replace(request, messages=(*request.messages, *structured.repair_turns(broken, problem)))
        [second] = await self._airport.draw(line, role, [again])
        line.tally.repairs += 1
        entry = second.entry
        try:
            check_text(entry.call.response, entry.finish_reason, model=entry.call.model, key=entry.call.key)
            return _as_answer(second, structured.parse(entry.call.response, schema), repaired=True)
        except structured.NotParsedError as error:
            raise _unusable(entry, error, broken) from error

    def _role_name(self, role: str | None) -> str:
        if role is not None:
            return role
        if len(self._specs) == 1:
            return next(iter(self._specs))
        raise UsageError("no model named for this call", cure=self._known())

    def _spec(self, role: str) -> ModelSpec:
        if role not in self._specs:
            raise UsageError(f"unknown model role {role!r}", cure=self._known())
        return self._specs[role]

    def _known(self) -> str:
        return f"models of the recipe: {', '.join(sorted(self._specs)) or 'none'}"

    def _line(self, role: str, spec: ModelSpec) -> Line:
        # Roles that differ in sampling parameters only share connections, those of one model its limits.
        key = spec.model_copy(update={"params": {}}).model_dump_json()
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = self._new_line(role, spec)
        self._line_of_role[role] = line
        return line

    def _new_line(self, role: str, spec: ModelSpec) -> Line:
        backend = create_backend(spec, engines=self.engines)
        tally = self.counters.of(backend.name)
        shared = self._pool.of(spec)
        return self.line_type(spec, backend, tally, shared, self.budget, self._retry)


class Asking:
    """How to ask: everything of a call beside role and messages."""

    __slots__ = ("first", "n", "params", "partial", "repair", "schema", "task")

    def __init__(
        self,
        task: Task | None,
        schema: Mapping[str, Any] | None,
        n: int,
        params: Mapping[str, Any],
        partial: bool = False,
        repair: bool = False,
        first: int = 0,
    ) -> None:
        if n < 1:
            raise UsageError(f"n must be at least 1, not {n}")
        if schema is not None:
            structured.check_schema(schema)
        self.task, self.schema, self.n, self.params = task, schema, n, params
        self.partial, self.repair, self.first = partial, repair, first


class _RoleAsk:
    def __init__(self, door: Door, role: str | None, first: int) -> None:
        self._door, self._role, self._first = door, role, first

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        task: Task | None = None,
        model: str | None = None,
        schema: Mapping[str, Any] | None = None,
        n: int = 1,
        partial: bool = False,
        repair: bool = False,
        **params: Any,
    ) -> list[Answer]:
        how = Asking(task, schema, n, params, partial, repair, self._first)
        return await self._door.ask(model or self._role, messages, how)


async def _all(answers: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Wait for all, then raise the first error: no repair is left behind half done."""
    if len(answers) == 1:
        return [await answers[0]]
    results = await asyncio.gather(*answers, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise errors[0]
    return [result for result in results if isinstance(result, Answer)]


def _as_answer(landed: Landed, data: Any, repaired: bool) -> Answer:
    entry, call = landed.entry, landed.entry.call
    return Answer(
        call.response,
        data,
        call.model,
        call.key,
        call.usage,
        entry.finish_reason,
        landed.cached,
        logprobs=entry.logprobs,
        repaired=repaired,
    )


def _unusable(entry: Entry, error: structured.NotParsedError, first: str) -> ModelAnswerError:
    return ModelAnswerError(
        f"the answer is unusable, also after one repair request: {error}",
        kind=error.kind,
        raw=entry.call.response or first,
        where=entry.call.model,
        key=entry.call.key,
    )


def _check_role(role: str, spec: ModelSpec, budget: Budget) -> None:
    validate_spec(spec, where=f"models.{role}")
    _check_params(role, spec.params)
    if budget.usd is not None and price_of(spec) is None:
        raise UsageError(
            f"a budget in dollars cannot be kept: the price of {spec.model} is not known",
            where=f"models.{role}",
            cure="add price: {input: USD, output: USD} per million tokens (0 for your own server)",
        )


def _check_params(role: str, params: Mapping[str, Any]) -> None:
    taken = sorted(RESERVED & params.keys())
    if taken:
        raise UsageError(
            f"the parameter {taken[0]} is set by gristmill itself", where=f"models.{role}.params"
        )
    secret = sorted(name for name in params if name.lower() in SECRETS)
    if secret:
        raise UsageError(
            f"{secret[0]} is no sampling parameter",
            where=f"models.{role}.params",
            cure="put the key into an environment variable and name that with api_key_env",
        )


def _own_engines(specs: Mapping[str, ModelSpec], cache: Path | None) -> Engines | None:
    if not any(spec.backend == "vllm" for spec in specs.values()):
        return None
    from gristmill.models.inprocess.engines import Engines

    return Engines(specs.values(), cache)


def _ignore(event: CallEvent) -> None:
    """The default ``on_call``."""
