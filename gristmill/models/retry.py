"""How long to wait before the next attempt: exponential backoff with full jitter, or as the server says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits in seconds. ``longest`` bounds what a server may ask for with ``Retry-After``.

    Full jitter (a wait drawn uniformly between 0 and the exponential bound) keeps callers that failed
    together from coming back together: M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """

    base: float = 0.5
    cap: float = 30.0
    longest: float = 90.0
    uniform: Callable[[float, float], float] = field(default=random.uniform)

    def wait(self, attempt: int, retry_after: float | None) -> float:
        """Seconds before attempt ``attempt + 1``; attempts count from 0."""
        if retry_after is not None:
            # A little jitter on top: everybody who got a 429 was told the same wait.
            return self.bounded(retry_after) + self.uniform(0.0, self.base)
        return self.uniform(0.0, min(self.cap, self.base * 2.0 ** min(attempt, 60)))

    def bounded(self, retry_after: float | None) -> float:
        """The wait a server asked for, as far as it is honoured; 0 when it asked for none."""
        return 0.0 if retry_after is None else min(max(retry_after, 0.0), self.longest)
