"""A token bucket: how many units a minute may go out, and how long the next caller waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Timers and floats are not exact: less than this many seconds is no wait.
SHORTEST = 1e-6


@dataclass(slots=True)
class TokenBucket:
    """``rate`` is in units a second; one second's worth may be saved up.

    So a minute never sees more than 61 seconds' worth. An amount bigger than all that can be saved goes
    when the bucket is full and leaves it in debt, which those behind it wait for.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    level: float = field(init=False)
    updated: float = field(init=False)
    whole: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity
        self.updated = self.clock()
        self.whole = self.rate

    @property
    def capacity(self) -> float:
        """At most this much is saved up while idle."""
        return max(1.0, self.rate)

    def scale(self, fraction: float) -> None:
        """Have a fraction of the original rate from now on; what is saved is not increased by that."""
        self.wait(0)
        self.rate = max(self.whole * fraction, SHORTEST)
        self.level = min(self.level, self.capacity)

    def wait(self, amount: float) -> float:
        """Seconds until ``amount`` can be taken, 0 when it can be taken now."""
        now = self.clock()
        self.level = min(self.capacity, self.level + (now - self.updated) * self.rate)
        self.updated = now
        seconds = (min(amount, self.capacity) - self.level) / self.rate
        return seconds if seconds > SHORTEST else 0.0

    def take(self, amount: float) -> None:
        """Take ``amount``; ask :meth:`wait` first."""
        self.level -= amount

    def give_back(self, amount: float) -> None:
        """Return what was taken but not used; a negative amount takes more."""
        self.level += amount


def bucket(per_minute: int | None, clock: Callable[[], float]) -> TokenBucket | None:
    """A bucket for a limit a minute, None for no limit."""
    return None if per_minute is None else TokenBucket(per_minute / 60, clock)
