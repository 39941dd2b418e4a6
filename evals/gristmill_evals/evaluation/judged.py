"""``use: judged``: the model answers prompts of a JSONL file, our scorers score the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import Field, PrivateAttr

from gristmill.errors import ModelError
from gristmill.models.spec import ModelSpec
from gristmill.recipe import Step
from gristmill.registry import Scorer
from gristmill.yaml_lines import Loc, Source
from gristmill_evals.evaluation.answering import Asking, reason
from gristmill_evals.evaluation.each import for_each
from gristmill_evals.evaluation.items import Prompt, below, read_prompts
from gristmill_evals.evaluation.records import EvalContext, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.scoring import build_scorers, item_of, roles_of, score_all, shown, value_of

VERSION = "1"


class JudgedTask(Asking):
    """The model answers prompts; each scorer is a metric. ``path`` is a JSONL file (docs/evaluation.md).

    ``score`` lists scorers as a recipe does. Of a row with several turns only the first is asked; see
    ``use: conversation`` for the others.
    """

    name: str | None = Field(default=None, min_length=1)
    path: str = Field(min_length=1)
    score: list[Step] = Field(min_length=1)
    _scorers: tuple[Scorer, ...] = PrivateAttr(default=())

    @property
    def title(self) -> str:
        """The task's name: the file's, unless it has its own."""
        return self.name or Path(self.path).stem

    def prepare(self, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> Sequence[str]:
        """Build the scorers."""
        self._scorers, warnings = build_scorers(self.score, models, source, (*at, "score"))
        return warnings

    def roles(self) -> list[str]:
        """The judges."""
        return roles_of(self._scorers)

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Answer and score every prompt."""
        prompts = read_prompts(below(context.root, self.path), context.limit)
        context.expect(self.title, len(prompts))
        await for_each(prompts, partial(self._one, context))
        settings = {
            **self.model_dump(mode="json", exclude_none=True),
            "score": [dict(scorer.fingerprint()) for scorer in self._scorers],
        }
        metrics = tuple(MetricInfo(scorer.label) for scorer in self._scorers)
        return (TaskInfo(self.title, "judged", metrics, len(prompts), VERSION, settings),)

    async def _one(self, context: EvalContext, prompt: Prompt) -> None:
        messages = self.opening(prompt)
        try:
            answer = await self.answer(context, prompt, messages)
        except ModelError as error:
            context.emit(self._sample(prompt, messages[-1]["content"], error))
            return
        asked = [*prompt.said, {"role": "user", "content": prompt.turns[0]}]
        item = item_of(
            f"{self.path}#{prompt.id}",
            asked,  # type: ignore[arg-type]
            answer.text,
            context=prompt.context,
            reference=prompt.references[0],
        )
        results = await score_all(self._scorers, item, context.door)
        metrics = {label: value_of(result) for label, result in results.items()}
        details = {"scores": {label: shown(result) for label, result in results.items()}}
        context.emit(self._sample(prompt, messages[-1]["content"], None, answer.text, metrics, details))

    def _sample(
        self,
        prompt: Prompt,
        sent: str,
        error: ModelError | None,
        response: str = "",
        metrics: Mapping[str, float | None] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> EvalSample:
        return EvalSample(
            self.title,
            prompt.id,
            prompt.cluster,
            metrics or {scorer.label: None for scorer in self._scorers},
            error=reason(error) if error is not None else "",
            question=prompt.turns[0],
            target=prompt.references[0],
            prompt=sent,
            response=response or (error.raw if error is not None else ""),
            details={**({"category": prompt.category} if prompt.category else {}), **(details or {})},
        )
