"""The backend ``offline:extractive``, task by task, as the model door sees it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gristmill.errors import ModelConfigError
from gristmill.models.backends.offline import OfflineBackend, approximate_tokens
from gristmill.models.extractive import RULES_VERSION
from gristmill.models.types import Reply, Request, Task

PASSAGE = """## Composting

Compost is decayed plant material that improves the structure of soil. A heap heats up because bacteria
release energy as they break down sugars. To turn a heap, lift the material with a fork and drop it into a
second bay. Seedlings must not be planted in pure compost, because it contains too many salts. Worms move
in when the heap has cooled down.
"""
INPUTS = {"passage": PASSAGE, "heading_path": ["Composting"], "document_title": "Composting"}


async def ask(name: str, sample: int = 0, **inputs: Any) -> Reply:
    message = {"role": "user", "content": "Do it, please."}
    request = Request("m", (message,), sample=sample, task=Task(name, {**INPUTS, **inputs}))  # type: ignore[arg-type]
    return await OfflineBackend().complete(request, timeout=5)


async def test_questions_come_as_json_with_evidence() -> None:
    reply = await ask("qa", count=2, types=[])
    pairs = orjson.loads(reply.text)["pairs"]
    assert [sorted(pair) for pair in pairs] == [["answer", "evidence", "question", "type"]] * 2
    assert all(pair["evidence"] in PASSAGE for pair in pairs)
    assert reply.finish_reason == "stop"
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (4, approximate_tokens(reply.text))


async def test_a_passage_without_questions_gives_an_empty_list() -> None:
    reply = await ask("qa", passage="Hello there!", count=2, types=[])
    assert orjson.loads(reply.text) == {"pairs": []}


async def test_summary_keeps_the_order_of_the_passage() -> None:
    summary = orjson.loads((await ask("summary")).text)["summary"]
    places = [" ".join(PASSAGE.split()).find(part) for part in summary.split(". ")]
    assert len(places) >= 2
    assert places == sorted(places)
    assert -1 not in places


@pytest.mark.parametrize(("style", "start"), [("bullets", "- "), ("plain", "Compost is"), ("steps", "")])
async def test_rewriting(style: str, start: str) -> None:
    text = orjson.loads((await ask("rewrite", style=style)).text)["rewrite"]
    assert text.startswith(start)
    assert bool(text) == bool(start)


async def test_steps_are_numbered_where_there_are_some() -> None:
    passage = "- Fill the kettle with water.\n- Boil the water.\n- Pour it over the leaves.\n\nThat is all."
    text = orjson.loads((await ask("rewrite", passage=passage, style="steps")).text)["rewrite"]
    assert text == "1. Fill the kettle with water.\n2. Boil the water.\n3. Pour it over the leaves."


async def test_answers_are_plain_text_and_differ_by_sample() -> None:
    question = "Why does a heap heat up?"
    first = await ask("answer", question=question)
    assert first.text == "A heap heats up because bacteria release energy as they break down sugars."
    assert (await ask("answer", sample=1, question=question)).text != first.text


async def test_a_question_that_the_passage_does_not_answer() -> None:
    reply = await ask("answer", question="Who painted Guernica in Paris?")
    assert reply.text == "The passage does not answer this question."


@pytest.mark.parametrize("fault", ["unsupported_claim", "omission", "off_topic"])
async def test_corruption_says_what_it_changed(fault: str) -> None:
    question, response = (
        "Why does a heap heat up?",
        "A heap heats up because bacteria release energy as they break down sugars.",
    )
    made = orjson.loads((await ask("corrupt", question=question, response=response, fault=fault)).text)
    assert made["response"] not in ("", response)
    assert made["changed"]
    ratings = [
        orjson.loads((await ask("rate", question=question, response=text)).text)["score"]
        for text in (response, made["response"])
    ]
    assert 0 <= ratings[1] < ratings[0] <= 10


async def test_an_unknown_fault_changes_nothing() -> None:
    reply = await ask("corrupt", question="What is compost?", response="Compost is soil.", fault="typo")
    assert orjson.loads(reply.text) == {"response": "", "changed": ""}


async def test_a_rubric_is_answered_criterion_by_criterion() -> None:
    criteria = [
        {"id": "a", "text": "supported by the passage", "points": 3},
        {"id": "b", "text": "rhymes", "points": 1},
    ]
    answer = "Compost is decayed plant material that improves the structure of soil."
    reply = await ask("rubric", question="What is compost?", response=answer, reference="", criteria=criteria)
    rows = orjson.loads(reply.text)["criteria"]
    assert [(row["id"], row["met"], bool(row["quote"])) for row in rows] == [
        ("a", True, True),
        ("b", False, False),
    ]


@pytest.mark.parametrize("task", [None, Task("translate", {})])
async def test_other_tasks_need_a_model(task: Task | None) -> None:
    with pytest.raises(ModelConfigError, match="rules") as caught:
        await OfflineBackend().complete(Request("m", (), task=task), timeout=5)
    assert caught.value.kind == "unsupported-task"
    assert "openai:" in caught.value.cure


async def test_the_same_request_always_gets_the_same_reply() -> None:
    replies = {(await ask("qa", count=4, types=[])).text for _ in range(3)}
    assert len(replies) == 1
    assert OfflineBackend.name == f"offline:extractive@{RULES_VERSION}"
