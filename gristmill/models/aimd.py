"""How many calls a model may have in flight at once: less after a refusal, more after answers.

Additive increase, multiplicative decrease, as in TCP's congestion control (V. Jacobson, "Congestion
Avoidance and Control", 1988), counted in calls.
"""

from __future__ import annotations

DECREASE = 0.75
ANSWERS_PER_STEP = 25
# Up to here, measured against the load that is known to work, answers raise the limit by 1 each.
NEAR = 0.95
# A load stops to count as known to work at so many more refusals than one for six answers. Chosen in
# simulations: a tenth of all calls refused at random must not bring a run to a crawl.
DOUBTS = 8.0
ANSWERS_PER_DOUBT = 6


class Concurrency:
    """The number of calls allowed at once, between 1 and ``ceiling``, where it starts.

    A refusal (429, overload) lowers it to three quarters. Those of one burst count once: calls that were
    sent before the last decrease change nothing more. Answers raise it, by 1 each until it is near the
    load that the model was lately seen to carry, then by 1 per 25.

    So the limit settles at what a server admits, and a stray refusal is soon made good. Refusals under a
    load that the model did carry may come at random: after the first, the next lowers the limit only when
    that load is reached again, or when there are so many that it is no longer taken as known to work.
    """

    __slots__ = ("_carried", "_doubts", "_level", "allowed", "ceiling", "epoch")

    def __init__(self, ceiling: int) -> None:
        self.ceiling = self.allowed = ceiling
        self.epoch = 0
        self._level = float(ceiling)
        self._carried = self._doubts = 0.0

    def answered(self, load: int) -> None:
        """A call was answered while ``load`` calls, itself included, were on their way."""
        if load > self._carried:
            self._carried = load
        if self._level >= self.ceiling and self._doubts <= 0.0:
            return
        if 2 * load > self._carried:
            self._doubts -= 1 / ANSWERS_PER_DOUBT
        step = 1.0 if self._level < NEAR * self._carried - 1.0 else 1 / ANSWERS_PER_STEP
        self._set(min(float(self.ceiling), self._level + step))

    def refused(self, load: int, epoch: int) -> bool:
        """A call sent in ``epoch`` was turned away under ``load``; True when that lowers the limit."""
        if load <= self._carried and not self._disproven(load) and self._level < self._carried:
            return False
        if epoch < self.epoch:
            return False
        self.epoch += 1
        self._set(max(1.0, self._level * DECREASE))
        return True

    def resize(self, ceiling: int) -> None:
        """Another ceiling; where nothing was refused, it is what is allowed."""
        level = float(ceiling) if self._level >= self.ceiling else min(self._level, float(ceiling))
        self.ceiling = ceiling
        self._set(level if ceiling == 0 else max(1.0, level))

    def _disproven(self, load: int) -> bool:
        """Whether one more doubt is too much; then only less counts as known to work."""
        self._doubts = max(0.0, self._doubts) + 1.0
        if self._doubts <= DOUBTS:
            return False
        self._doubts = 0.0
        self._carried = min(0.9 * self._carried, float(load))
        return True

    def _set(self, level: float) -> None:
        # 25 times 0.04 is a little less than 1
        self._level, self.allowed = level, min(self.ceiling, int(level + 1e-9))
