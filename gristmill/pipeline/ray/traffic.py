"""What workers say about their models: shares of the limits, counts, and the log of calls."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gristmill.models.counters import Counters
from gristmill.models.limits import LimitView
from gristmill.models.sharing import Place
from gristmill.models.spec import ModelSpec
from gristmill.models.telemetry import CallLog
from gristmill.pipeline.ray.messages import Pause, Pulse, Share, State
from gristmill.pipeline.ray.shares import divisions

if TYPE_CHECKING:
    from gristmill.pipeline.ray.hand import Hand

# What is sent, its tokens and its cost are counted where answers are stored: those counts survive a worker.
AT_WORKERS = ("cached", "failed", "retried", "throttled", "repairs", "in_flight")
REBALANCE_SECONDS = 0.2
# A wait that all workers were told of comes back in their pulses, a little shorter.
ECHO_SECONDS = 1.0

_Counts = Mapping[str, Mapping[str, int]]


class Traffic:
    """Divides limits by demand, several times a second, and adds up what workers count."""

    def __init__(self, specs: Mapping[str, ModelSpec], counters: Counters, log: CallLog) -> None:
        self.divisions = divisions(specs)
        self._counters, self._log = counters, log
        self._hands: dict[int, Hand] = {}
        self._counts: dict[int, _Counts] = {}
        self._gone: list[_Counts] = []
        self._states: dict[int, Mapping[Place, State]] = {}
        self._paused: dict[Place, float] = {}
        self._next = 0.0

    def join(self, hand: Hand) -> None:
        """A worker is up."""
        self._hands[hand.number] = hand
        for division in self.divisions.values():
            division.join(hand.number)
        self._rebalance()

    def leave(self, hand: Hand) -> None:
        """A worker is gone; what it had is given to others."""
        self._hands.pop(hand.number, None)
        self._states.pop(hand.number, None)
        self._gone.append(self._counts.pop(hand.number, {}))
        for division in self.divisions.values():
            division.leave(hand.number)
        self._rebalance()
        self._add_up()

    def open(self, hand: Hand) -> bool:
        """Whether a worker has a share of every model."""
        return all(division.given.get(hand.number, 0) for division in self.divisions.values())

    def pulse(self, hand: Hand, pulse: Pulse) -> bool:
        """Take a worker's report; whether shares changed because of it."""
        self._counts[hand.number] = pulse.counts
        self._states[hand.number] = pulse.states
        self._add_up()
        self._log.rows.extend(pulse.rows)
        for place, hits in pulse.hits.items():
            self._log.hits[place] = self._log.hits.get(place, 0) + hits
        self._log.last_error = pulse.last_error or self._log.last_error
        for model, state in pulse.states.items():
            if (division := self.divisions.get(model)) is not None:
                division.report(hand.number, state)
                self._pause_others(hand, model, state.paused_for)
        if time.monotonic() < self._next:
            return False
        return self._rebalance()

    def views(self) -> list[LimitView]:
        """The limits now in force, all workers together."""
        found: dict[Place, list[State]] = {}
        for states in self._states.values():
            for place, state in states.items():
                found.setdefault(place, []).append(state)
        return [_view(place, states) for place, states in found.items()]

    def _rebalance(self) -> bool:
        self._next = time.monotonic() + REBALANCE_SECONDS
        any_changed = False
        for place, division in self.divisions.items():
            for worker, calls in division.rebalance().items():
                any_changed = True
                share = Share(place, calls, calls / division.total, division.serial)
                self._hands[worker].post(share)
        return any_changed

    def _pause_others(self, hand: Hand, place: Place, seconds: float) -> None:
        until = time.monotonic() + seconds
        if not seconds or until < self._paused.get(place, 0.0) + ECHO_SECONDS:
            return
        self._paused[place] = until
        for other in self._hands.values():
            if other is not hand:
                other.post(Pause(place, seconds))

    def _add_up(self) -> None:
        reports = [(counts, True) for counts in self._counts.values()]
        reports += [(counts, False) for counts in self._gone]
        for model in {model for counts, _ in reports for model in counts}:
            tally = self._counters.of(model)
            for name in AT_WORKERS:
                alive_only = name == "in_flight"
                parts = (c[model][name] for c, alive in reports if model in c and (alive or not alive_only))
                setattr(tally, name, sum(parts))


def _view(place: Place, states: list[State]) -> LimitView:
    return {
        "model": place.model,
        "host": place.host,
        "limit": sum(state.calls for state in states),
        "allowed": sum(state.allowed for state in states),
        "in_flight": sum(state.in_flight for state in states),
        "waiting": sum(state.waiting for state in states),
        "paused_for": max(state.paused_for for state in states),
        "throttled": sum(state.throttled for state in states),
    }
