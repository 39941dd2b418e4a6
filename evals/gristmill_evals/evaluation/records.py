"""What an evaluation is made of: one sample an item, what is known of its task, and the run around them.

Samples are kept whole; means and intervals are worked out of them when a report is written, so that two runs
can be paired item by item later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gristmill.models import Door


@dataclass(frozen=True, slots=True)
class EvalSample:
    """One item of a task as one model answered it.

    ``metrics`` maps a metric's name to its value for this item, or to None where it has none; a sample
    without an answer has ``error`` (a short slug and what happened) and no value: it is unscored, never 0.
    ``cluster`` names what items share that are not independent (the source document, the question of which
    this is a variant); an item on its own is its own cluster. ``prompt`` is what the model was sent,
    ``question``, ``target`` and ``choices`` the item itself. ``details`` are plain JSON: turns, verdicts of
    judges, the item a variant was made of.
    """

    task: str
    item_id: str
    cluster: str
    metrics: Mapping[str, float | None]
    error: str = ""
    question: str = ""
    target: str = ""
    choices: tuple[str, ...] = ()
    prompt: str = ""
    response: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric: whether more is better, its range, and whether it is a mean over samples.

    One that is not (perplexity over a corpus, say) has the ``value`` that its task worked out, and ``note``
    says why it has no interval of ours.
    """

    name: str
    higher_is_better: bool = True
    low: float | None = 0.0
    high: float | None = 1.0
    mean: bool = True
    value: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """A task as it was run. ``kind`` is the plan's ``use``; the first metric is the main one.

    ``settings`` are plain JSON: all that a person needs to run the same again. ``items`` is how many items
    were to be answered; samples with an error count among them.
    """

    name: str
    kind: str
    metrics: tuple[MetricInfo, ...]
    items: int
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalRun:
    """One model on some tasks. ``model`` is its spec without secrets, ``usage`` tokens, calls and cost.

    ``started`` and ``finished`` are ISO 8601 in UTC; a run that was cut off has no ``finished``.
    ``status`` is running, done, failed (a task could not be run: ``failures``, by its label, say why),
    interrupted or budget. ``judges`` are the other models that were asked, by role.
    """

    id: str
    name: str
    model: Mapping[str, Any]
    tasks: tuple[TaskInfo, ...]
    started: str
    finished: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    status: str = "done"
    failures: Mapping[str, str] = field(default_factory=dict)
    judges: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalContext:
    """What a task is given to work with.

    ``model`` is the role (of ``door``) that is evaluated; judges are other roles of the same door. Relative
    paths of a task start at ``root``. ``emit`` takes every sample as soon as it is known; ``expect`` is told
    how many items there will be. ``limit`` bounds the items of a task (None: all).
    """

    door: Door
    model: str
    root: Path
    emit: Callable[[EvalSample], None]
    expect: Callable[[str, int], None]
    limit: int | None = None


class EvalTask(Protocol):
    """A task of a plan: pydantic models with this method; see :mod:`gristmill_evals.evaluation.plan`."""

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Answer all items, emit a sample for each, and say what was run (a group is several tasks).

        Raises:
            GristmillError: nothing of the task can be run: bad data, an unknown name, a missing extra.
        """
