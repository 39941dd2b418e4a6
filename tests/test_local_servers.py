"""What servers on one's own machine do differently, as far as it was seen or is documented."""

from __future__ import annotations

import pytest
from support.openai_server import OpenAIServer, Scripted

from gristmill.models import Door, ModelSpec, RetryPolicy
from gristmill.models.backends.chat import wants_one_sample

ASKED = [{"role": "user", "content": "What is a mill?"}]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "Only one completion choice is allowed"),
        (400, "field n_cmpl: 3 is more than 1"),
        (422, "'n' is not supported"),
    ],
)
async def test_samples_of_a_server_that_gives_one(status: int, said: str) -> None:
    with OpenAIServer() as server:
        server.script.append(Scripted(status=status, body={"error": {"message": said}}))
        spec = ModelSpec(model="openai:local", base_url=server.url)
        async with Door({"w": spec}, cache=None, retry=RetryPolicy(base=0.01)) as door:
            answers = await door.ask_for("w")(ASKED, n=3)
        assert len(answers) == 3
        assert [body.get("n", 1) for body in server.bodies] == [3, 1, 1, 1]


@pytest.mark.parametrize("said", ["the server is on fire", "context length exceeded", "no such model: n"])
def test_other_refusals_are_not_about_samples(said: str) -> None:
    assert not wants_one_sample(said)
