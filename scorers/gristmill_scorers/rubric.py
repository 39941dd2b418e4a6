"""The rubric judge: a model decides binary criteria and quotes its evidence; the points are ours to count.

Criteria with signed points after HealthBench: points met ÷ positive points, clipped to 0…1. What no
one enforces elsewhere: a verdict whose quote stands neither in the response nor in the source is void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from gristmill.errors import ModelAnswerError
from gristmill.models.types import Ask, Task
from gristmill.records import Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill.voting import Rule, Sampled, Vote, cast
from gristmill_scorers.judge_prompt import judge_messages, verdict_schema
from gristmill_scorers.panel import Verdict, combine
from gristmill_scorers.rubric_file import Rubric, load_rubric
from gristmill_scorers.verdict import count


class RubricJudge(Sampled, Scorer):
    """A model judges yes-or-no criteria of a rubric and quotes its evidence; points are counted by rule.

    Of a preference pair it judges ``chosen`` as the response to the last user turn. A verdict that cannot
    be read, lacks a criterion or names a strange one leaves the example unscored, with the raw text. With
    ``samples`` each criterion is decided by the majority of verdicts; see :mod:`gristmill_scorers.panel`.
    """

    tasks: ClassVar[tuple[str, ...]] = ("rubric",)
    rubric: str = Field(default="answer", description="Name of a registered rubric, or path of a YAML file.")
    model: str = Field(description="Role of the recipe's models that judges.")
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest verdict, in tokens.")
    vote: Rule = Field(
        default="majority",
        exclude_if=lambda rule: rule == "majority",
        description="samples: the points a majority counts, or median or mean of the points.",
    )
    _rubric: Rubric | None = PrivateAttr(default=None)

    def prepare(self, root: Path) -> None:
        self._rubric = load_rubric(self.rubric, root)

    @property
    def loaded(self) -> Rubric:
        """The rubric; read from the current folder when the recipe did not prepare it."""
        if self._rubric is None:
            self.prepare(Path())
        assert self._rubric is not None
        return self._rubric

    @property
    def label(self) -> str:
        """The rubric's name."""
        return self.loaded.name

    def fingerprint(self) -> Mapping[str, Any]:
        """Name, version, arguments, and the content of the rubric."""
        content = self.loaded.model_dump_json().encode()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        return {**super().fingerprint(), "rubric_content": digest}

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """One call for each sample: all criteria of the rubric."""
        inputs = _inputs(item, self.loaded)
        material = {name.upper(): inputs[name] for name in ("question", "passage", "response", "reference")}
        material = {name: text for name, text in material.items() if text or name != "REFERENCE"}
        given: dict[str, Any] = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        try:
            answers = await ask(
                judge_messages(self.loaded, material),
                task=Task("rubric", inputs),
                schema=verdict_schema(self.loaded),
                model=self.model,
                n=self.samples,
                partial=True,
                **{name: value for name, value in given.items() if value is not None},
            )
        except ModelAnswerError as error:
            return Unscored(error.kind, error.raw)
        response, passage = inputs["response"], inputs["passage"]
        verdicts: list[Vote[Verdict]] = cast(
            answers, lambda answer: count(self.loaded, answer.data, response, passage)
        )
        return combine(self.loaded, verdicts, item, rule=self.vote, min_agreement=self.min_agreement)


def _inputs(item: Item, rubric: Rubric) -> dict[str, Any]:
    passage = item.chunk.text.strip()
    question = item.example.instruction
    if passage:
        # a summary's instruction holds the whole passage; the judge need not read it twice
        question = question.replace(passage, "(the PASSAGE)")
    return {
        "question": question,
        "response": item.example.response,
        "passage": item.chunk.text,
        "reference": str(item.example.metadata.get("reference") or ""),
        "criteria": [{"id": c.id, "text": c.text, "points": c.points} for c in rubric.criteria],
    }
