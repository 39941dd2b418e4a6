"""What the answers of an evaluation took, each counted once, whenever it was sent."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gristmill.models import CallEvent, Counters


@dataclass(slots=True)
class Part:
    """Answers of one model. ``unpriced`` of them have no known price and are missing in ``cost_usd``."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Usage:
    """Counts every answer used, also one that an earlier process was sent: so a resumed run adds up.

    ``seconds`` are what the models took, summed over calls that were under way at the same time.
    """

    by_model: dict[str, Part] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def count(self, event: CallEvent) -> None:
        """One answer came, from the model or the cache."""
        call = event.call
        if call.key in self._seen:
            return
        self._seen.add(call.key)
        part = self.by_model.setdefault(call.model, Part())
        part.calls += 1
        part.input_tokens += call.usage.input_tokens
        part.output_tokens += call.usage.output_tokens
        part.cost_usd += call.cost or 0.0
        part.unpriced += call.cost is None
        part.seconds += event.seconds

    def as_json(self, now: Counters) -> dict[str, Any]:
        """Totals, by model, and what this process sent and spent (``now``)."""
        parts = list(self.by_model.values())
        totals = {name: sum(getattr(part, name) for part in parts) for name in Part.__slots__}
        this = now.total
        return {
            **_rounded(totals),
            "by_model": {name: _rounded(asdict(part)) for name, part in self.by_model.items()},
            "this_time": {
                "sent": this.sent,
                "cached": this.cached,
                "failed": this.failed,
                "retried": this.retried,
                "cost_usd": round(this.cost_usd, 6),
            },
        }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()}
