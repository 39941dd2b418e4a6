"""Where models run: which backends there are, and how one is made from a recipe's model."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from gristmill.errors import ModelConfigError, RecipeError
from gristmill.models.spec import ModelSpec
from gristmill.models.types import Backend

_BACKENDS = ("offline", "openai")
_OFFLINE_MODELS = ("extractive",)


def backend_names() -> list[str]:
    """Backends that a recipe's ``models`` can name before the colon."""
    return sorted(_BACKENDS)


def validate_spec(spec: ModelSpec, *, where: str = "") -> None:
    """Check that a model's backend exists, without loading it or reaching the model.

    Raises:
        RecipeError: unknown backend or offline model, or no model name.
        ModelConfigError: ``vllm:`` (kind ``vllm-in-process``), which this version reaches as a server.
    """
    if spec.backend == "vllm":
        raise ModelConfigError(
            f"{spec.model}: this version does not run vLLM inside its own process",
            kind="vllm-in-process",
            where=where,
            cure=f"start `vllm serve {spec.name or 'MODEL'}` and write "
            f'model: "openai:{spec.name or "MODEL"}", base_url: "http://127.0.0.1:8000/v1"',
        )
    if spec.backend not in _BACKENDS:
        raise RecipeError(
            f"unknown model backend {spec.backend!r} in {spec.model!r}",
            where=where,
            cure=f"write BACKEND:MODEL with a known backend: {', '.join(backend_names())}",
        )
    if not spec.name:
        raise RecipeError(f"{spec.model!r} names no model", where=where, cure="write openai:NAME")
    _check_url(spec, where)
    if spec.backend == "offline" and spec.name not in _OFFLINE_MODELS:
        known = ", ".join(f"offline:{name}" for name in _OFFLINE_MODELS)
        raise RecipeError(f"unknown offline model {spec.model!r}", where=where, cure=f"known: {known}")


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


def create_backend(spec: ModelSpec, environ: Mapping[str, str] | None = None) -> Backend:
    """The backend of a model; connects to nothing yet.

    Raises:
        RecipeError: see :func:`validate_spec`.
        ModelConfigError: the environment variable with the key is not set.
    """
    validate_spec(spec)
    if spec.backend == "offline":
        from gristmill.models.backends.offline import OfflineBackend

        return OfflineBackend()
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
    """The endpoint: the recipe's, else ``OPENAI_BASE_URL`` (as the official client does), else None."""
    return spec.base_url or environ.get("OPENAI_BASE_URL") or None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
