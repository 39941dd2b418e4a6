"""What the door does in batch mode with a call that is not cached: write it down and say so."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gristmill.errors import DeferredError, ModelAnswerError, ModelError
from gristmill.models.backends import base_url, key_variable
from gristmill.models.backends.openai_api import DEFAULT_URL
from gristmill.models.batch.table import BatchTable, Deferred
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Request

FLUSH_ROWS = 500


class Deferrals:
    """The queue of one walk (one round). Memory is flat: rows go to the table by the hundred.

    What is not flushed when the process dies is not lost: the next walk asks for it again.
    """

    def __init__(self, table: BatchTable, recipe: str, round_id: str) -> None:
        self.table, self.recipe, self.round = table, recipe, round_id
        self.specs: dict[int, ModelSpec] = {}
        self.asked = 0
        self._rows: dict[str, Deferred] = {}
        self._numbers: dict[str, int] = {}

    def takes(self, spec: ModelSpec) -> bool:
        """Whether a model's calls go into batches."""
        online = spec.serve is not None or spec.endpoint != "chat"
        return spec.backend == "openai" and spec.batch.enabled and not online

    def put_off(
        self, spec: ModelSpec, role: str, calls: Sequence[tuple[str, Request, str]]
    ) -> list[Exception]:
        """Queue calls (key, request, ``replaces``) that differ in ``sample`` only; the error for each.

        That is :class:`DeferredError`, or how a call ended for good in an earlier batch. As long as one of
        them is on its way all are: whoever asked for several samples waits for the last one.
        """
        endpoint = self._endpoint(role, spec)
        errors = [self._one(endpoint, role, calls[0][0], call) for call in calls]
        if len(self._rows) >= FLUSH_ROWS:
            self.flush()
        deferred = next((error for error in errors if isinstance(error, DeferredError)), None)
        if deferred is None:
            return list(errors)
        self.asked += sum(isinstance(error, DeferredError) for error in errors)
        return [deferred for _ in errors]

    def flush(self) -> None:
        """Write the queue to the table."""
        rows, self._rows = self._rows, {}
        if rows:
            self.table.defer(rows.values(), self.recipe, self.round)

    def _endpoint(self, role: str, spec: ModelSpec) -> int:
        number = self._numbers.get(role)
        if number is None:
            variable = key_variable(spec, os.environ)
            url = base_url(spec, os.environ) or DEFAULT_URL
            number = self._numbers[role] = self.table.endpoint_id(spec.model, url, variable or "")
            # Roles on one endpoint share its batches; the first one's prices and retries hold for them.
            self.specs.setdefault(number, spec)
        return number

    def _one(
        self, endpoint: int, role: str, bundle: str, call: tuple[str, Request, str]
    ) -> DeferredError | ModelError:
        key, request, replaces = call
        if key in self._rows:
            return DeferredError(key)
        known = self.table.state(key)
        if known is not None and known["state"] == "failed":
            return ModelAnswerError(known["message"], kind=known["kind"], where=request.model, key=key)
        if known is None or known["state"] != "sent":
            self._rows[key] = Deferred(key, bundle, endpoint, role, request, replaces)
        return DeferredError(key)
