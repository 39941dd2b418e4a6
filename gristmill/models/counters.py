"""What went through the door, per model and in all."""

from __future__ import annotations

from dataclasses import dataclass, field

from gristmill.models.types import FinishReason
from gristmill.records import Call


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One answered call, handed to ``on_call`` for lineage, whether it was sent or came from the cache.

    ``seconds`` is the time the model took when it was sent, now or for the run that cached it.
    """

    call: Call
    role: str
    cached: bool
    finish_reason: FinishReason
    seconds: float = 0.0


@dataclass(slots=True)
class Tally:
    """Counts of one model. A call is one sample; a request may carry several.

    ``sent`` calls were answered by the model, ``cached`` ones by the cache or by an equal call in
    flight, ``failed`` ones not at all. ``retried`` requests went out again after a temporary error,
    ``throttled`` ones met a limit or an overload of the model.
    ``repairs`` (of broken JSON, of verdicts that a scorer could not use) are calls of their own, in ``sent``
    or ``cached`` too. Tokens and
    ``cost_usd`` (US dollars) are of sent calls only; ``unpriced`` sent calls have no known price and
    are missing in ``cost_usd``.
    """

    sent: int = 0
    cached: int = 0
    failed: int = 0
    retried: int = 0
    throttled: int = 0
    repairs: int = 0
    in_flight: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0

    def add_call(self, call: Call) -> None:
        """Count a call that was sent and answered."""
        self.sent += 1
        self.input_tokens += call.usage.input_tokens
        self.output_tokens += call.usage.output_tokens
        if call.cost is None:
            self.unpriced += 1
        else:
            self.cost_usd += call.cost

    def plus(self, other: Tally) -> Tally:
        """The sum of two tallies."""
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(slots=True)
class Counters:
    """Tallies by model name (``openai:gpt-4o-mini``); ``total`` is their sum."""

    by_model: dict[str, Tally] = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        """Sum over all models, a copy."""
        total = Tally()
        for tally in self.by_model.values():
            total = total.plus(tally)
        return total

    def plus(self, other: Counters) -> Counters:
        """The sums by model, of two runs."""
        names = [*self.by_model, *(name for name in other.by_model if name not in self.by_model)]
        mine, theirs = self.by_model, other.by_model
        return Counters({name: mine.get(name, Tally()).plus(theirs.get(name, Tally())) for name in names})

    def of(self, model: str) -> Tally:
        """The live tally of one model."""
        return self.by_model.setdefault(model, Tally())
