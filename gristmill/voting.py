"""Self-consistency: several samples of one question, and what most of them say.

The method is that of Wang et al. 2022, "Self-Consistency Improves Chain of Thought Reasoning in Language
Models" (arXiv:2203.11171): draw several answers with some randomness, drop how each was reached, keep the
answer that most of them arrive at; the share that does is a measure of how sure the model is. Their vote
without weights is the one used here. For ratings the middle one is taken instead.

Nothing here asks a model: answers go in, a :class:`Poll` comes out.
"""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from gristmill.models.types import Answer

V = TypeVar("V")
Rule = Literal["majority", "median", "mean"]
MOST_SAMPLES = 64
DIVIDED = frozenset(("no-agreement", "abstained"))
"""Problems of a poll that was held; with any other there were too few usable votes."""


class SpoiltVoteError(ValueError):
    """An answer that holds no vote; the message is the reason, a short stable slug."""


@dataclass(frozen=True, slots=True)
class Vote(Generic[V]):
    """What one sample says. ``value`` is None when it abstains, or when it is spoilt (``failed``: why)."""

    value: V | None
    call: str
    failed: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Poll(Generic[V]):
    """The result of a vote.

    ``outcome`` is None when nobody voted, or when more abstain than agree on anything. ``agrees`` says of
    each vote whether it agrees with the outcome; ``agreement`` is their share of the votes that are not
    spoilt, abstentions included. ``stands`` is the index of the first vote that agrees.
    """

    outcome: V | None
    agreement: float
    agrees: tuple[bool, ...]
    votes: tuple[Vote[V], ...]

    @property
    def stands(self) -> int | None:
        """Index of the vote that can speak for the outcome."""
        return self.agrees.index(True) if True in self.agrees else None

    def problem(self, min_agreement: float = 0.0) -> str:
        """Why there is no result: a reason slug, empty when there is one.

        A spoilt vote's own reason when all are spoilt, ``no-quorum`` when more than half are,
        ``abstained``, or ``no-agreement`` below ``min_agreement``.
        """
        spoilt = [vote.failed for vote in self.votes if vote.failed]
        if len(spoilt) == len(self.votes):
            return spoilt[0] if spoilt else "no-quorum"
        if 2 * len(spoilt) > len(self.votes):
            return "no-quorum"
        if self.outcome is None:
            return "abstained"
        return "no-agreement" if self.agreement < min_agreement else ""

    def detail(self, min_agreement: float = 0.0) -> str:
        """What :meth:`problem` says, in numbers."""
        usable = sum(not vote.failed for vote in self.votes)
        least = f" < {min_agreement:g}" if self.agreement < min_agreement else ""
        return f"{usable} of {len(self.votes)} samples usable, agreement {self.agreement:.2f}{least}"

    def rows(self, show: Callable[[V], Mapping[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Every vote for the record, in drawing order; ``show`` writes a value (default: ``{"vote": …}``)."""
        return [
            _row(index, vote, agrees, show or _shown)
            for index, (vote, agrees) in enumerate(zip(self.votes, self.agrees, strict=True))
        ]


def cast(answers: Sequence[Answer], read: Callable[[Answer], V | None]) -> list[Vote[V]]:
    """One vote for each sample of ``ask(…, n=samples, partial=True)``, in drawing order.

    ``read`` takes the vote out of an answer: None abstains, :class:`SpoiltVoteError` spoils it.
    """
    return [_cast(answer, read) for answer in answers]


def majority(
    votes: Sequence[Vote[V]], same: Callable[[V, V], bool] = operator.eq, *, prefer: V | None = None
) -> Poll[V]:
    """The vote that most votes agree with.

    ``same`` need not be transitive (likeness of texts is not): every vote is counted against every other.
    A tie goes to what is the same as ``prefer``, else to the vote drawn first, so that it is always the
    same one.
    """
    values = [vote.value for vote in votes]
    support = [0 if mine is None else sum(_agree(mine, other, same) for other in values) for mine in values]
    most = max(support, default=0)
    leaders = [value for value, count in zip(values, support, strict=True) if count == most and most]
    abstained = sum(vote.value is None and not vote.failed for vote in votes)
    if not leaders or abstained > most:
        return _poll(votes, None, lambda _: False)
    preferred = (value for value in leaders if prefer is not None and _agree(prefer, value, same))
    outcome = next(preferred, leaders[0])
    return _poll(votes, outcome, lambda value: _agree(outcome, value, same))


def median(votes: Sequence[Vote[float]], *, tolerance: float = 0.5) -> Poll[float]:
    """The middle number, of an even count the mean of the two in the middle.

    A vote agrees when it is within ``tolerance`` of the outcome.
    """
    return _number(votes, statistics.median, tolerance)


def mean(votes: Sequence[Vote[float]], *, tolerance: float = 0.5) -> Poll[float]:
    """The arithmetic mean; a vote agrees when it is within ``tolerance`` of it."""
    return _number(votes, statistics.fmean, tolerance)


def decide(rule: Rule, votes: Sequence[Vote[float]], *, tolerance: float = 0.5) -> Poll[float]:
    """Numbers by the rule of a recipe."""
    if rule == "majority":
        return majority(votes)
    return median(votes, tolerance=tolerance) if rule == "median" else mean(votes, tolerance=tolerance)


class Voted(BaseModel):
    """What every component with a vote has; :class:`Sampled` is what most of them want.

    Options at their defaults are no part of a component's arguments, so that rows made without a vote keep
    their identity.
    """

    min_agreement: float = Field(
        default=0.0,
        ge=0,
        le=1,
        exclude_if=lambda value: value == 0,
        description="Least share of the votes that must agree.",
    )

    @property
    def draws(self) -> int:
        """Samples drawn of one question; 1 is no vote."""
        return 1

    def drawn_from(self) -> tuple[str | None, float | None]:
        """Role that is asked several times, and its temperature here (None: the recipe's)."""
        return getattr(self, "model", None), getattr(self, "temperature", None)

    @model_validator(mode="after")
    def _needs_samples(self) -> Self:
        idle = sorted(self.model_fields_set & {"min_agreement", "vote"})
        if idle and self.draws < 2:
            raise ValueError(f"{idle[0]} is about several samples, and only one is drawn")
        return self


class Sampled(Voted):
    """Options of a component whose answer can be voted on; mix it in before ``Generator`` or ``Scorer``.

    A component that leaves the rule to the recipe declares ``vote: Literal[…]`` with the rules it allows.
    """

    samples: int = Field(
        default=1,
        ge=1,
        le=MOST_SAMPLES,
        exclude_if=lambda value: value == 1,
        description="Answers drawn to one question and voted on; 1 is no vote.",
    )

    @property
    def draws(self) -> int:
        return self.samples


def sampling_doubt(temperature: float | None, backend: str) -> str:
    """What makes a vote over samples drawn so pointless; empty when nothing does."""
    if backend == "offline":
        return (
            "offline:extractive works by rules: its samples are alternatives, and a vote on them says nothing"
        )
    if temperature == 0:
        return "samples at temperature 0 are all the same: set a temperature, such as 0.7"
    return ""


def _cast(answer: Answer, read: Callable[[Answer], V | None]) -> Vote[V]:
    if answer.error:
        return Vote(None, answer.key, answer.error, answer.text)
    try:
        return Vote(read(answer), answer.key, "", answer.text)
    except SpoiltVoteError as error:
        return Vote(None, answer.key, str(error), answer.text)


def _agree(one: V | None, other: V | None, same: Callable[[V, V], bool]) -> bool:
    return one is not None and other is not None and (one is other or same(one, other))


def _number(
    votes: Sequence[Vote[float]], middle: Callable[[Sequence[float]], float], tolerance: float
) -> Poll[float]:
    numbers = [vote.value for vote in votes if vote.value is not None]
    abstained = sum(vote.value is None and not vote.failed for vote in votes)
    if abstained > len(numbers) or not numbers:
        return _poll(votes, None, lambda _: False)
    outcome = float(middle(numbers))
    # 0.1 + 0.2 must not miss 0.3
    return _poll(votes, outcome, lambda value: abs(value - outcome) <= tolerance + 1e-9)


def _poll(votes: Sequence[Vote[V]], outcome: V | None, agree: Callable[[V], bool]) -> Poll[V]:
    agrees = tuple(vote.value is not None and agree(vote.value) for vote in votes)
    usable = sum(not vote.failed for vote in votes)
    return Poll(outcome, sum(agrees) / usable if usable else 0.0, agrees, tuple(votes))


def _row(index: int, vote: Vote[V], agrees: bool, show: Callable[[V], Mapping[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {"sample": index, "call": vote.call}
    if vote.failed:
        return {**row, "failed": vote.failed}
    if vote.value is None:
        return {**row, "abstained": True}
    return {**row, **show(vote.value), "agrees": agrees}


def _shown(value: object) -> Mapping[str, Any]:
    return {"vote": value}
