"""What roles share: the limits and the token forecast of a model at a provider."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gristmill.errors import GristmillError
from gristmill.models.backends import base_url, key_variable
from gristmill.models.forecast import Forecast
from gristmill.models.limits import Limits, LimitView
from gristmill.models.spec import ModelSpec

DEFAULT_HOST = "api.openai.com"


@dataclass(frozen=True, slots=True)
class Place:
    """Whom limits are about: a model at a provider, the provider being a host and an account there."""

    host: str
    key_variable: str
    model: str


@dataclass(slots=True)
class Shared:
    """What all roles that lead to one place have in common."""

    limits: Limits
    forecast: Forecast = field(default_factory=Forecast)


class Pool:
    """One :class:`Shared` for each place that a recipe's models lead to, made when it is first needed."""

    def __init__(self, specs: Iterable[ModelSpec]) -> None:
        self._specs = list(specs)
        self._shared: dict[Place, Shared] = {}
        self._stopped: GristmillError | None = None

    def of(self, spec: ModelSpec) -> Shared:
        """What a role shares with others."""
        place = place_of(spec)
        shared = self._shared.get(place)
        if shared is None:
            limits = limits_for(other for other in self._specs if place_of(other) == place)
            shared = self._shared[place] = Shared(limits)
            if self._stopped is not None:
                limits.stop(self._stopped)
        return shared

    def views(self) -> list[LimitView]:
        """The state of every model's limits."""
        return [shared.limits.view(place.model, place.host) for place, shared in self._shared.items()]

    def stop(self, error: GristmillError) -> None:
        """Send nothing more to any model."""
        self._stopped = self._stopped or error
        for shared in self._shared.values():
            shared.limits.stop(error)


def place_of(spec: ModelSpec, environ: Mapping[str, str] | None = None) -> Place:
    """The provider and model that a role's calls go to."""
    env = os.environ if environ is None else environ
    url = base_url(spec, env) if spec.backend == "openai" else None
    host = spec.backend if spec.backend != "openai" else urlsplit(url).netloc.lower() if url else DEFAULT_HOST
    return Place(host, key_variable(spec, env) or "", spec.model)


def limits_for(specs: Iterable[ModelSpec]) -> Limits:
    """The limits that roles of one model share: the tightest of those that any of them names."""
    roles = list(specs)
    named = [spec.concurrency for spec in roles if "concurrency" in spec.model_fields_set]
    return Limits(
        min(named or [spec.concurrency for spec in roles]),
        _least(spec.requests_per_minute for spec in roles),
        _least(spec.tokens_per_minute for spec in roles),
    )


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)
