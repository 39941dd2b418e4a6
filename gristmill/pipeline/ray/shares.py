"""Dividing a model's limits over workers: in whole calls, by demand, never more in all than there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gristmill.models.backends import base_url
from gristmill.models.sharing import Place, limits_for, place_of
from gristmill.models.spec import ModelSpec
from gristmill.pipeline.ray.messages import State

# Backends whose limits are those of the process they run in: every worker has its own.
OWN = frozenset({"offline", "vllm"})


def divide(total: int, wants: Mapping[int, int]) -> dict[int, int]:
    """Whole shares of ``total`` calls: one each at least, then by want (max-min fair), the rest evenly.

    Where there are fewer calls than takers, the first get one each and the others none.
    """
    takers = sorted(wants)
    if total <= len(takers):
        return {taker: int(place < total) for place, taker in enumerate(takers)}
    shares = dict.fromkeys(takers, 1)
    left = total - len(takers)
    hungry = [taker for taker in takers if wants[taker] > 1]
    while left and hungry:
        portion = max(1, left // len(hungry))
        for taker in hungry:
            more = min(portion, left, wants[taker] - shares[taker])
            shares[taker] += more
            left -= more
        hungry = [taker for taker in hungry if shares[taker] < wants[taker]]
    for place, taker in enumerate(takers):
        shares[taker] += left // len(takers) + int(place < left % len(takers))
    return shares


@dataclass(slots=True)
class Division:
    """One model's calls at once, divided.

    A worker that is to have less is told at once; what it gives back is given on when it has said that it
    knows and has no more calls than that on their way. So the sum never passes ``total``, however long
    messages take.
    """

    total: int
    given: dict[int, int] = field(default_factory=dict)
    known: dict[int, State] = field(default_factory=dict)
    serial: int = 0
    _told: dict[int, dict[int, int]] = field(default_factory=dict)
    """By worker: shares, by serial, that it may not have heard of yet."""

    def report(self, worker: int, state: State) -> None:
        """What a worker said last."""
        if worker in self.given:
            self.known[worker] = state
            told = self._told[worker]
            self._told[worker] = {serial: calls for serial, calls in told.items() if serial > state.serial}

    def join(self, worker: int) -> None:
        """One more; it has nothing yet."""
        self.given[worker] = 0
        self._told[worker] = {}

    def leave(self, worker: int) -> None:
        """A worker is gone, and its calls with it."""
        for kept in (self.given, self.known, self._told):
            kept.pop(worker, None)

    def rebalance(self) -> dict[int, int]:
        """New shares, with the serial :attr:`serial`, of those workers whose share changes."""
        aims = divide(self.total, {worker: self._want(worker) for worker in self.given})
        changed = {worker: aim for worker, aim in aims.items() if aim < self.given[worker]}
        self.serial += 1
        for worker, aim in changed.items():
            self._tell(worker, aim)
        free = self.total - sum(self._taken(worker) for worker in self.given)
        for worker, aim in sorted(aims.items(), key=lambda pair: self.given[pair[0]]):
            more = min(free, aim - self.given[worker])
            if more > 0:
                free -= more
                changed[worker] = self.given[worker] + more
                self._tell(worker, changed[worker])
        return changed

    def _tell(self, worker: int, calls: int) -> None:
        self.given[worker] = self._told[worker][self.serial] = calls

    def _want(self, worker: int) -> int:
        state = self.known.get(worker)
        return self.total if state is None else state.in_flight + state.waiting

    def _taken(self, worker: int) -> int:
        state = self.known.get(worker)
        most = max(self._told[worker].values(), default=0)
        return most if state is None else max(most, state.calls, state.in_flight)


def divisions(specs: Mapping[str, ModelSpec]) -> dict[Place, Division]:
    """A division for every model that workers share; what runs inside a worker is not divided."""
    shared = [spec for spec in specs.values() if spec.backend not in OWN]
    found: dict[Place, Division] = {}
    for spec in shared:
        place = place_of(spec)
        limits = limits_for(other for other in shared if place_of(other) == place)
        found[place] = Division(limits.concurrency.ceiling)
    return found


def loopback_models(specs: Mapping[str, ModelSpec], environ: Mapping[str, str]) -> list[str]:
    """Roles whose endpoint is an address of this machine, which another machine would take for itself."""
    from gristmill.models.backends import key_variable

    found = []
    for role, spec in specs.items():
        url = base_url(spec, environ)
        bare = spec.model_copy(update={"api_key_env": None})
        if spec.backend == "openai" and url is not None and key_variable(bare, environ) is None:
            found.append(role)
    return found
