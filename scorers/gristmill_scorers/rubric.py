"""The rubric judge: a model decides criteria and quotes its evidence; the points are ours to count.

Criteria with signed points after HealthBench: points met ÷ positive points, clipped to 0…1. What no
one enforces elsewhere: a verdict whose quote stands neither in the response nor in the source is void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr

from gristmill.models.types import Answer, Ask, Task
from gristmill.records import Item
from gristmill.registry import Scored, Scorer, Unscored
from gristmill.voting import Rule
from gristmill_scorers.asking import Question, together, votes_of
from gristmill_scorers.item_criteria import write_criteria
from gristmill_scorers.judge_options import JudgeOptions
from gristmill_scorers.judge_prompt import judge_messages, verdict_schema
from gristmill_scorers.judge_task import ITEM_BLOCK
from gristmill_scorers.marginalia import Extras, annotated
from gristmill_scorers.material import Material
from gristmill_scorers.panel import Ballot, Verdict, by_criterion, combine
from gristmill_scorers.rubric_file import Criterion, Rubric, load_rubric
from gristmill_scorers.verdict import count
from gristmill_scorers.weighing import weighed


class RubricJudge(JudgeOptions, Scorer):
    """A model judges the criteria of a rubric and quotes its evidence; points are counted by rule.

    Of a preference pair it judges ``chosen`` as the response to the last user turn. A verdict that cannot
    be read, lacks a criterion, names a strange one or leaves a scale is sent back once with what is wrong;
    after that the example is unscored, with the raw text. With ``samples`` each criterion is decided by the
    majority of verdicts, a grade by the middle one; see :mod:`gristmill_scorers.panel`. With ``logprobs``
    a criterion earns its mean share over all that the judge could have said instead
    (:mod:`gristmill_scorers.weighing`).
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

    def calls_per_example(self) -> Mapping[str, float]:
        """One for each sample, times the criteria where each has its own call; one to write criteria.

        With ``repeat_near`` the samples expected when scores are spread evenly over 0…1.
        """
        rubric, written = self.loaded, self.loaded.generated
        each = len(rubric.criteria) + (written.most if written else 0) if rubric.calls == "each" else 1
        return {self.model: self.expected_draws() * each + (1 if written else 0)}

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """One call for each sample and all criteria, or for each sample and criterion."""
        rubric = self.loaded
        material = Material.of(item, rubric)
        if not material.judged.strip() and not rubric.plain:
            return Unscored(f"empty-{rubric.judges}")
        if rubric.reference == "required" and not material.reference:
            return Unscored("no-reference")
        written = None
        if rubric.generated is not None:
            made = await write_criteria(rubric.generated, material, ask, self._given())
            if isinstance(made, Unscored):
                return made
            written, rubric = made, rubric.of([*rubric.criteria, *made.criteria])
        extras = Extras(written, {})
        for samples in sorted({self.first_draws, self.samples}):
            # the first samples are drawn already: of them the door has the answers
            ballots = await self._ballots(rubric, material, ask, extras, samples)
            result = combine(rubric, ballots, item, rule=self.vote, min_agreement=self.min_agreement)
            if self.settled(result):
                break
        return annotated(self.drawn(result, samples), extras)

    def _given(self) -> dict[str, Any]:
        given = {"model": self.model, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return {name: value for name, value in given.items() if value is not None}

    async def _ballots(
        self, rubric: Rubric, material: Material, ask: Ask, extras: Extras, samples: int
    ) -> list[Ballot]:
        if rubric.calls == "one":
            question = self._question(rubric, material, extras)
            return by_criterion(await votes_of(ask, question, samples), len(rubric.criteria))
        alone = [self._question(rubric.of([one]), material, extras) for one in rubric.criteria]
        found = await together([votes_of(ask, question, samples) for question in alone])
        return [by_criterion(votes, 1)[0] for votes in found]

    def _question(self, rubric: Rubric, material: Material, extras: Extras) -> Question[Verdict]:
        written = {ITEM_BLOCK: extras.written.block()} if extras.written else {}
        blocks = {**material.blocks, **written}
        inputs = {**material.inputs, "criteria": [_for_rules(criterion) for criterion in rubric.criteria]}
        if not rubric.plain:
            # what a judge by rules cannot tell shall be no answer, not a "no"
            inputs |= {"judges": rubric.judges, "must_assess": True}
        return Question(
            judge_messages(rubric, blocks, abstain=self.abstain),
            Task("rubric", inputs),
            verdict_schema(rubric, abstain=self.abstain),
            lambda data: count(
                rubric, data, material.judged, material.passage, material.place, abstain=self.abstain
            ),
            {**self._given(), **self.asked_with()},
            extras.repairs,
            partial(self._weighed, rubric) if self.logprobs else None,
        )

    def _weighed(self, rubric: Rubric, verdict: Verdict, answer: Answer) -> Verdict:
        self.note_logprobs(came=bool(answer.logprobs))
        return weighed(rubric, verdict, answer)


def _for_rules(criterion: Criterion) -> dict[str, Any]:
    scale = {"lowest": criterion.lowest, "highest": criterion.highest} if criterion.scale else {}
    return {"id": criterion.id, "text": criterion.text, "points": criterion.points, **scale}
