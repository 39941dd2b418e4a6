"""The content address of a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gristmill.models.types import Backend, Request
from gristmill.records import content_id


def request_key(backend: Backend, request: Request) -> str:
    """What the answer depends on, hashed: model, messages, sampling parameters, schema, sample index.

    Base URL, key, time-outs and concurrency are left out, so answers outlive a change of them. A backend
    with ``uses_task`` (by default, an offline one) answers from the task's inputs, so they count too.
    """
    task = None
    uses_task = getattr(backend, "uses_task", backend.name.startswith("offline:"))
    if uses_task and request.task is not None:
        task = [request.task.name, request.task.inputs]
    return call_key(backend.name, request.messages, request.params, request.schema, request.sample, task=task)


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
