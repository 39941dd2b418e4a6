"""The scorer ``pair``: does ``chosen`` deserve to be preferred? A judge decides, in both orders."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from gristmill.models.types import Ask
from gristmill.records import Item, Kind
from gristmill.registry import Scored, Scorer, Unscored
from gristmill_scorers.judge_options import JudgeOptions
from gristmill_scorers.material import without_passage
from gristmill_scorers.pairwise.orders import Heard, Judge, Order, Pair, hear
from gristmill_scorers.pairwise.prompt import Explanation, PairStyle
from gristmill_scorers.pairwise.votes import Together, record, together

HIGHEST_SCALE = 100
_NAMES = {"1": "chosen", "2": "rejected"}


class PairJudge(JudgeOptions, Scorer):
    """A model compares chosen and rejected in both orders: 1 chosen wins both, 0 rejected, 0.5 a tie.

    Verdicts that change with the order are a tie, and the record says so. Both are kept in ``votes``, with
    their calls, the place that won and the lengths (see :mod:`gristmill_scorers.pairwise.votes`). With
    ``samples`` the majority of each order is its verdict. It cannot see a fault that both responses share,
    nor whether the better one is good.
    """

    tasks: ClassVar[tuple[str, ...]] = ("pair",)
    kinds: ClassVar[tuple[Kind, ...]] = ("preference",)
    spread: ClassVar[str] = "1, 0.5 and 0 were equally frequent"
    model: str = Field(description="Role of the recipe's models that judges.")
    both_orders: bool = Field(default=True, description="Ask with chosen first and with rejected first.")
    rules: str = Field(default="", description="By what to decide, in order of weight; empty: ours.")
    scale: int = Field(
        default=0,
        ge=0,
        le=HIGHEST_SCALE,
        description="0 asks for a winner; N rates each side 1 to N in one call, the higher wins.",
    )
    explanation: Explanation = Field(
        default="before", description="Explanation before or after the verdict, or none."
    )
    passage: bool = Field(default=True, description="Show the source passage.")
    reference: bool = Field(default=True, description='Show metadata["reference"] when there is one.')
    temperature: float | None = Field(default=None, ge=0, le=2, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest verdict, in tokens.")

    @model_validator(mode="after")
    def _winners_only(self) -> Self:
        for name in ("logprobs", "abstain"):
            if self.scale and getattr(self, name):
                raise ValueError(f"{name} is about the winner, and scale: {self.scale} asks for ratings")
        return self

    @field_validator("scale")
    @classmethod
    def _two_ratings(cls, scale: int) -> int:
        if scale == 1:
            raise ValueError("scale must be 0 (a winner) or at least 2: one rating tells nothing apart")
        return scale

    async def score(self, item: Item, ask: Ask) -> Scored | Unscored:
        """Score one preference example; others are unscored, ``not-a-pair``."""
        chosen, rejected = item.example.chosen, item.example.rejected
        if chosen is None or rejected is None:
            return Unscored("not-a-pair")
        if not chosen.strip() or not rejected.strip():
            return Unscored("empty-response")
        pair = self._pair(item)
        for samples in sorted({self.first_draws, self.samples}):
            # the first samples are drawn already: of them the door has the answers
            result = self._said(item, pair, await self._heard(pair, ask, samples))
            if self.settled(result):
                break
        return self.drawn(result, samples)

    async def _heard(self, pair: Pair, ask: Ask, samples: int) -> list[Heard]:
        given = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        params = {name: value for name, value in given.items() if value is not None}
        style = PairStyle(self.rules, self.scale, self.explanation, self.abstain)
        orders: tuple[Order, ...] = ("forward", "swapped") if self.both_orders else ("forward",)
        heard = await hear(pair, Judge(style, self.model, samples, params, self.logprobs), ask, orders)
        readings = [vote.value for said in heard for vote in said.votes if vote.value and vote.value.mode]
        if readings:
            self.note_logprobs(came=any(reading.why != "no-logprobs" for reading in readings))
        return heard

    def _said(self, item: Item, pair: Pair, heard: list[Heard]) -> Scored | Unscored:
        votes = (record(heard, pair, self.scale, item.chunk.text),)
        for said in heard:
            if reason := said.poll.problem(self.min_agreement):
                texts = (vote.text for vote in said.votes if vote.failed or reason == "abstained")
                raw = said.poll.detail(self.min_agreement) if reason == "no-agreement" else next(texts, "")
                return Unscored(reason, raw, votes)
        return _scored(together(heard), votes)

    def calls_per_example(self) -> dict[str, float]:
        """One for each order and sample.

        With ``repeat_near`` the samples expected when 1, 0.5 and 0 are equally frequent.
        """
        near = sum(not self.settled(Scored(value)) for value in (0.0, 0.5, 1.0)) / 3
        return {self.model: self.expected_draws(near) * (2 if self.both_orders else 1)}

    def _pair(self, item: Item) -> Pair:
        example, passage = item.example, item.chunk.text.strip() if self.passage else ""
        question = example.instruction
        if passage:
            question = without_passage(question, item)
        if len(example.messages) > 1:
            # what was said before the last question is part of it
            turns = [f"{turn['role']}: {turn['content']}" for turn in example.messages[:-1]]
            question = "\n\n".join([*turns, f"user: {question}"])
        reference = str(example.metadata.get("reference") or "") if self.reference else ""
        return Pair(question, example.chosen or "", example.rejected or "", passage, reference)


def _scored(result: Together, votes: tuple[dict[str, Any], ...]) -> Scored:
    value = {"1": 1.0, "2": 0.0, "tie": 0.5}[result.winner]
    name = {"1": "chosen is better", "2": "rejected is better", "tie": "neither is better"}[result.winner]
    orders = "in both orders" if len(result.speakers) > 1 else "in one order"
    said = f"{name} {orders}"
    if not result.agree:
        place = f", the {result.position} place won both times" if result.position else ""
        said = f"the verdict changed with the order{place}: a tie"
    if votes[0]["to_judge"]:
        said += f"; speaks to the judge: {', '.join(_NAMES[side] for side in votes[0]['to_judge'])}"
    reasons = [speaker.explanation for speaker in result.speakers if speaker.explanation]
    return Scored(value, "; ".join([said, *reasons]), votes=votes)
