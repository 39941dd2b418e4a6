"""How long a run takes, simulated from the chunks of a pilot.

Chunks as slow as the pilot's are put on as many lanes as the concurrency allows (list scheduling, Graham
1969): their mean is that of a sample drawn from the pilot's (bootstrap, Efron 1979), single ones scatter
around it log-normally. Requests and tokens a minute and the time this process computes are a floor; what
does not grow with the chunks comes on top.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections.abc import Sequence

from gristmill.models.spec import ModelSpec
from gristmill.pipeline.pilot import Measured, Pilot, Sample
from gristmill.pipeline.yields import Z90, Range, student

REPLICATES = 200
SIMULATED = 1_500
ROUNDS_TO_THE_STORE = 6  # a run opens it that often at least: documents, gates, target, rows, summary
FIXED_SPREAD = (0.5, 1.5)  # one reading on a machine that does other things too


class Pace:
    """How long a run takes: start-up, then chunks on lanes, no faster than the rate limits."""

    def __init__(self, pilot: Pilot) -> None:
        self._pilot, self._specs = pilot, pilot.loaded.recipe.models
        self._chunks = pilot.measured
        self._random = random.Random(0)  # noqa: S311 - a simulation
        last = pilot.samples[-1]
        # A process that hardly computes is not slowed down by a few more chunks: the slope is what counts.
        self._cpu = last.cpu_seconds / max(1, len(last.chunks))
        logs = [math.log(chunk.stretch) for chunk in self._chunks if chunk.stretch > 0]
        self._sigma = statistics.stdev(logs) if len(logs) > 1 else 0.0
        self._growth = _growth(pilot, self._slots())
        first = pilot.samples[0]
        longest = max((chunk.stretch for chunk in first.chunks), default=0.0)
        self.fixed = (
            pilot.scan_seconds
            + max(0.0, first.seconds - longest)
            + ROUNDS_TO_THE_STORE * pilot.opening_seconds
            + last.store_seconds
        )

    def seconds(self, count: int) -> Range:
        """For ``count`` chunks: points 5, 50 and 95 of 100 of simulated runs, wider for a small pilot."""
        runs = sorted(self._once(count) for _ in range(REPLICATES))
        mid, low, high = (runs[int(share * (REPLICATES - 1))] for share in (0.5, 0.05, 0.95))
        wide = student(max(1, len(self._chunks) - 1)) / Z90
        return Range(mid, max(0.0, mid - (mid - low) * wide), mid + (high - mid) * wide)

    def _once(self, count: int) -> float:
        drawn = self._random.choices(self._chunks, k=len(self._chunks))
        start = self.fixed * self._random.uniform(*FIXED_SPREAD)
        return start + max(self._on_lanes(drawn, count), self._floor(drawn, count), self._cpu * count)

    def _on_lanes(self, drawn: Sequence[Measured], count: int) -> float:
        """List scheduling of chunks as slow as ``drawn`` (log-normal); of many, a part is simulated."""
        mean = statistics.fmean(chunk.stretch for chunk in drawn) * self._growth
        lanes = self._lanes(drawn)
        if not count or not mean:
            return 0.0
        part = min(count, max(SIMULATED, 4 * lanes))
        free = [0.0] * min(lanes, part)
        # Not the chunks seen themselves: the slowest of many is slower than any of a few, and ends the run.
        middle = math.log(mean) - self._sigma**2 / 2
        for _ in range(part):
            heapq.heapreplace(free, free[0] + self._random.lognormvariate(middle, self._sigma))
        return max(free) + (count - part) * mean / lanes

    def _lanes(self, drawn: Sequence[Measured]) -> int:
        """Chunks under way at once when the busiest model's slots are all taken."""
        width = 2 * max(spec.concurrency for spec in self._specs.values())
        stretch = sum(chunk.stretch for chunk in drawn)
        places = [float(width)]
        for names, slots in self._slots():
            busy = sum(chunk.busy.get(role, 0.0) for chunk in drawn for role in names)
            if busy > 0:
                places.append(slots * stretch / busy)
        return max(1, round(min(places)))

    def _floor(self, drawn: Sequence[Measured], count: int) -> float:
        """Seconds that requests and tokens a minute make of ``count`` chunks."""
        share = count / len(drawn)
        ends = [0.0]
        for names, _ in self._slots():
            spec = self._specs[names[0]]
            if spec.requests_per_minute:
                calls = sum(chunk.calls[role] for chunk in drawn for role in names)
                ends.append(calls * share / spec.requests_per_minute * 60)
            if spec.tokens_per_minute:
                sums = (c.input_tokens[role] + c.output_tokens[role] for c in drawn for role in names)
                ends.append(sum(sums) * share / spec.tokens_per_minute * 60)
        return max(ends)

    def _slots(self) -> list[tuple[list[str], float]]:
        """Roles that share a model, with the calls it takes at once (fewer after it was overloaded)."""
        shared: dict[tuple[str, str | None], list[str]] = {}
        for role, spec in self._specs.items():
            shared.setdefault((spec.model, spec.base_url), []).append(role)
        return [(names, float(self._allowed(self._specs[names[0]]))) for names in shared.values()]

    def _allowed(self, spec: ModelSpec) -> int:
        views = [view for view in self._pilot.limits if view["model"] == spec.model]
        return min([view["allowed"] for view in views], default=spec.concurrency)


def _growth(pilot: Pilot, slots: Sequence[tuple[list[str], float]]) -> float:
    """How much slower a call is under full load than in the larger sample, 1 unless the samples show it.

    A line through the mean seconds of a call at the loads of the two samples; it counts when the
    difference is larger than chance (Welch's t above its one-sided 95 % point).
    """
    if len(pilot.samples) < 2:
        return 1.0
    small, large = pilot.samples[0], pilot.samples[-1]
    loads = [_load(sample) for sample in (small, large)]
    full = max((count for _, count in slots), default=1.0)
    means = [_per_call_seconds(sample) for sample in (small, large)]
    if min(len(m) for m in means) < 2 or loads[1] <= loads[0] or full <= loads[1]:
        return 1.0
    low, high = (statistics.fmean(m) for m in means)
    error = math.sqrt(sum(statistics.variance(m) / len(m) for m in means))
    if high - low <= student(min(len(m) for m in means) - 1) * error:
        return 1.0
    return (high + (high - low) / (loads[1] - loads[0]) * (full - loads[1])) / high


def _load(sample: Sample) -> float:
    """Calls under way on average."""
    busy = sum(end - start for chunk in sample.chunks for start, end in chunk.spans)
    return busy / sample.seconds if sample.seconds > 0 else 0.0


def _per_call_seconds(sample: Sample) -> list[float]:
    return [sum(chunk.busy.values()) / chunk.calls.total() for chunk in sample.chunks if chunk.calls.total()]
