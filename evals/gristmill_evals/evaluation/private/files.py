"""The files of a private benchmark: what ``lm_eval --include_path`` reads, and where it all comes from."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import yaml

from gristmill import __version__
from gristmill.errors import UsageError
from gristmill.records import content_id
from gristmill_evals.contamination import Benchmark, BenchmarkItem
from gristmill_evals.evaluation.private.choices import Question
from gristmill_evals.evaluation.private.items import BenchmarkKind, Made
from gristmill_evals.evaluation.private.page import read_me

METRICS: Mapping[str, tuple[str, ...]] = {
    "generate": ("token_f1", "contains", "exact_match"),
    "free": ("exact_match", "contains", "token_f1"),
    "choice": ("acc", "acc_norm"),
}
"""What is measured, the main one first; names are those that lm-eval prints."""
TOKENS = {"generate": 512, "free": 64}
_STOPS = {"generate": ["\nQuestion:"], "free": ["\n"]}
_ASKS = {"generate": "", "free": "Answer the question in a few words.\n\n", "choice": ""}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FORMAT = 1.0
SUFFIXES = (".jsonl", ".py", ".json", ".md", ".overlap.jsonl", ".yaml")
"""In the order in which they appear: lm-eval knows the task when all else is there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made: ``metrics`` are those of :data:`METRICS` that are wanted, all when empty."""

    name: str
    kind: BenchmarkKind
    canary: str
    dataset: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    note: str = ""

    @property
    def measured(self) -> tuple[str, ...]:
        """The metrics of the task, the main one first."""
        return self.metrics or METRICS[self.kind]

    @property
    def mark(self) -> str:
        """The text that stands in every item and every file: whoever meets it in training data can tell."""
        return f"gristmill private benchmark {self.name}, not for training. canary GUID {self.canary}"


def check_plan(name: str, kind: str, metrics: tuple[str, ...]) -> None:
    """Refuse what lm-eval could not load.

    Raises:
        UsageError: a name that is no plain word, or a metric that the kind does not have.
    """
    if not _NAME.fullmatch(name):
        cure = "letters, digits, - and _ only: it is the name of the task and of its files"
        raise UsageError(f"{name!r} cannot be the name of a benchmark", where="--name", cure=cure)
    unknown = sorted(set(metrics) - set(METRICS[kind]))
    if unknown:
        cure = f"metrics of {kind}: {', '.join(METRICS[kind])}"
        raise UsageError(f"there is no metric {unknown[0]!r} for {kind}", where="--metric", cure=cure)


def check_folder(folder: Path, name: str, canary: str) -> None:
    """Refuse to write over files of something else: of another dataset's benchmark, or made by hand.

    ``canary`` is that of the benchmark in the dataset, empty when it was never made.

    Raises:
        UsageError: see above.
    """
    there = [path for end in SUFFIXES if (path := folder / f"{name}{end}").exists()]
    if there and (not canary or _canary(folder / f"{name}.json") != canary):
        raise UsageError(
            "there are other files of this name", where=str(there[0]), cure="choose another --name or --out"
        )


def _canary(path: Path) -> str:
    try:
        told = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return ""
    return str(told.get("canary")) if isinstance(told, dict) else ""


def as_benchmark(plan: Plan, made: Made) -> Benchmark:
    """The items as the contamination check sees them."""
    items = (BenchmarkItem(one.id, one.question, one.answer, one.choices) for one in made.questions)
    return Benchmark.make(plan.name, items, split="test")


def render(plan: Plan, made: Made, overlap: list[dict[str, Any]], training: int) -> dict[str, bytes]:
    """Every file by its name, in the order in which they are to appear."""
    lines = b"".join(orjson.dumps(_line(plan, one)) + b"\n" for one in made.questions)
    facts = _facts(plan, made, lines, overlap, training)
    contents = {
        ".jsonl": lines,
        ".py": _script(plan).encode(),
        ".json": orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n",
        ".md": read_me(facts).encode(),
        ".overlap.jsonl": b"".join(orjson.dumps({**match, "canary": plan.mark}) + b"\n" for match in overlap),
        ".yaml": _task(plan).encode(),
    }
    return {f"{plan.name}{end}": contents[end] for end in SUFFIXES}


def _script(plan: Plan) -> str:
    """The module that loads and scores, with the metrics of this benchmark in their order."""
    text = files("gristmill_evals.evaluation.private").joinpath("lm_task.py").read_text(encoding="utf-8")
    told = re.sub(r"^METRICS = .*$", f"METRICS = {plan.measured!r}", text, count=1, flags=re.M)
    return f"# {plan.mark}\n{told}"


def _line(plan: Plan, one: Question) -> dict[str, Any]:
    """One item; every line of a file has the same keys."""
    line: dict[str, Any] = {"id": one.id, "question": one.question, "answer": one.answer}
    if plan.kind == "choice":
        line |= {"choices": list(one.choices), "gold": one.choices.index(one.answer)}
        line["choices_by"] = "rule" if one.rule else "row"
    return line | {
        "source": one.source,
        "cluster": one.cluster,
        "sources": list(one.sources),
        "status": one.status,
        "canary": plan.mark,
    }


def _task(plan: Plan) -> str:
    head: dict[str, Any] = {"task": plan.name, "tag": ["gristmill_private"], "test_split": "test"}
    body: dict[str, Any] = {
        "description": _ASKS[plan.kind],
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_target": "answer",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in plan.measured
        ],
        "metadata": {"version": _FORMAT, "canary": plan.mark},
    }
    code = {"custom_dataset": "load"}
    if plan.kind == "choice":
        body |= {"output_type": "multiple_choice", "doc_to_choice": "choices", "doc_to_target": "gold"}
    else:
        until, most = _STOPS[plan.kind], TOKENS[plan.kind]
        asked = {"until": until, "max_gen_toks": most, "do_sample": False, "temperature": 0.0}
        body |= {"output_type": "generate_until", "generation_kwargs": asked}
        code["process_results"] = "score"
    tags = "".join(f"{key}: !function {plan.name}.{name}\n" for key, name in code.items())
    dumped = (yaml.safe_dump(part, sort_keys=False, allow_unicode=True, width=1000) for part in (head, body))
    return f"# {plan.mark}\n{next(dumped)}{tags}{next(dumped)}"


def _facts(
    plan: Plan, made: Made, lines: bytes, overlap: list[dict[str, Any]], training: int
) -> dict[str, Any]:
    documents = {uri: one.cluster for one in made.questions for uri in one.sources}
    return {
        "name": plan.name,
        "canary": plan.canary,
        "mark": plan.mark,
        "kind": plan.kind,
        "metrics": list(plan.measured),
        "items": len(made.questions),
        "choices_by_rule": sum(one.rule for one in made.questions),
        "rows": made.rows,
        "left_out": dict(made.left_out),
        "clusters": len(set(documents.values())),
        "documents": [{"uri": uri, "cluster": key} for uri, key in sorted(documents.items())],
        "overlap": {"training_rows": training, "matches": len(overlap)},
        "dataset": plan.dataset,
        "settings": dict(plan.settings),
        "note": plan.note,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "sha256": hashlib.sha256(lines).hexdigest(),
        "row_hashes": {one.id: content_id("item", one.question, one.answer) for one in made.questions},
    }


def _versions() -> dict[str, str]:
    found = {"gristmill": __version__, "python": platform.python_version()}
    with suppress(PackageNotFoundError):  # it is an extra: the benchmark is made without it
        found["lm-eval"] = version("lm-eval")
    return found
