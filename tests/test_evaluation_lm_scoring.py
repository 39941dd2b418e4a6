"""Raw prompts and log-likelihoods through the door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.lm_runs import model
from support.lm_server import LIKED, LmServer, sent

from gristmill.errors import ModelConfigError, RecipeError, UsageError
from gristmill.models import Door, ModelSpec, Request, check_models, raw_prompt, validate_spec
from gristmill.models.keys import request_key
from gristmill.models.scoring import Score, score_request
from gristmill.recipe import load_recipe
from gristmill.records import Message

USER: Message = {"role": "user", "content": "Who turns the stone?"}


async def score(server: LmServer, context: str, continuation: str, cache: Path | None = None) -> Score:
    async with Door({"m": model(server, "completions")}, cache=cache) as door:
        return await door.score("m", [raw_prompt(context)] if context else [], continuation)


@pytest.mark.parametrize("bos", [False, True])
async def test_only_the_continuation_counts(bos: bool) -> None:
    with LmServer(bos=bos) as server:
        found = await score(server, "Who turns the stone?", " The wind")
        before = "<s>" * bos + "Who turns the stone?"
        wanted = server.logprob("test-model", " The", before) + server.logprob(
            "test-model", " wind", before + " The"
        )
        assert sent(server) == 1
    assert found.logprob == pytest.approx(wanted)
    assert (found.tokens, found.greedy) == (2, False)


async def test_letters_of_several_tokens_before_and_in_the_continuation() -> None:
    with LmServer(likes={"test-model": ["A"]}) as server:
        found = await score(server, "谁转动石头？", " A")
        assert (found.logprob, found.greedy, found.tokens) == (LIKED, True, 1)
        assert sent(server) == 1
        found = await score(server, "谁转动石头？", "风")  # two tokens, the first without a text
        assert found.tokens == 2
        assert sent(server) == 3


async def test_a_token_across_the_border_belongs_to_the_context() -> None:
    """As in lm-eval: the tokens of the whole, without as many as the context alone has."""
    with LmServer() as server:
        found = await score(server, "wind", "mill stones")
        assert found.tokens == 1
        assert found.logprob == pytest.approx(server.logprob("test-model", " stones", "windmill"))


async def test_a_whole_text_is_scored_from_its_second_token() -> None:
    with LmServer() as plain, LmServer(bos=True) as marked:
        assert (await score(plain, "", "The wind turns")).tokens == 2
        assert (await score(marked, "", "The wind turns")).tokens == 3


async def test_scores_are_kept_without_their_tokens(tmp_path: Path) -> None:
    with LmServer() as server:
        first = await score(server, "Who?", " The wind", tmp_path / "c.sqlite")
        again = await score(server, "Who?", " The wind", tmp_path / "c.sqlite")
        assert sent(server) == 1
    assert (again.logprob, again.key, again.cached) == (first.logprob, first.key, True)


async def test_parameters_have_no_part_in_a_score() -> None:
    with LmServer() as server:
        spec = model(server, "completions", params={"temperature": 1.0, "max_tokens": 90})
        async with Door({"m": spec}, cache=None) as door:
            await door.score("m", [raw_prompt("Who?")], " wind")
            await door.ask_for("m")([raw_prompt("Who?")])
        assert server.bodies[0] == {
            "model": "test-model",
            "prompt": "Who? wind",
            "max_tokens": 1,
            "temperature": 0,
            "echo": True,
            "logprobs": 1,
        }
        assert server.bodies[1] == {
            "model": "test-model",
            "prompt": "Who?",
            "temperature": 1.0,
            "max_tokens": 90,
        }


async def test_a_server_without_echo_is_told_apart() -> None:
    with LmServer(echo=False) as server, pytest.raises(ModelConfigError, match="no log prob") as error:
        await score(server, "Who?", " wind")
    assert error.value.kind == "no-echo"


@pytest.mark.parametrize("transport", ["lean", "official"])
async def test_both_transports(transport: str) -> None:
    with LmServer(lambda body: "the wind") as server:
        async with Door({"m": model(server, "completions", transport=transport)}, cache=None) as door:
            answers = await door.ask_for("m")([raw_prompt("Who?")], n=1)
    assert [answer.text for answer in answers] == ["the wind"]


async def test_endpoints_take_what_they_are_made_for() -> None:
    with LmServer() as server:
        specs = {"chat": model(server), "text": model(server, "completions")}
        async with Door(specs, cache=None) as door:
            for role, turn in (("chat", raw_prompt("Who?")), ("text", USER)):
                with pytest.raises(UsageError, match="was asked of a"):
                    await door.ask_for(role)([turn])
            with pytest.raises(UsageError, match="log-likelihoods were asked of it"):
                await door.score("chat", [raw_prompt("Who?")], " wind")
        assert sent(server) == 0


def test_offline_models_have_no_endpoint() -> None:
    with pytest.raises(RecipeError, match="has no endpoint"):
        validate_spec(ModelSpec(model="offline:extractive", endpoint="completions"))


def test_a_recipe_wants_chat_models(tmp_path: Path) -> None:
    told = {"writer": {"model": "openai:x", "base_url": "http://127.0.0.1:9/v1", "endpoint": "completions"}}
    recipe = {"name": "x", "documents": ["d"], "models": told, "generate": [{"use": "qa", "model": "writer"}]}
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump({**recipe, "accept": "1 > 0"}, sort_keys=False))
    with pytest.raises(RecipeError, match="asks chats") as error:
        load_recipe(path)
    assert error.value.where.endswith("r.yaml:8")


async def test_the_model_check_asks_a_completions_endpoint() -> None:
    with LmServer(models=()) as server:
        [result] = await check_models({"m": model(server, "completions")})
    assert (result.ok, result.detail) == (True, "reached; it answers")


def test_keys_tell_everything_apart() -> None:
    class Named:
        uses_task = False

        def __init__(self, name: str) -> None:
            self.name = name

    def key(name: str, *messages: Message) -> str:
        made: Any = Named(name)
        return request_key(made, Request(name, messages, {"max_tokens": 1}))

    chat: Message = {"role": "user", "content": "Who?"}
    scored = score_request("a", [raw_prompt("Who?")], " wind").messages
    other = score_request("a", [raw_prompt("Who? ")], "wind").messages
    keys = [key("a", chat), key("a", raw_prompt("Who?")), key("b", raw_prompt("Who?"))]
    keys += [key("a", *scored), key("b", *scored), key("a", *other)]
    assert len(set(keys)) == len(keys)
