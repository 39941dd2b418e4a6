"""The content address of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gristmill.models.types import Backend, Request
from gristmill.records import constant_json, content_id


def request_key(backend: Backend, request: Request) -> str:
    """What the answer depends on, hashed: model, messages, sampling parameters, schema, sample index.

    Base URL, key, time-outs and concurrency are left out, so answers outlive a change of them. A backend
    with ``uses_task`` (by default, an offline one) answers from the task's inputs, so they count too.
    """
    task = None
    uses_task = getattr(backend, "uses_task", backend.name.startswith("offline:"))
    if uses_task and request.task is not None:
        task = [request.task.name, request.task.inputs]
    schema: object = request.schema
    if schema is not None:
        # The same schema goes with every call of a component: its text is made once.
        schema = orjson.Fragment(constant_json(schema, orjson.OPT_SORT_KEYS))
    return content_id("call", backend.name, request.messages, request.params, schema, request.sample, task)


def call_key(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    params: Mapping[str, Any],
    schema: Mapping[str, Any] | None,
    sample: int,
    *,
    task: object = None,
) -> str:
    """The address of a call by its content, as it stands in the cache; ``task`` counts for offline models."""
    return content_id("call", model, messages, params, schema, sample, task)
