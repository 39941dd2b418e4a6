"""Samples out of what lm-eval logged: one an item, whatever number of filters and requests it had."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill_evals.contamination.lm_eval_render import Frame, Rendered, frame_of, rendered
from gristmill_evals.evaluation.lm.guard import Guard
from gristmill_evals.evaluation.lm.metrics import label, value_of
from gristmill_evals.evaluation.lm.model import Chat, Failed, Notes
from gristmill_evals.evaluation.records import EvalSample

SHORT = 500
"""Characters of a raw value that is no number, as far as they are kept."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the samples of one task are read. ``item_id`` and ``cluster`` are told by document and id."""

    name: str
    task: Any
    notes: Notes
    guard: Guard
    item_id: Callable[[Mapping[str, Any], int], str]
    cluster: Callable[[Mapping[str, Any], str], str]
    parts: Callable[[Mapping[str, Any]], Rendered] | None = None


Logged = Mapping[str, Any]


def found_metrics(logged: Iterable[Logged]) -> list[tuple[str, str]]:
    """Metrics and the filters they belong to, in the order in which they first occur."""
    pairs = ((metric, one["filter"]) for one in logged for metric in one["metrics"])
    return list(dict.fromkeys(pairs))


def read(reading: Reading, logged: Sequence[Logged]) -> list[EvalSample]:
    """The samples of a task, in the order of its documents."""
    crashes = _crashes(reading, logged)
    found, frame = found_metrics(logged), frame_of(reading.task)
    by_document: dict[int, list[Logged]] = {}
    for one in logged:
        by_document.setdefault(int(one["doc_id"]), []).append(one)
    return [_sample(reading, rows, found, frame, crashes) for _, rows in sorted(by_document.items())]


def _crashes(reading: Reading, logged: Sequence[Logged]) -> dict[int, str]:
    """What the task's metrics raised, by document: the logged ones without metrics that did not fail."""
    silent = [
        int(one["doc_id"])
        for one in logged
        if not one["metrics"] and (_key(reading, one)) not in reading.notes.failures
    ]
    found: dict[int, str] = {}
    for number, said in zip(silent, reading.guard.crashes, strict=False):
        found.setdefault(number, f"scoring-failed: {said}")
    return found


def _key(reading: Reading, one: Logged) -> tuple[str, int]:
    return str(reading.task.config.task), int(one["doc_id"])


def _sample(
    reading: Reading,
    rows: Sequence[Logged],
    found: Sequence[tuple[str, str]],
    frame: Frame,
    crashes: Mapping[int, str],
) -> EvalSample:
    first = rows[0]
    number, document = int(first["doc_id"]), first["doc"]
    error = reading.notes.failures.get(_key(reading, first), "") or crashes.get(number, "")
    by_filter = {one["filter"]: one for one in rows}
    metrics = {
        label(metric, kind): None if error else value_of(by_filter.get(kind, {}).get(metric))
        for metric, kind in found
    }
    item_id = reading.item_id(document, number)
    question, target, choices = _parts(reading, document, frame)
    return EvalSample(
        reading.name,
        item_id,
        reading.cluster(document, item_id),
        metrics,
        error=error,
        question=question,
        target=target,
        choices=choices,
        prompt=_prompt(first["arguments"]),
        response=_response(reading.task, first, choices),
        details=_details(reading, rows, found),
    )


def _parts(reading: Reading, document: Mapping[str, Any], frame: Frame) -> Rendered:
    if reading.parts is not None:
        return reading.parts(document)
    try:
        question, target, choices = rendered(reading.task, document, frame)
    except Exception:  # noqa: BLE001 - templates are code of strangers, and the answer counts without them
        return "", "", ()
    return question.strip(), target, choices


def _prompt(arguments: Sequence[Sequence[Any]]) -> str:
    """What the model was sent: of a text whose likelihood is asked, nothing stands before it."""
    first = arguments[0][0] if len(arguments[0]) > 1 else ""
    if not isinstance(first, Chat):
        return str(first)
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in json.loads(first))


def _response(task: Any, one: Logged, choices: Sequence[str]) -> str:
    """The answer; of choices by likelihood, the likeliest one."""
    answers = [responses[0] for responses in one["resps"]]
    if any(isinstance(answer, Failed) for answer in answers):
        return ""
    if isinstance(answers[0], str):
        return answers[0]
    if task.OUTPUT_TYPE == "multiple_choice":
        logs = [answer[0] for answer in answers][: len(choices) or None]
        best = logs.index(max(logs))
        return choices[best] if best < len(choices) else str(one["arguments"][best][1]).strip()
    return ""


def _details(reading: Reading, rows: Sequence[Logged], found: Sequence[tuple[str, str]]) -> dict[str, Any]:
    first = rows[0]
    details: dict[str, Any] = {}
    answers = list(first["resps"])
    if all(isinstance(given[0], tuple) for given in answers):
        details["logprobs"] = [float(given[0][0]) for given in answers]
        details["greedy"] = [bool(given[0][1]) for given in answers]
    elif isinstance(answers[0][0], float):
        details["logprobs"] = [answers[0][0]]
    elif len(answers[0]) > 1:
        details["repeats"] = [str(answer) for answer in answers[0]]
    read = {one["filter"]: one["filtered_resps"] for one in rows}
    texts = {kind: value[0] for kind, value in read.items() if value and isinstance(value[0], str)}
    if any(text != answers[0][0] for text in texts.values()):
        details["read_as"] = {kind: str(text) for kind, text in texts.items()}
    if _key(reading, first) in reading.notes.truncated:
        details["truncated"] = True
    raw = {
        label(metric, kind): repr(one[metric])[:SHORT]
        for one in rows
        for metric, kind in found
        if one["filter"] == kind and metric in one and value_of(one[metric]) is None
    }
    return {**details, "values": raw} if raw else details
