"""Options that judges of rubrics and of pairs share: log probabilities, repeats only in doubt, abstention."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from gristmill.registry import Scored, Unscored
from gristmill.voting import Sampled
from gristmill_scorers.likelihood.chances import PARAMS

log = logging.getLogger("gristmill.scorers")
R = TypeVar("R", bound=Scored | Unscored)
WITHIN = 0.1


class JudgeOptions(Sampled):
    """Mix in before ``Scorer``. Options at their defaults are no part of a component's arguments."""

    spread: ClassVar[str] = "scores were spread evenly over 0 to 1"
    """What is taken for granted of scores before any is known."""
    logprobs: bool = Field(
        default=False,
        exclude_if=lambda value: value is False,
        description="Weigh verdicts by the log probabilities of their tokens, where the model gives them.",
    )
    repeat_near: float | None = Field(
        default=None,
        ge=0,
        le=1,
        exclude_if=lambda value: value is None,
        description="Threshold of the accept rule: only verdicts near it are repeated, up to `samples`.",
    )
    repeat_within: float = Field(
        default=WITHIN,
        ge=0,
        le=1,
        exclude_if=lambda value: value == WITHIN,
        description="How far from repeat_near a first verdict is still near.",
    )
    abstain: bool = Field(
        default=False,
        exclude_if=lambda value: value is False,
        description='Let the judge answer "unsure", which leaves the example unscored, `abstained`.',
    )
    _model: str = PrivateAttr(default="")
    _logprobs_came: bool | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _repeats(self) -> Self:
        if self.repeat_near is not None and self.samples < 2:
            raise ValueError("repeat_near is about further samples, and samples is 1: set samples, such as 3")
        if self.repeat_near is None and "repeat_within" in self.model_fields_set:
            raise ValueError("repeat_within says how near, and repeat_near (near what) is not given")
        return self

    def meet(self, models: Mapping[str, str]) -> None:
        """Learn what model the judge's role stands for."""
        self._model = models.get(self.drawn_from()[0] or "", "")

    def doubts(self) -> Sequence[str]:
        """A judge that works by rules has no log probabilities."""
        if self.logprobs and self._model.startswith("offline:"):
            return [f"{self._model} gives no log probabilities: its verdicts count as they are"]
        return ()

    @property
    def first_draws(self) -> int:
        """Samples drawn before anything is known of the example."""
        return self.samples if self.repeat_near is None else 1

    def settled(self, result: Scored | Unscored) -> bool:
        """Whether the first verdict decides: it is a score, and not near the threshold."""
        if self.repeat_near is None:
            return True
        # 0.7 - 0.6 must not miss 0.1
        near = self.repeat_within + 1e-9
        return isinstance(result, Scored) and abs(result.value - self.repeat_near) > near

    def expected_draws(self, near: float | None = None) -> float:
        """Samples drawn on average where a share of ``near`` of the first verdicts is near the threshold.

        Without a share the scores are taken to be spread evenly over 0…1: what part of that is near?
        """
        if self.repeat_near is None:
            return float(self.samples)
        if near is None:
            low = max(0.0, self.repeat_near - self.repeat_within)
            near = min(1.0, self.repeat_near + self.repeat_within) - low
        return 1 + (self.samples - 1) * near

    def assumed(self) -> str:
        """How often a first verdict is taken to be near the threshold."""
        if self.repeat_near is None:
            return ""
        return f"repeats near {self.repeat_near:g} are counted as if {self.spread}; --pilot measures them"

    def asked_with(self) -> Mapping[str, Any]:
        """Sampling parameters that these options add to a call."""
        return PARAMS if self.logprobs else {}

    def drawn(self, result: R, samples: int) -> R:
        """The result with ``drawn`` in its rows, where that is not always the same."""
        if self.repeat_near is None:
            return result
        return replace(result, votes=tuple({**row, "drawn": samples} for row in result.votes))

    def note_logprobs(self, came: bool) -> None:
        """Warn once when the first answer of a run has no log probabilities."""
        if self._logprobs_came is None and not came and not self._model.startswith("offline:"):
            log.warning(
                "logprobs: %s gave no log probabilities: such verdicts count as they are, mode: verdict",
                self._model or f"the model of {self.drawn_from()[0]!r}",
            )
        self._logprobs_came = self._logprobs_came or came
