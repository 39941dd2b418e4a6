"""What a call about to be sent will use, learnt from the calls that were answered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from gristmill.models.cost import prompt_tokens
from gristmill.models.types import Reply, Request
from gristmill.records import Usage

UNSEEN_OUTPUT_TOKENS = 1024
# Characters a token before any prompt was counted by the server: half again as many as in English.
UNSEEN_RATIO = 1.5


@dataclass(slots=True)
class Spread:
    """Mean and spread of numbers seen so far (Welford's method: nothing is kept but three numbers)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """See one more."""
        self.count += 1
        off = value - self.mean
        self.mean += off / self.count
        self.squares += off * (value - self.mean)

    @property
    def high(self) -> float:
        """What few exceed: two standard deviations above the mean, more while few were seen."""
        return self.mean * (1 + 1 / self.count) + 2 * math.sqrt(self.squares / self.count)


@dataclass(slots=True)
class Forecast:
    """Projects the tokens of one model's calls, on the high side.

    The prompt is estimated from its characters and scaled by how far real counts were from such
    estimates; the answer is as long as few so far were, at most ``max_tokens``. Before anything was seen
    the prompt counts half again and the answer ``max_tokens``, or 1,024 tokens where none are set.
    """

    prompts: Spread = field(default_factory=Spread)
    outputs: Spread = field(default_factory=Spread)

    def project(self, requests: Sequence[Request]) -> Usage:
        """Tokens of requests that differ in ``sample`` only and are sent as one."""
        first = requests[0]
        limit = first.params.get("max_completion_tokens") or first.params.get("max_tokens")
        return self.expected(prompt_tokens(first.messages), limit, len(requests))

    def expected(self, prompt: int, limit: int | None, samples: int) -> Usage:
        """The same, of a prompt estimated at so many tokens, with answers of at most ``limit``."""
        ratio = self.prompts.high if self.prompts.count else UNSEEN_RATIO
        if self.outputs.count:
            output = math.ceil(self.outputs.high)
            output = min(output, limit) if limit else output
        else:
            output = limit or UNSEEN_OUTPUT_TOKENS
        return Usage(math.ceil(prompt * ratio), output * samples)

    def learn(self, requests: Sequence[Request], replies: Sequence[Reply]) -> None:
        """See what requests that were sent as one really used."""
        self.learned(prompt_tokens(requests[0].messages), [reply.usage for reply in replies])

    def learned(self, prompt: int, usages: Sequence[Usage]) -> None:
        """The same, of a prompt estimated at so many tokens."""
        self.prompts.add(sum(usage.input_tokens for usage in usages) / max(1, prompt))
        for usage in usages:
            self.outputs.add(usage.output_tokens)
