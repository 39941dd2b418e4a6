"""``serve`` of a model: what a recipe may say, and what is run then."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.served import serve

from gristmill.errors import RecipeError
from gristmill.models import ModelSpec, needs_key, validate_spec
from gristmill.models.cost import price_of
from gristmill.models.serving.command import launch_of
from gristmill.models.serving.settings import ServeSpec
from gristmill.models.sharing import place_of
from gristmill.recipe import load_recipe

COMMAND = ["llama-server", "--port", "{port}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"args": ["--port", "80"]}, "--port is set by gristmill"),
        ({"args": ["--served_model_name=x"]}, "--served-model-name is set by gristmill"),
        ({"args": ["--api-key=abc"]}, "--api-key would show in the list of processes"),
        ({"command": COMMAND}, "engine: vllm takes no command"),
        ({"engine": "command", "command": ["x"]}, "with {port} in it"),
        ({"engine": "command"}, "with {port} in it"),
        ({"engine": "command", "command": COMMAND, "args": ["x"]}, "engine: command takes no args"),
        ({"engine": "command", "command": [*COMMAND, "--api-key", "k"]}, "--api-key would show"),
        ({"env": {"HF_TOKEN": "hf_1"}}, "HF_TOKEN looks like a secret"),
        ({"env": {"VLLM_API_KEY": "k"}}, "VLLM_API_KEY looks like a secret"),
        ({"engine": "command", "command": COMMAND, "health": "ready"}, "health"),
        ({"start_timeout": 0}, "start_timeout"),
        ({"engine": "sglang"}, "'vllm' or 'command'"),
        ({"pyhton": "x"}, "pyhton"),
    ],
)
def test_wrong_settings(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ServeSpec.model_validate(given)
    assert said in str(caught.value)
    assert "hf_1" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"base_url": "http://127.0.0.1:1/v1"}, "base_url and serve exclude each other"),
        ({"api_key_env": "KEY"}, "api_key_env and serve exclude each other"),
        ({"model": "vllm:tiny"}, "is asked without one"),
    ],
)
def test_a_server_that_nobody_needs(more: dict[str, Any], said: str) -> None:
    given = ModelSpec.model_validate({"model": "openai:tiny", "serve": serve(), **more})
    with pytest.raises(RecipeError, match=said):
        validate_spec(given, where="models.writer")


def test_a_misspelt_key_names_the_nearest(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: r\ndocuments: [d.md]\ngenerate: [{use: qa, model: w}]\n"
        "models:\n  w:\n    model: openai:tiny\n    serve:\n      pyton: python3\n"
    )
    with pytest.raises(RecipeError, match="did you mean 'python'") as caught:
        load_recipe(recipe)
    assert caught.value.where == f"{recipe}:8"


def test_vllm_with_the_python_of_another_environment(tmp_path: Path) -> None:
    how = ServeSpec(python="env/bin/python", args=("--max-model-len", 4096), env={"A": 1})  # type: ignore[arg-type]
    how.place(tmp_path, tmp_path / "x.duckdb")
    environ = {"PATH": "/bin", "PYTHONPATH": "/ours", "HOME": "/root"}
    launch = launch_of(how, "tiny", 4711, "the-key", environ)
    python = str(tmp_path / "env/bin/python")
    assert launch.argv[:7] == (python, "-m", "vllm.entrypoints.openai.api_server", "--model", "tiny",
                               "--served-model-name", "tiny")  # fmt: skip
    assert launch.argv[-2:] == ("--max-model-len", "4096")
    assert (launch.url, launch.health) == ("http://127.0.0.1:4711/v1", "http://127.0.0.1:4711/health")
    assert launch.env == {
        "PATH": f"{tmp_path}/env/bin:/bin",
        "HOME": "/root",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "A": "1",
        "VLLM_API_KEY": "the-key",
    }
    assert "the-key" not in " ".join(launch.argv) + repr(launch)


def test_vllm_beside_gristmill_keeps_its_environment(tmp_path: Path) -> None:
    launch = launch_of(ServeSpec(model="./m"), "tiny", 1, "k", {"PYTHONPATH": "/ours", "PATH": "/bin"})
    assert launch.argv[:5] == (sys.executable, "-m", launch.argv[2], "--model", "./m")
    assert (launch.env["PYTHONPATH"], launch.env["PATH"]) == ("/ours", "/bin")


def test_any_other_server(tmp_path: Path) -> None:
    how = ServeSpec(
        engine="command",
        command=("bin/server", "-m", "x.gguf", "--port={port}", "--host", "{host}", "--alias", "{name}"),
        api_path="/api/v1",
    )
    how.place(tmp_path, tmp_path / "x.duckdb")
    launch = launch_of(how, "tiny", 99, "k", {})
    assert launch.argv[0] == str(tmp_path / "bin/server")
    assert launch.argv[3:] == ("--port=99", "--host", "127.0.0.1", "--alias", "tiny")
    assert launch.health == "http://127.0.0.1:99/api/v1/models"
    assert (launch.env, launch.key) == ({}, "")  # it cannot be told a key, so none is sent


def test_equal_settings_are_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.org/v1")
    one = ModelSpec(model="openai:gpt-4o-mini", serve=ServeSpec(log="a.log"), params={"top_p": 0.5})
    two = ModelSpec(model="openai:gpt-4o-mini", serve=ServeSpec())
    other = ModelSpec(model="openai:gpt-4o-mini", serve=ServeSpec(args=("--enforce-eager",)))
    assert place_of(one, {}) == place_of(two, {}) != place_of(other, {})
    assert place_of(one).host.endswith(".localhost")
    assert needs_key(one, {}) is None
    assert price_of(one) is None  # it only has the name of a model that has a price
