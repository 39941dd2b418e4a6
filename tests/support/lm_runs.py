"""Tasks of lm-eval evaluated by themselves: a door, a folder, and a list for the samples."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill_evals.evaluation.records import EvalContext, EvalSample, EvalTask, TaskInfo
from support.openai_server import OpenAIServer

GRAINS = ("rye", "oats", "barley", "spelt")


@dataclass
class Ran:
    """What came of a task."""

    infos: tuple[TaskInfo, ...] = ()
    samples: list[EvalSample] = field(default_factory=list)
    expected: dict[str, int] = field(default_factory=dict)
    sent: int = 0

    def values(self, metric: str, task: str = "") -> list[float | None]:
        """A metric's values by sample, of one task or all."""
        return [s.metrics.get(metric) for s in self.samples if task in ("", s.task)]


def model(server: OpenAIServer, endpoint: str = "chat", name: str = "test-model", **more: Any) -> ModelSpec:
    """A model of the test server's; without retries, unless told."""
    told = {"model": f"openai:{name}", "base_url": server.url, "endpoint": endpoint, "retries": 0, **more}
    return ModelSpec.model_validate(told)


async def evaluate(
    task: EvalTask, spec: ModelSpec, root: Path, cache: Path | None = None, **more: Any
) -> Ran:
    """Run a task with a door of its own."""
    ran = Ran()
    retry = RetryPolicy(base=0.01)
    async with Door({"model": spec}, cache=cache, retry=retry, budget=more.pop("budget", None)) as door:
        context = EvalContext(
            door, "model", root, ran.samples.append, lambda name, n: ran.expected.update({name: n}), **more
        )
        ran.infos = await task.evaluate(context)
        ran.sent = door.counters.total.sent
    return ran


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def task_folder(
    root: Path, tasks: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> Path:
    """A folder of YAML tasks over one JSONL file."""
    data = write_rows(root / "rows.jsonl", rows)
    folder = root / "tasks"
    folder.mkdir()
    files = {"data_files": {"test": str(data)}, "cache_dir": str(root / "hf")}
    for name, told in tasks.items():
        shared = {} if "group" in told else {"task": name, "dataset_path": "json", "test_split": "test"}
        shared |= {} if "group" in told else {"dataset_kwargs": files}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**shared, **told}), encoding="utf-8")
    return folder


CHOICE = {
    "output_type": "multiple_choice",
    "doc_to_text": "Question: {{stem}}\nAnswer:",
    "doc_to_choice": "{{opts}}",
    "doc_to_target": "gold",
    "metric_list": [
        {"metric": m, "aggregation": "mean", "higher_is_better": True} for m in ("acc", "acc_norm")
    ],
}
WRITTEN = {
    "output_type": "generate_until",
    "doc_to_text": "Question: {{stem}}\nAnswer:",
    "doc_to_target": "{{opts[gold]}}",
    "generation_kwargs": {"until": ["\n"], "do_sample": False, "max_gen_toks": 20},
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}


def rows(count: int = 4) -> list[dict[str, Any]]:
    """Items with four grains to choose from, of two documents."""
    return [
        {"stem": f"Grain number {n}?", "opts": list(GRAINS), "gold": n % 4, "page": f"p{n // 2}"}
        for n in range(count)
    ]


def main(url: str, root: str, cache: str) -> None:
    """A run in a process of its own, one call at a time."""
    from gristmill_evals.evaluation.lm import LmEvalTask

    spec = ModelSpec(model="openai:test-model", base_url=url, concurrency=1)
    asyncio.run(evaluate(LmEvalTask(task="mill_written", folder="tasks"), spec, Path(root), Path(cache)))


if __name__ == "__main__":
    main(*sys.argv[1:])
