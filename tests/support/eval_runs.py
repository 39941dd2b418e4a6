"""Run folders of evaluations, written by the real writer: a quiz about mills, answered more or less well."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gristmill_evals.evaluation.folder import RunWriter
from gristmill_evals.evaluation.records import EvalRun, EvalSample, MetricInfo, TaskInfo

TOPICS = ("sluice", "millstone", "hopper", "flour", "toll", "wheel")
CATEGORIES = ("machines", "trade", "safety")
SPEC = {"role": "writer", "model": "openai:tiny", "base_url": "http://127.0.0.1:9/v1"}
USAGE = {
    "calls": 320, "input_tokens": 41_000, "output_tokens": 9_000, "cost_usd": 0.42, "unpriced": 0,
    "seconds": 91.0, "by_model": {}, "this_time": {"sent": 300, "cached": 20, "failed": 0, "retried": 1},
}  # fmt: skip


def choice_samples(n: int, right: float, seed: int, *, failed: int = 0, luck: int = 7) -> list[EvalSample]:
    """``n`` items of the task ``quiz``, of which about the share ``right`` is answered rightly.

    How hard an item is, is the same for every ``seed``: answers of two models go together.
    """
    hard, chance = random.Random(luck), random.Random(seed)
    made = []
    for number in range(n):
        ease, own = hard.random(), chance.random()
        value = 1.0 if 0.7 * ease + 0.3 * own > 1 - right else 0.0
        failing = number < failed
        made.append(
            EvalSample(
                "quiz",
                f"q{number}",
                f"page {number // 4}",
                {"acc": None if failing else value},
                error="timeout: no answer within 30 s" if failing else "",
                question=f"What does number {number} of the {TOPICS[number % 6]} do?",
                target=f"answer {number}",
                choices=(f"answer {number}", "something else"),
                prompt=f"Question: what does number {number} of the {TOPICS[number % 6]} do?",
                response="" if failing else f"answer {number if value else number + 1}",
                details={"category": CATEGORIES[number % 3]},
            )
        )
    return made


def talk_samples(n: int, mean: float, drop: float, seed: int) -> list[EvalSample]:
    """``n`` conversations of two turns, graded from 0 to 1, the second lower by about ``drop``."""
    chance = random.Random(seed)
    made = []
    for number in range(n):
        first = min(1.0, max(0.0, chance.gauss(mean, 0.15)))
        second = min(1.0, max(0.0, first - drop + chance.gauss(0, 0.05)))
        turns = [
            {
                "user": "Why is the gate opened?",
                "response": "So that " + "water runs. " * (number % 9 + 1),
                "value": first,
            },
            {"user": "And then?", "response": "The wheel turns.", "value": second},
        ]
        metrics = {"mean": (first + second) / 2, "turn_1": first, "turn_2": second, "drop": second - first}
        made.append(
            EvalSample(
                "talk", f"t{number}", f"t{number}", metrics, question="Why is the gate opened?\n\nAnd then?",
                prompt="user: Why is the gate opened?", response=str(turns[-1]["response"]),
                details={"category": CATEGORIES[number % 3], "turns": turns},
            )
        )  # fmt: skip
    return made


def quiz(n: int, settings: Mapping[str, Any] | None = None, version: str = "1") -> TaskInfo:
    """The task of :func:`choice_samples`."""
    return TaskInfo("quiz", "jsonl", (MetricInfo("acc"),), n, version, {"num_fewshot": 0, **(settings or {})})


def talk(n: int) -> TaskInfo:
    """The task of :func:`talk_samples`."""
    metrics = (*map(MetricInfo, ("mean", "turn_1", "turn_2")), MetricInfo("drop", low=-1.0))
    return TaskInfo("talk", "conversation", metrics, n, "1", {"rubric": "conversation", "judge": "judge"})


def write_run(
    folder: Path,
    samples: Sequence[EvalSample],
    tasks: Sequence[TaskInfo],
    *,
    role: str = "writer",
    finished: bool = True,
    **changes: Any,
) -> Path:
    """A run folder; ``changes`` are fields of the run."""
    spec = {**SPEC, "role": role, "model": f"openai:{role}"}
    values = {
        "id": f"id-{role}", "name": "mills", "model": spec, "tasks": tuple(tasks),
        "started": "2026-11-20T09:00:00+00:00", "finished": "2026-11-20T09:02:00+00:00" if finished else "",
        "usage": USAGE, "versions": {"gristmill": "0.1.0", "python": "3.11.9"},
        "status": "done" if finished else "interrupted", **changes,
    }  # fmt: skip
    with RunWriter(folder) as writer:
        for sample in samples:
            writer.add(sample)
        writer.save(EvalRun(**values))
    return folder
