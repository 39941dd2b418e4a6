"""``use: conversation``: questions with several turns, each answered with the model's own earlier answers.

Every turn is graded on the conversation so far (single-answer grading as in Zheng et al. 2023, "Judging
LLM-as-a-judge with MT-Bench and Chatbot Arena"): a rubric of responses looks at that turn's answer and is
shown what was said before, a rubric of conversations looks at all answers up to there. With ``against`` the
whole conversation is also compared with that of an earlier evaluation, in both orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from gristmill.errors import ModelError
from gristmill.models.spec import ModelSpec
from gristmill.recipe import Step
from gristmill.records import Message
from gristmill.registry import Scored, Scorer, Unscored
from gristmill.yaml_lines import Loc, Source
from gristmill_evals.evaluation.answering import Asking, reason
from gristmill_evals.evaluation.baseline import Baseline, win_metrics
from gristmill_evals.evaluation.each import for_each
from gristmill_evals.evaluation.items import Prompt, below, read_prompts
from gristmill_evals.evaluation.records import EvalContext, EvalSample, MetricInfo, TaskInfo
from gristmill_evals.evaluation.scoring import build_scorers, item_of, roles_of, score_all, shown, value_of

VERSION = "1"


class ConversationTask(Asking):
    """The model answers every turn of a question; ``judge`` grades each turn by ``rubric``.

    ``path`` is a JSONL file with ``turns`` (docs/evaluation.md). ``against`` is the run folder of another
    evaluation of the same questions; ``pair`` are arguments of the scorer ``pair``, which compares.
    """

    name: str | None = Field(default=None, min_length=1)
    path: str = Field(min_length=1)
    judge: str = Field(min_length=1)
    rubric: str = Field(default="conversation", min_length=1)
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further arguments of the scorer rubric."
    )
    against: str | None = Field(default=None, min_length=1)
    pair: dict[str, Any] = Field(default_factory=dict)
    _scorers: tuple[Scorer, ...] = PrivateAttr(default=())
    _pair: tuple[Scorer, ...] = PrivateAttr(default=())

    @property
    def title(self) -> str:
        """The task's name: the file's, unless it has its own."""
        return self.name or Path(self.path).stem

    def prepare(self, models: Mapping[str, ModelSpec], source: Source, at: Loc) -> Sequence[str]:
        """Build the judge, and the one of pairs where there is a baseline."""
        grade = Step(**{"use": "rubric", "rubric": self.rubric, "model": self.judge, **self.options})
        self._scorers, warnings = build_scorers([grade], models, source, at)
        if self.against is not None:
            compare = Step(**{"use": "pair", "model": self.judge, **self.pair})
            self._pair, more = build_scorers([compare], models, source, at)
            warnings += more
        return warnings

    @property
    def _judges_response(self) -> bool:
        """Whether the rubric looks at the last answer alone, not at all of them together."""
        rubric = getattr(self._scorers[0], "loaded", None)
        return getattr(rubric, "judges", "conversation") == "response"

    def roles(self) -> list[str]:
        """The judge."""
        return roles_of([*self._scorers, *self._pair])

    async def evaluate(self, context: EvalContext) -> tuple[TaskInfo, ...]:
        """Answer and grade every question."""
        prompts = read_prompts(below(context.root, self.path), context.limit)
        baseline = None
        if self.against is not None:
            baseline = Baseline.read(below(context.root, self.against), self.title, self._pair[0])
        context.expect(self.title, len(prompts))
        samples: list[EvalSample] = []

        def emit(sample: EvalSample) -> None:
            samples.append(sample)
            context.emit(sample)

        await for_each(prompts, partial(self._one, context, baseline, emit))
        most = max(len(prompt.turns) for prompt in prompts)
        metrics = [*_metrics(most), *(win_metrics(samples) if baseline is not None else ())]
        return (
            TaskInfo(
                self.title,
                "conversation",
                tuple(metrics),
                len(prompts),
                VERSION,
                {
                    **self.model_dump(mode="json", exclude_none=True),
                    "graded_by": dict(self._scorers[0].fingerprint()),
                    **({"compared_by": dict(self._pair[0].fingerprint())} if self._pair else {}),
                },
            ),
        )

    async def _one(self, context: EvalContext, baseline: Baseline | None, emit: Any, prompt: Prompt) -> None:
        talk = self.opening(prompt)
        answers: list[str] = []
        try:
            for number, turn in enumerate(prompt.turns):
                if number:
                    talk.append({"role": "user", "content": turn})
                answers.append((await self.answer(context, prompt, talk, number)).text)
                talk.append({"role": "assistant", "content": answers[-1]})
        except ModelError as error:
            emit(self._failed(prompt, talk, answers, error))
            return
        graded = [self._grade(context, prompt, answers, number) for number in range(len(answers))]
        compared = self._compare(context, baseline, prompt, answers)
        *grades, win = await _together([*graded, compared])
        emit(self._sample(prompt, talk, answers, [grade for grade in grades if grade is not None], win))

    async def _grade(
        self, context: EvalContext, prompt: Prompt, answers: Sequence[str], number: int
    ) -> Scored | Unscored:
        before: list[Message] = [*prompt.said]
        for turn, answer in zip(prompt.turns[:number], answers, strict=False):
            before += [{"role": "user", "content": turn}, {"role": "assistant", "content": answer}]
        asked: Message = {"role": "user", "content": prompt.turns[number]}
        if self._judges_response:
            by_rules = context.door.spec_of(self.judge).backend == "offline"
            before, asked = [], asked if by_rules else _with_talk(before, asked)
        item = item_of(
            f"{self.path}#{prompt.id}",
            [*before, asked],
            answers[number],
            context=prompt.context,
            reference=prompt.references[number],
            kind="instruction" if self._judges_response else "conversation",
        )
        (result,) = (await score_all(self._scorers, item, context.door)).values()
        return result

    async def _compare(
        self, context: EvalContext, baseline: Baseline | None, prompt: Prompt, answers: Sequence[str]
    ) -> Scored | Unscored | None:
        return None if baseline is None else await baseline.compare(prompt, answers, context.door)

    def _sample(
        self,
        prompt: Prompt,
        talk: Sequence[Message],
        answers: Sequence[str],
        grades: Sequence[Scored | Unscored],
        win: Scored | Unscored | None,
    ) -> EvalSample:
        rows = [
            {"user": turn, "response": answer, **shown(grade)}
            for turn, answer, grade in zip(prompt.turns, answers, grades, strict=True)
        ]
        metrics = _values([value_of(grade) for grade in grades])
        details: dict[str, Any] = {"category": prompt.category, "turns": rows}
        if win is not None:
            metrics["win"] = value_of(win)
            details["win"] = shown(win)
        return self._made(prompt, talk, answers, metrics, "", details)

    def _failed(
        self, prompt: Prompt, talk: Sequence[Message], answers: Sequence[str], error: ModelError
    ) -> EvalSample:
        said = f"{reason(error)} (turn {len(answers) + 1})"
        rows = [
            {"user": turn, "response": answer}
            for turn, answer in zip(prompt.turns, [*answers, error.raw], strict=False)
        ]
        metrics = _values([None] * len(prompt.turns)) | ({"win": None} if self.against else {})
        return self._made(prompt, talk, answers, metrics, said, {"category": prompt.category, "turns": rows})

    def _made(
        self,
        prompt: Prompt,
        talk: Sequence[Message],
        answers: Sequence[str],
        metrics: Mapping[str, float | None],
        error: str,
        details: Mapping[str, Any],
    ) -> EvalSample:
        sent = talk[:-1] if talk[-1]["role"] == "assistant" else talk
        return EvalSample(
            self.title,
            prompt.id,
            prompt.cluster,
            metrics,
            error,
            prompt.question,
            "\n\n".join(reference for reference in prompt.references if reference),
            (),
            "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in sent),
            answers[-1] if answers else "",
            details,
        )


def _with_talk(before: Sequence[Message], asked: Message) -> Message:
    """The last question with what was said before it, for a rubric that is shown one question."""
    if not before:
        return asked
    turns = [f"{turn['role']}: {turn['content']}" for turn in [*before, asked]]
    return {"role": "user", "content": "\n\n".join(turns)}


async def _together(work: Sequence[Any]) -> list[Any]:
    """All results, once all have ended; then the first error is raised."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _values(grades: Sequence[float | None]) -> dict[str, float | None]:
    """Each turn, their mean and the change from the first to the last; None where a grade is missing."""
    known = [grade for grade in grades if grade is not None]
    values: dict[str, float | None] = {f"turn_{number}": grade for number, grade in enumerate(grades, 1)}
    values["mean"] = sum(known) / len(known) if len(known) == len(grades) else None
    if len(grades) > 1:
        first, last = grades[0], grades[-1]
        values["drop"] = None if first is None or last is None else last - first
    return values


def _metrics(most: int) -> list[MetricInfo]:
    turns = [MetricInfo(f"turn_{number}") for number in range(1, most + 1)]
    drop = [MetricInfo("drop", low=-1.0)] if most > 1 else []
    return [MetricInfo("mean"), *turns, *drop]
