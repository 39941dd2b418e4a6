"""Which models a recipe may name, which keys they need, and whether they can be reached."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.openai_server import OpenAIServer

from gristmill.errors import GristmillError, RecipeError
from gristmill.models import ModelSpec, backend_names, check_models, needs_key, validate_spec
from gristmill.models.spec import Price

KEYS = [
    ({}, {}, "OPENAI_API_KEY"),
    ({}, {"OPENAI_API_KEY": "sk-1"}, None),
    ({"base_url": "http://127.0.0.1:8000/v1"}, {}, None),
    ({"base_url": "http://localhost:8000/v1"}, {}, None),
    ({"base_url": "http://[::1]:8000/v1"}, {}, None),
    ({"base_url": "https://models.example/v1"}, {}, "OPENAI_API_KEY"),
    ({"base_url": "http://127.0.0.1.models.example/v1"}, {}, "OPENAI_API_KEY"),
    ({"base_url": "http://127.0.0.1:8000/v1", "api_key_env": "MINE"}, {}, "MINE"),
    ({"api_key_env": "MINE"}, {"OPENAI_API_KEY": "sk-1"}, "MINE"),
    ({"api_key_env": "MINE"}, {"MINE": "sk-2"}, None),
    ({}, {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, None),
]


@pytest.mark.parametrize(("more", "environ", "missing"), KEYS)
def test_which_key_is_missing(more: dict[str, str], environ: dict[str, str], missing: str | None) -> None:
    assert needs_key(ModelSpec(model="openai:m", **more), environ) == missing


def test_the_offline_model_needs_no_key() -> None:
    assert needs_key(ModelSpec(model="offline:extractive"), {}) is None


WRONG: list[tuple[str, str | None, type[GristmillError], str]] = [
    ("anthropic:x", None, RecipeError, "known backend: offline, openai"),
    ("gpt-4o-mini", None, RecipeError, "known backend: offline, openai"),
    ("openai:", None, RecipeError, "names no model"),
    ("offline:magic", None, RecipeError, "known: offline:extractive"),
    ("openai:m", "localhost:8000/v1", RecipeError, "no address"),
    ("openai:m", "http://me:secret@host/v1", RecipeError, "api_key_env"),
]


@pytest.mark.parametrize(("model", "url", "kind", "said"), WRONG)
def test_a_model_that_cannot_be_says_what_to_write(
    model: str, url: str | None, kind: type[GristmillError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        validate_spec(ModelSpec(model=model, base_url=url), where="recipe.yaml:7")
    assert said in str(caught.value)
    assert str(caught.value).startswith("recipe.yaml:7: ")
    assert "me:secret" not in str(caught.value)


def test_backend_names() -> None:
    assert backend_names() == ["offline", "openai", "vllm"]


async def test_each_role_is_tried_and_a_failure_is_a_result() -> None:
    with OpenAIServer(models=("test-model", "b")) as server, OpenAIServer(key="sk-other") as locked:
        checks = await check_models(
            {
                "good": ModelSpec(model="openai:b", base_url=server.url, price=Price(input=1, output=2)),
                "unlisted": ModelSpec(model="openai:c", base_url=server.url),
                "locked": ModelSpec(model="openai:c", base_url=locked.url),
                "gone": ModelSpec(model="openai:c", base_url="http://127.0.0.1:9/v1"),
                "later": ModelSpec(model="vllm:c"),
            }
        )
    assert [(c.role, c.ok) for c in checks] == [
        ("good", True),
        ("unlisted", False),
        ("locked", False),
        ("gone", False),
        ("later", False),
    ]
    details = [c.detail for c in checks]
    assert [
        word in text
        for word, text in zip(
            ["lists it", "test-model", "api_key_env", "no connection", "vllm:"], details, strict=True
        )
    ] == [True] * 5
    assert (checks[0].price, checks[1].price) == (Price(input=1, output=2), None)


def test_importing_the_door_loads_no_client() -> None:
    heavy = ["openai", "aiohttp", "jsonschema", "genai_prices"]
    code = f"import sys, gristmill.models; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
