"""``use: jsonl``: the items of a local file as a task of lm-eval's, without a network and without YAML."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gristmill.models import ModelSpec, can_score
from gristmill.models.scoring import no_scores
from gristmill.yaml_lines import Loc, Source
from gristmill_evals.evaluation.lm.answers import Match, is_right, letter
from gristmill_evals.evaluation.lm.params import LENGTHS
from gristmill_evals.evaluation.lm.rows import Row, read_rows
from gristmill_evals.evaluation.lm.run import Order, check_installed, run
from gristmill_evals.evaluation.lm.task import chat_wanted, smaller
from gristmill_evals.evaluation.records import EvalContext, TaskInfo

Choose = Literal["auto", "likelihood", "letter"]
LETTER = "Answer with the letter of the right choice, and nothing else."
TOKENS = {"letter": 256, "free": 1024}
"""The longest answer of a chat where neither the task nor the model says; thoughts need their room."""


class JsonlTask(BaseModel):
    """Rows with ``id``, ``question``, ``answer`` and, if there are, ``choices``; more in docs/lm-eval.md.

    ``name`` is the file's when left out. ``choose`` says how a choice is made: by the likelihood of each
    choice's text, by writing its letter, or (``auto``) by likelihood where the model has it. ``match`` says
    when a written answer is right: ``exact``, ``contains``, ``numeric`` or ``regex`` with ``pattern``.
    ``instruction`` follows every question; left out, choices by letter have one. ``stop`` ends answers (left
    out, a line break does for models that only go on from a text). ``cluster`` is a column: rows that share
    its value are not independent; left out, ``cluster``, ``source`` or ``document``, where a row has one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str = Field(min_length=1)
    name: str = Field(default="", pattern=r"^[\w.-]*$")
    choose: Choose = "auto"
    match: Match = "exact"
    pattern: str = ""
    instruction: str | None = None
    stop: list[str] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    system: str = ""
    seed: int = Field(default=1234, ge=0)
    gen_kwargs: dict[str, Any] = Field(default_factory=dict)
    think_end: str = ""
    cluster: str | None = None

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error
        return value

    @model_validator(mode="after")
    def _fits(self) -> JsonlTask:
        if (self.match == "regex") != bool(self.pattern):
            raise ValueError("match: regex and pattern belong together")
        return self

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Answer all items; see :func:`gristmill_evals.evaluation.lm.run.run`."""
        check_installed("use: jsonl")
        from gristmill_evals.evaluation.lm.model import Wishes

        rows, where = self._rows(context.root)
        spec = context.door.spec_of(context.model)
        chosen = self._chosen(rows, spec, where)
        build = _Build(self, self.name or Path(where).stem, chosen, spec)
        order = Order(
            "jsonl",
            where,
            partial(build.load, rows),
            Wishes(dict(self.gen_kwargs), self.think_end),
            chat=build.chat,
            seed=self.seed,
            limit=smaller(self.limit, context.limit),
            system=self.system,
            settings={**self.model_dump(mode="json", exclude_defaults=True), "answered_by": chosen},
            item_id=lambda _, document, __: str(document["id"]),
            cluster=lambda document, _: str(document["cluster"]),
            parts=lambda document: (document["question"], document["answer"], tuple(document["choices"])),
        )
        return await run(order, context)

    def prepare(self, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> Sequence[str]:
        """Check the file before the plan begins."""
        check_installed(f"{source.where(at)}: use: jsonl")
        self._rows(source.path.resolve().parent)
        return ()

    def _rows(self, root: Path) -> tuple[list[Row], str]:
        path = root / os.path.expanduser(self.path)
        return read_rows(path, self.cluster), str(path)

    def _chosen(self, rows: Sequence[Row], spec: ModelSpec, where: str) -> str:
        if not rows[0].choices:
            return "free"
        if self.choose == "likelihood" and not can_score(spec):
            raise no_scores(spec, f"{where}: choose: likelihood needs log-likelihoods")
        likelihood = self.choose == "likelihood" or (self.choose == "auto" and can_score(spec))
        return "likelihood" if likelihood else "letter"


class _Build:
    """The task of a file, as lm-eval takes it."""

    def __init__(self, settings: JsonlTask, name: str, chosen: str, spec: ModelSpec) -> None:
        self.chat = chat_wanted(None, spec, settings.path)
        self._bounded = bool(spec.params.keys() & LENGTHS)
        self._settings, self._name, self._chosen = settings, name, chosen

    def load(self, rows: Sequence[Row]) -> Mapping[str, Any]:
        """The task, loaded; in lm-eval's thread."""
        from gristmill_evals.evaluation.lm.loading import loaded
        from gristmill_evals.lm_tasks import manager

        def dataset(**_: Any) -> Any:
            from datasets import Dataset, DatasetDict

            return DatasetDict(test=Dataset.from_list([row.document() for row in rows]))

        shared = {"task": self._name, "custom_dataset": dataset, "test_split": "test", "num_fewshot": 0}
        kind = self._likelihood() if self._chosen == "likelihood" else self._written()
        return loaded(manager(None, False), {**shared, **kind}, self._name)

    def _likelihood(self) -> dict[str, Any]:
        # The right choice is a number of its own column: lm-eval takes a text of digits for a place.
        metrics = ("acc", "acc_norm")
        return {
            "output_type": "multiple_choice",
            "doc_to_text": self._text,
            "doc_to_choice": "choices",
            "doc_to_target": "gold",
            "metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in metrics],
        }

    def _written(self) -> dict[str, Any]:
        own = self._settings
        until = own.stop if own.stop is not None else [] if self.chat else ["\n"]
        told: dict[str, Any] = {"until": until, "do_sample": False}
        if own.max_tokens is not None or (self.chat and not self._bounded):
            told["max_gen_toks"] = own.max_tokens or TOKENS[self._chosen]
        names = ("acc", "readable") if self._chosen == "letter" else (own.match + "_match",)
        return {
            "output_type": "generate_until",
            "doc_to_text": self._text,
            "doc_to_target": "answer",
            "generation_kwargs": told,
            "process_results": self._letter if self._chosen == "letter" else self._free,
            "metric_list": [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in names],
        }

    def _text(self, document: Mapping[str, Any]) -> str:
        own, lines = self._settings, [document["question"].strip()]
        if self._chosen == "letter":
            pairs = zip(string.ascii_uppercase, document["choices"], strict=False)
            lines += [f"{mark}. {choice}" for mark, choice in pairs]
        told = own.instruction
        if told is None:
            told = LETTER if self._chosen == "letter" and self.chat else ""
        if told:
            lines += ["", told]
        whole = "\n".join(lines)
        return whole if self.chat else f"Question: {whole}\nAnswer:"

    def _letter(self, document: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
        choices = document["choices"]
        place = letter(str(results[0]), choices)
        right = place is not None and choices[place] == document["answer"]
        return {"acc": float(right), "readable": float(place is not None)}

    def _free(self, document: Mapping[str, Any], results: Sequence[Any]) -> dict[str, float]:
        own = self._settings
        right = is_right(str(results[0]), document["answers"], own.match, own.pattern)
        return {f"{own.match}_match": float(right)}
