"""``use: lm-eval``: a task, tag or group of lm-eval's own, of a folder, or of one YAML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gristmill.errors import UsageError
from gristmill.models import ModelSpec
from gristmill.yaml_lines import Loc, Source
from gristmill_evals.evaluation.lm.run import Order, check_installed, run
from gristmill_evals.evaluation.records import EvalContext, TaskInfo


class LmEvalTask(BaseModel):
    """A task of lm-eval, with what its command line can set.

    ``task`` is a name, or a path that ends in .yaml; ``name`` is what it is called in results, so that a plan
    can run one task in two ways. ``folder`` holds more YAML files; where the task needs
    none of lm-eval's own, those are not looked through. ``num_fewshot`` is the task's own when left out.
    ``apply_chat_template`` builds prompts as turns of a chat; left out, it does so for chat endpoints.
    ``system`` stands before every prompt, ``gen_kwargs`` over the task's own generation settings (a value of
    null takes one away). ``think_end`` (``</think>``) ends the thoughts of a reasoning model, which are no
    part of its answer. ``prefix`` stands before a text whose first token is to be scored as well.
    ``cluster`` is a column of the documents: items that share its value are not independent.
    ``allow_code`` runs what the task wants to run: code of the model, metrics from Hugging Face.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    task: str = Field(min_length=1)
    name: str = ""
    folder: str | None = None
    num_fewshot: int | None = Field(default=None, ge=0)
    limit: int | None = Field(default=None, ge=1)
    apply_chat_template: bool | None = None
    fewshot_as_multiturn: bool = True
    system: str = ""
    seed: int = Field(default=1234, ge=0)
    gen_kwargs: dict[str, Any] = Field(default_factory=dict)
    think_end: str = ""
    prefix: str = ""
    cluster: str | None = None
    allow_code: bool = False

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Answer all items; see :func:`gristmill_evals.evaluation.lm.run.run`."""
        check_installed("use: lm-eval")
        from gristmill_evals.evaluation.lm.model import Wishes

        spec = context.door.spec_of(context.model)
        order = Order(
            "lm-eval",
            self._where,
            partial(self._load, context.root),
            Wishes(dict(self.gen_kwargs), self.think_end, self.prefix),
            chat=chat_wanted(self.apply_chat_template, spec, self._where),
            seed=self.seed,
            limit=smaller(self.limit, context.limit),
            num_fewshot=self.num_fewshot,
            multiturn=self.fewshot_as_multiturn,
            system=self.system,
            allow_code=self.allow_code,
            settings=self.model_dump(mode="json", exclude_defaults=True),
            name=self.name,
            cluster=partial(cluster_of, self.cluster, self._where),
        )
        return await run(order, context)

    def prepare(self, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> Sequence[str]:
        """Check what can be checked before the plan begins: that lm-eval is there."""
        check_installed(f"{source.where(at)}: use: lm-eval")
        return ()

    @property
    def _where(self) -> str:
        return f"lm-eval:{self.task}" + (f"@{self.folder}" if self.folder else "")

    def _load(self, root: Path) -> Mapping[str, Any]:
        from gristmill_evals.evaluation.lm.loading import by_file, by_name, is_file

        if is_file(self.task):
            return by_file(root / os.path.expanduser(self.task), self._where)
        folder = None if self.folder is None else root / os.path.expanduser(self.folder)
        return by_name(self.task, folder, self._where, allow_code=self.allow_code)


def chat_wanted(told: bool | None, spec: ModelSpec, where: str) -> bool:
    """Whether prompts are turns of a chat: as told, else as the model's endpoint wants them.

    Raises:
        UsageError: a chat for a completions endpoint, whose template nobody here knows.
    """
    if told and spec.endpoint == "completions":
        raise UsageError(
            "apply_chat_template: a completions endpoint takes texts, and nobody here knows its template",
            where=where,
            cure="write endpoint: chat for the model, or leave apply_chat_template out",
        )
    return spec.endpoint == "chat" if told is None else told


def smaller(*limits: int | None) -> int | None:
    """The smallest of the limits that are set."""
    return min((limit for limit in limits if limit is not None), default=None)


def cluster_of(column: str | None, where: str, document: Mapping[str, Any], item_id: str) -> str:
    """What a document shares with others: the value of a column, else nothing but itself.

    Raises:
        UsageError: there is no such column.
    """
    if column is None:
        return item_id
    if column not in document:
        known = ", ".join(map(str, document))
        raise UsageError(f"there is no column {column!r}", where=where, cure=f"cluster can be: {known}")
    value = document[column]
    return item_id if value in (None, "") else str(value)
