"""Where models run: which backends there are, and how one is made from a recipe's model."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gristmill.errors import RecipeError
from gristmill.models.inprocess.sampling import check_names
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Backend

if TYPE_CHECKING:
    from gristmill.models.inprocess.engines import Engines

_BACKENDS = ("offline", "openai", "vllm")
_OFFLINE_MODELS = ("extractive",)


def backend_names() -> list[str]:
    """Backends that a recipe's ``models`` can name before the colon."""
    return sorted(_BACKENDS)


def validate_spec(spec: ModelSpec, *, where: str = "") -> None:
    """Check that a model's backend exists, without loading it or reaching the model.

    Raises:
        RecipeError: unknown backend or offline model, or no model name.
    """
    if spec.backend not in _BACKENDS:
        raise RecipeError(
            f"unknown model backend {spec.backend!r} in {spec.model!r}",
            where=where,
            cure=f"write BACKEND:MODEL with a known backend: {', '.join(backend_names())}",
        )
    if not spec.name:
        raise RecipeError(f"{spec.model!r} names no model", where=where, cure="write openai:NAME")
    if spec.serve is not None:
        _check_served(spec, where)
    _check_url(spec, where)
    if spec.backend == "offline" and spec.name not in _OFFLINE_MODELS:
        known = ", ".join(f"offline:{name}" for name in _OFFLINE_MODELS)
        raise RecipeError(f"unknown offline model {spec.model!r}", where=where, cure=f"known: {known}")
    if spec.backend == "offline" and spec.endpoint != "chat":
        raise RecipeError(f"{spec.model} has no endpoint", where=where, cure="remove endpoint")
    if spec.backend == "vllm":
        check_names(spec.params, f"{where}.params" if where else "")
    else:
        _check_own_engine(spec, where)


def _check_own_engine(spec: ModelSpec, where: str) -> None:
    for name in ("engine", "lora", "chat_template", "download"):
        if name in spec.model_fields_set:
            raise RecipeError(
                f"{name} is for models that run in this process",
                where=where,
                cure=f"write vllm:PATH_OR_NAME as the model, or set {name} where the server is started",
            )


def _check_served(spec: ModelSpec, where: str) -> None:
    if spec.backend != "openai":
        raise RecipeError(
            f"serve starts a server, and {spec.model} is asked without one",
            where=where,
            cure=f"write openai:{spec.name} as the model, or remove serve",
        )
    for name in ("base_url", "api_key_env"):
        if getattr(spec, name) is not None:
            raise RecipeError(
                f"{name} and serve exclude each other: gristmill chooses address and key of its own server",
                where=where,
                cure=f"remove {name}, or remove serve if the server runs already",
            )


def _check_url(spec: ModelSpec, where: str) -> None:
    if spec.base_url is None:
        return
    try:
        parts = urlsplit(spec.base_url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise RecipeError(
            f"base_url {spec.base_url!r} is no address", where=where, cure="write http://HOST:PORT/v1"
        )
    if parts.query:
        raise RecipeError(
            "base_url holds a query (?…)", where=where, cure="end it at /v1; use api_key_env for the secret"
        )
    if parts.username or parts.password:
        raise RecipeError(
            "base_url holds a user name or password", where=where, cure="use api_key_env for the secret"
        )


def create_backend(
    spec: ModelSpec, environ: Mapping[str, str] | None = None, *, engines: Engines | None = None
) -> Backend:
    """The backend of a model; connects to nothing yet. ``engines`` are what ``vllm:`` models run in.

    Raises:
        RecipeError: see :func:`validate_spec`.
        ModelConfigError: the environment variable with the key is not set.
    """
    validate_spec(spec)
    if spec.backend == "offline":
        from gristmill.models.backends.offline import OfflineBackend

        return OfflineBackend()
    if spec.backend == "vllm":
        from gristmill.models.inprocess.backend import VllmBackend
        from gristmill.models.inprocess.engines import Engines

        return VllmBackend(spec, engines or Engines([spec], None), owns=engines is None)
    if spec.serve is not None:
        from gristmill.models.serving.backend import ServedBackend

        return ServedBackend(spec, spec.serve)
    from gristmill.models.backends.openai_api import OpenAIBackend

    return OpenAIBackend(spec, os.environ if environ is None else environ)


def needs_key(spec: ModelSpec, environ: Mapping[str, str]) -> str | None:
    """Name of the environment variable that must hold the model's key but does not; None when all is well.

    A server on this machine needs no key unless ``api_key_env`` names one.
    """
    name = key_variable(spec, environ)
    return name if name is not None and not environ.get(name) else None


def key_variable(spec: ModelSpec, environ: Mapping[str, str]) -> str | None:
    """Name of the environment variable that the key is taken from, None when none is needed."""
    if spec.backend != "openai":
        return None
    if spec.api_key_env is not None:
        return spec.api_key_env
    url = base_url(spec, environ)
    return None if url is not None and _is_loopback(url) else "OPENAI_API_KEY"


def base_url(spec: ModelSpec, environ: Mapping[str, str]) -> str | None:
    """The endpoint: the recipe's, else ``OPENAI_BASE_URL`` (as the official client does), else None.

    For a server that is yet to be started it is a name of its own, which leads nowhere.
    """
    if spec.serve is not None:
        return spec.serve.alias(spec.name)
    return spec.base_url or environ.get("OPENAI_BASE_URL") or None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
