"""A limit on what a run may spend, in dollars or tokens."""

from __future__ import annotations

from dataclasses import dataclass

from gristmill.errors import BudgetError


@dataclass(slots=True)
class Budget:
    """No new call is sent once spent + in flight + its own estimate would pass a limit.

    ``usd`` in US dollars, ``tokens`` input and output together; ``None`` is no limit. Calls in flight
    are held at their estimate (:func:`gristmill.models.cost.estimate`) until their usage is known, so a
    run passes a limit only by as much as its last calls were underestimated. Cached answers cost nothing.
    """

    usd: float | None = None
    tokens: int | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    held_usd: float = 0.0
    held_tokens: int = 0

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.usd is not None or self.tokens is not None

    def hold(self, tokens: int, usd: float | None) -> None:
        """Reserve the estimate of a call about to be sent.

        Raises:
            BudgetError: the call could pass a limit; nothing is reserved.
        """
        cost = usd or 0.0
        if self.usd is not None and self.spent_usd + self.held_usd + cost > self.usd:
            raise self._spent(
                f"${self.spent_usd:.4f} of ${self.usd:g} used, ${self.held_usd:.4f} on their way"
            )
        if self.tokens is not None and self.spent_tokens + self.held_tokens + tokens > self.tokens:
            raise self._spent(
                f"{self.spent_tokens} of {self.tokens} tokens used, {self.held_tokens} on their way"
            )
        self.held_usd += cost
        self.held_tokens += tokens

    def release(self, tokens: int, usd: float | None) -> None:
        """Give back what :meth:`hold` reserved (same arguments)."""
        self.held_usd -= usd or 0.0
        self.held_tokens -= tokens

    def spend(self, tokens: int, usd: float | None) -> None:
        """Record what an answered call really took."""
        self.spent_usd += usd or 0.0
        self.spent_tokens += tokens

    @staticmethod
    def _spent(amount: str) -> BudgetError:
        return BudgetError(
            f"the budget is spent: {amount}, and the next call could pass the limit",
            cure="answered calls are kept: raise the budget and run again to go on from here",
        )
