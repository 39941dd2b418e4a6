"""``use: memorisation``: a model answers items as they are and perturbed, see docs/memorisation.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from pydantic import Field, model_validator

from gristmill.errors import ModelError
from gristmill_evals.contamination.benchmark import BenchmarkItem
from gristmill_evals.evaluation.answering import Asking, reason
from gristmill_evals.evaluation.each import for_each
from gristmill_evals.evaluation.items import Prompt
from gristmill_evals.evaluation.memorisation.consistent import consistency
from gristmill_evals.evaluation.memorisation.dropping import drops
from gristmill_evals.evaluation.memorisation.items import Items, load_items
from gristmill_evals.evaluation.memorisation.names import names
from gristmill_evals.evaluation.memorisation.options import lettered, options
from gristmill_evals.evaluation.memorisation.reading import Form, Reading, form_of, read
from gristmill_evals.evaluation.memorisation.rewording import reword
from gristmill_evals.evaluation.memorisation.variants import KINDS, ORIGINAL, Kind, LeftOut, Rule, Variant
from gristmill_evals.evaluation.records import EvalContext, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.statistics import Difference, Estimate

VERSION = "1"
CORRECT = "correct"
ASKED: Mapping[Form, str] = {
    "choice": "Which option is right? Answer with its letter.",
    "number": 'Work it out. The last line of your answer is "Answer:" and the number alone.',
    "text": 'The last line of your answer is "Answer:" and the answer, as short as it can be.',
}
RULES: Mapping[str, Rule] = {"names": names, "options": options}


class MemorisationTask(Asking):
    """Items as they are and perturbed. ``path`` is a benchmark as the contamination check loads it (a file,
    ``lm-eval:TASK``, ``lm-eval:TASK@FOLDER``), ``templates`` a file of our own kind.

    ``perturb`` lists the rules: numbers (templates only), names, options, rewording (asks the role
    ``rewriter``). ``variants`` are made of each item by each rule; ``orders`` of its options (0: all
    rotations). The tasks of a run are called ``NAME/original`` and ``NAME/RULE``.
    """

    name: str | None = Field(default=None, min_length=1)
    path: str | None = Field(default=None, min_length=1)
    templates: str | None = Field(default=None, min_length=1)
    perturb: list[Kind] = Field(default_factory=lambda: list[Kind](["names", "options"]), min_length=1)
    variants: int = Field(default=3, ge=1, le=20)
    orders: int = Field(default=0, ge=0, le=24)
    rewriter: str | None = None
    instruction: str | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _complete(self) -> MemorisationTask:
        if self.path is None and self.templates is None:
            raise ValueError("path or templates is needed")
        if "numbers" in self.perturb and self.templates is None:
            raise ValueError("numbers are changed in templates only: name a file of templates")
        if ("rewording" in self.perturb) != (self.rewriter is not None):
            raise ValueError("rewording and rewriter (a role of the plan) go together")
        return self

    @property
    def title(self) -> str:
        """The name of the set: its own, or that of its file or task."""
        source = self.path or self.templates or ""
        return self.name or Path(source.removeprefix("lm-eval:").partition("@")[0]).stem

    def roles(self) -> list[str]:
        """The rewriter."""
        return [] if self.rewriter is None else [self.rewriter]

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Perturb, answer, check; a :class:`TaskInfo` for the originals and one for each rule."""
        items = load_items(self.path, self.templates, context.root, context.limit)
        work = _Work(self, context, items)
        await for_each(items.items.values(), work.perturb)
        every = work.ordered()
        every_kind = (ORIGINAL, *self.kinds())
        for kind in every_kind:
            context.expect(f"{self.title}/{kind}", sum(one.kind == kind for one in every))
        await for_each(every, work.ask)
        return tuple(work.info(kind) for kind in every_kind)

    def kinds(self) -> list[Kind]:
        """The rules, each once, in the order of reports."""
        return [kind for kind in KINDS if kind in self.perturb]

    async def variants_of(self, kind: Kind, item: BenchmarkItem, context: EvalContext, items: Items) -> Made:
        """What a rule makes of an item."""
        rng = Random(f"{self.seed}:{kind}:{item.id}")  # noqa: S311 - reproducible on purpose
        if kind == "rewording":
            return await reword(item, self.variants, context.door.ask_for(self.rewriter))
        if kind == "numbers":
            template = items.templates.get(item.id)
            return LeftOut("no-template") if template is None else template.variants(item, self.variants, rng)
        return RULES[kind](item, self.orders if kind == "options" else self.variants, rng)

    def prompt_of(self, item: BenchmarkItem) -> Prompt:
        """What the model is asked."""
        listed = (lettered(item.choices),) if item.choices else ()
        ending = ASKED[form_of(item)] if self.instruction is None else self.instruction
        return Prompt(item.id, ("\n\n".join((item.question, *listed, ending)).strip(),), ("",))


Made = list[Variant] | LeftOut


@dataclass(slots=True)
class _Work:
    task: MemorisationTask
    context: EvalContext
    items: Items
    made: dict[str, list[Variant]] = field(default_factory=dict)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    samples: list[EvalSample] = field(default_factory=list)

    async def perturb(self, item: BenchmarkItem) -> None:
        """All variants of one item."""
        for kind in self.task.kinds():
            made = await self.task.variants_of(kind, item, self.context, self.items)
            if isinstance(made, LeftOut):
                self.left_out.setdefault(kind, Counter())[made.reason] += 1
            else:
                self.made.setdefault(item.id, []).extend(made)

    def ordered(self) -> list[Variant]:
        """The originals of all items that have variants, each followed by those."""
        every: list[Variant] = []
        for key, item in self.items.items.items():
            if key in self.made:
                every += [Variant(ORIGINAL, item), *self.made[key]]
        return every

    async def ask(self, variant: Variant) -> None:
        """One answer, as a sample."""
        prompt = self.task.prompt_of(variant.item)
        messages = self.task.opening(prompt)
        sample = partial(self._sample, variant, messages[-1]["content"])
        try:
            answer = await self.task.answer(self.context, prompt, messages)
        except ModelError as error:
            made = sample(error.raw, None, reason(error))
        else:
            made = sample(answer.text, read(answer.text, variant.item))
        self.samples.append(made)
        self.context.emit(made)

    def _sample(
        self, variant: Variant, prompt: str, response: str, reading: Reading | None, error: str = ""
    ) -> EvalSample:
        item = variant.item
        said = Reading(False) if reading is None else reading
        details: dict[str, Any] = {
            "variant": variant.name,
            "of": item.id,
            "set": self.task.title,
            "kind": variant.kind,
            "said": said.said,
            "chosen": said.chosen,
            "unread": said.unread,
            "order": list(variant.order or range(len(item.choices))),
            "changes": dict(variant.changes),
        }
        return EvalSample(
            f"{self.task.title}/{variant.kind}",
            variant.id,
            self.items.clusters.get(item.id, item.id),
            {CORRECT: None if reading is None else float(reading.correct)},
            error=error,
            question=item.question,
            target=item.answer,
            choices=item.choices,
            prompt=prompt,
            response=response,
            details={name: value for name, value in details.items() if value not in (None, "", [], {})},
        )

    def info(self, kind: str) -> TaskInfo:
        """What was run of one kind, with what came of it beside the score."""
        settings = {
            **self.task.model_dump(mode="json", exclude_none=True),
            "items_read": len(self.items.items),
            "unusable": dict(self.items.unusable),
            "left_out": dict(self.left_out.get(kind, {})),
            "asked": dict(ASKED) if self.task.instruction is None else self.task.instruction,
        }
        count = sum(sample.task.endswith(f"/{kind}") for sample in self.samples)
        name, version = f"{self.task.title}/{kind}", "-".join(filter(None, (VERSION, self.items.version)))
        return TaskInfo(
            name, "memorisation", (MetricInfo(CORRECT), *self._more(kind)), count, version, settings
        )

    def _more(self, kind: str) -> Sequence[MetricInfo]:
        """Figures over pairs, which are no means over samples."""
        found = [
            MetricInfo("drop", False, -1.0, 1.0, False, one.drop.mean, _words(one.drop, f"{one.items} pairs"))
            for one in drops(self.samples)
            if one.kind == kind
        ]
        if kind == "options":
            found += [
                MetricInfo(
                    "consistency",
                    mean=False,
                    value=one.same.mean,
                    note=_words(one.same, f"{one.items} items"),
                )
                for one in consistency(self.samples)
                if one.same is not None
            ][:1]
        return found


def _words(found: Difference | Estimate, of: str) -> str:
    """The interval in words, for a report that has no place of its own for it."""
    if found.low is None or found.high is None:
        return found.note
    return f"95 % interval {found.low:.3f} to {found.high:.3f}, {of}"
