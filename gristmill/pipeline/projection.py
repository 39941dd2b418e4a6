"""From the chunks of a pilot to the whole corpus: sums with their 90 % intervals, and the time it takes.

Sums (calls, tokens, dollars, rows) use the interval of Student's t for the total of a finite population
drawn without replacement (Cochran, Sampling Techniques, 1977, section 2.8): what was measured is certain,
only the rest is in doubt. Time is simulated (:mod:`gristmill.pipeline.pace`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gristmill.pipeline.pace import Pace
from gristmill.pipeline.pilot import Measured, Pilot
from gristmill.pipeline.yields import Range, Yield, student


@dataclass(frozen=True, slots=True)
class Projected:
    """The whole: of ``chunks`` chunks, or of as many as the target takes. ``seconds``: a run from now on."""

    pilot: Pilot
    chunks: Range
    calls: Mapping[str, Range]
    input_tokens: Range
    output_tokens: Range
    cost_usd: Range | None
    accepted: Range
    seconds: Range
    notes: Sequence[str]

    @property
    def all_calls(self) -> Range:
        """Calls of all roles."""
        return total(_of(self.pilot, lambda c: float(c.calls.total())), self.chunks, 1.0)

    def as_json(self) -> dict[str, Any]:
        """The object that ``--dry-run --pilot --json`` prints."""
        pilot, spent = self.pilot, self.pilot.counters.total
        cost = self.cost_usd
        return {
            "dry_run": True,
            "pilot": {
                "chunks": len(pilot.measured),
                "sizes": [sample.size for sample in pilot.samples],
                "seconds": [round(sample.seconds, 3) for sample in pilot.samples],
                "calls": {"sent": spent.sent, "cached": spent.cached},
                "tokens": {"input": spent.input_tokens, "output": spent.output_tokens},
                "cost_usd": round(spent.cost_usd, 6),
                "roles": {role: role_facts(pilot, role) for role in roles(pilot)},
                "rows": pilot.tally.as_json(),
            },
            "chunks": pilot.chunks,
            "projected": {
                "chunks": self.chunks.as_json(),
                "calls": self.all_calls.as_json(),
                "calls_by_role": {role: calls.as_json() for role, calls in self.calls.items()},
                "tokens": {"input": self.input_tokens.as_json(), "output": self.output_tokens.as_json()},
                "cost_usd": None if cost is None else cost.as_json(6),
                "accepted": self.accepted.as_json(),
                "seconds": self.seconds.as_json(2),
            },
            "notes": list(self.notes),
            **({"error": str(pilot.error)} if pilot.error else {}),
        }


def project_pilot(pilot: Pilot) -> Projected:
    """Project what a pilot measured."""
    chunks = _wanted(pilot)
    per_call = _per_call(pilot)
    costs = [chunk.cost for chunk in pilot.measured]
    known = [cost for cost in costs if cost is not None]
    return Projected(
        pilot,
        chunks,
        {role: total([float(c.calls[role]) for c in pilot.measured], chunks, 1.0) for role in roles(pilot)},
        total(_of(pilot, lambda c: float(c.input_tokens.total())), chunks, per_call[0]),
        total(_of(pilot, lambda c: float(c.output_tokens.total())), chunks, per_call[1]),
        total(known, chunks, per_call[2]) if len(known) == len(costs) else None,
        _accepted(pilot, chunks),
        _seconds(pilot, chunks),
        list(_notes(pilot)),
    )


def total(values: Sequence[float], chunks: Range, unit: float) -> Range:
    """Total over ``chunks`` chunks of which ``values`` were measured.

    A value that never varied in n chunks may vary in the next: the deviation is at least that of one
    chunk among n + 2 being ``unit`` off (Laplace's rule of succession).
    """
    count, seen = len(values), sum(values)
    if not count:
        return Range(math.nan, 0.0, math.inf)
    mean, rest = seen / count, [max(0.0, size - count) for size in chunks]
    if count < 2:
        return Range(seen + mean * rest[0], seen, seen if not rest[2] else math.inf)
    floor = unit * math.sqrt(count + 1) / (count + 2)
    deviation = max(statistics.stdev(values), floor)
    half = [
        student(count - 1) * deviation * math.sqrt(left * (left + count) / count) if left else 0.0
        for left in rest
    ]
    low = seen + max(0.0, mean * rest[1] - half[1])
    return Range(seen + mean * rest[0], low, seen + mean * rest[2] + half[2])


def roles(pilot: Pilot) -> list[str]:
    """Roles that were asked, in the recipe's order."""
    asked = {role for chunk in pilot.measured for role in chunk.calls}
    return [role for role in pilot.loaded.recipe.models if role in asked]


def role_facts(pilot: Pilot, role: str) -> dict[str, float]:
    """What was measured of one role: per chunk, per call."""
    chunks = pilot.measured
    calls = sum(chunk.calls[role] for chunk in chunks)
    return {
        "calls_per_chunk": round(calls / len(chunks), 3),
        "input_tokens_per_call": round(sum(c.input_tokens[role] for c in chunks) / calls, 1),
        "output_tokens_per_call": round(sum(c.output_tokens[role] for c in chunks) / calls, 1),
        "seconds_per_call": round(sum(c.busy.get(role, 0.0) for c in chunks) / calls, 4),
    }


def _of(pilot: Pilot, value: Callable[[Measured], float]) -> list[float]:
    return [value(chunk) for chunk in pilot.measured]


def _per_call(pilot: Pilot) -> tuple[float, float, float]:
    """Mean input tokens, output tokens and dollars of a call."""
    chunks = pilot.measured
    calls = max(1, sum(chunk.calls.total() for chunk in chunks))
    tokens_in = sum(chunk.input_tokens.total() for chunk in chunks)
    tokens_out = sum(chunk.output_tokens.total() for chunk in chunks)
    return tokens_in / calls, tokens_out / calls, sum(chunk.cost or 0.0 for chunk in chunks) / calls


def _yield(pilot: Pilot) -> Yield:
    found = Yield(pilot.rows_per_chunk)
    for chunk in pilot.measured:
        found.add(chunk.accepted)
    return found


def _wanted(pilot: Pilot) -> Range:
    """Chunks that will be walked: all, or as many as the target takes at the pilot's yield."""
    whole, goal = float(pilot.chunks), pilot.loaded.recipe.target.goal
    if goal is None or not pilot.measured:
        return Range(whole, whole, whole)
    mean = _yield(pilot).mean()
    ends = [goal / rate if rate > 0 else math.inf for rate in (mean.mid, mean.high, mean.low)]
    return Range(*(min(whole, end) for end in ends))


def _accepted(pilot: Pilot, chunks: Range) -> Range:
    found, count = _yield(pilot), len(pilot.measured)
    rest = [found.of(max(0, round(size) - count))[i] for i, size in enumerate(chunks)]
    goal = pilot.loaded.recipe.target.goal
    return Range(*(min(found.rows + more, goal or math.inf) for more in rest))


def _seconds(pilot: Pilot, chunks: Range) -> Range:
    """A run from now on; it has the pilot's answers already."""
    if not pilot.measured:
        return Range(math.nan, 0.0, math.inf)
    left = [max(0, math.ceil(size) - len(pilot.measured)) for size in chunks]
    pace = Pace(pilot)
    found = {count: pace.seconds(count) for count in set(left)}
    ends = [found[count] for count in left]
    return Range(ends[0].mid, ends[1].low, ends[2].high)


def _notes(pilot: Pilot) -> Iterator[str]:
    count = len(pilot.measured)
    if pilot.chunks == 0:
        yield "there are no chunks: nothing was measured"
    elif count >= pilot.chunks:
        yield f"the pilot walked the whole corpus ({pilot.chunks} chunks): calls, tokens and rows are exact"
    elif count < 10:
        yield f"only {count} chunks were measured: the intervals are wide and rest on little"
    if any(chunk.cost is None for chunk in pilot.measured):
        yield "the price of a model is not known: add price: {input: USD, output: USD} per million tokens"
    if pilot.counters.total.cached:
        yield f"{pilot.counters.total.cached} of the calls measured were answered from the cache"
    goal = pilot.loaded.recipe.target.goal
    if goal is not None and count and count < pilot.chunks:
        most = _yield(pilot).of(pilot.chunks - count)
        if _yield(pilot).rows + most.high < goal:
            yield (
                f"the corpus is too small: about {_yield(pilot).rows + most.mid:.0f} "
                f"[{_yield(pilot).rows + most.low:.0f}, {_yield(pilot).rows + most.high:.0f}] "
                f"of the {goal} rows wanted: add documents or loosen accept"
            )
