"""The test server itself: other tests rest on what it promises."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.openai_replies import answer, instance
from support.openai_server import OpenAIServer

PASSAGE = (
    "The tide mill at Carrow has two wheels of different size. The larger wheel turns only while the ebb "
    "runs, for about five hours. Grain is stored in the loft because the floor below is damp in winter."
)
TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PAIR = closed(
    question=TEXT, answer=TEXT, evidence=TEXT, type={"type": "string", "enum": ["factual", "reason"]}
)
CRITERION = closed(id=TEXT, met={"type": "boolean"}, quote=TEXT, reason=TEXT)
SCHEMAS = {
    "pairs": closed(pairs={"type": "array", "items": PAIR}),
    "summary": closed(summary=TEXT),
    "rewrite": closed(rewrite=TEXT),
    "response": closed(response=TEXT, changed=TEXT),
    "score": closed(score={"type": "number", "minimum": 0, "maximum": 10}, reason=TEXT),
    "criteria": closed(criteria={"type": "array", "items": CRITERION}),
    "odd": closed(
        a={"type": "integer", "minimum": 3, "maximum": 4},
        b={"type": ["string", "null"], "minLength": 40},
        c={"type": "array", "minItems": 3, "items": {"$ref": "#/$defs/d"}},
        e={"anyOf": [{"const": 5}, {"type": "null"}]},
    )
    | {"$defs": {"d": closed(f={"type": "boolean"}, g={"enum": [1, 2]})}},
}


def asked(
    schema: dict[str, Any] | None, fence: str = "<<<{0} a1>>>\n{1}\n<<<END {0} a1>>>"
) -> dict[str, Any]:
    parts = {"PASSAGE": PASSAGE, "RESPONSE": "The larger wheel of the mill turns while the ebb runs."}
    text = "\n\n".join(fence.format(name, part) for name, part in parts.items())
    criteria = [{"id": "exact", "text": "x"}, {"id": "whole", "text": "y"}]
    task = f"{text}\n\nUp to 2 pairs.\nCriteria:\n{json.dumps(criteria)}"
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": task}]}
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return body


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_answers_fit_their_schema(name: str) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMAS[name])
    answers = [json.loads(answer(asked(SCHEMAS[name]), random.Random(seed))) for seed in range(20)]
    assert [list(validator.iter_errors(given)) for given in answers] == [[]] * 20


def test_pairs_quote_the_passage_word_for_word() -> None:
    pairs = json.loads(answer(asked(SCHEMAS["pairs"]), random.Random(1)))["pairs"]
    assert len(pairs) == 2
    assert all(pair["evidence"] in PASSAGE for pair in pairs)


def test_criteria_are_those_asked_about_and_met_ones_are_quoted() -> None:
    judged = [json.loads(answer(asked(SCHEMAS["criteria"]), random.Random(i)))["criteria"] for i in range(30)]
    assert {tuple(c["id"] for c in criteria) for criteria in judged} == {("exact", "whole")}
    assert {(c["met"], bool(c["quote"])) for criteria in judged for c in criteria} == {
        (True, True),
        (False, False),
    }


def test_faults_are_rarely_found() -> None:
    body = asked(SCHEMAS["criteria"])
    body["messages"][0]["content"] = f"{PASSAGE}\n- exact: is it exact\n- wrong (a fault): is it wrong"
    met = [c for i in range(50) for c in json.loads(answer(body, random.Random(i)))["criteria"] if c["met"]]
    assert sum(c["id"] == "exact" for c in met) > 40 > 10 > sum(c["id"] == "wrong" for c in met)


def test_plain_text_is_from_the_passage() -> None:
    assert answer(asked(None), random.Random(0)) in PASSAGE


def test_an_instance_of_a_bare_schema() -> None:
    assert instance({"type": "string", "maxLength": 5}, random.Random(0), {}) == "words"


def post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_what_fails_depends_on_the_request_the_seed_and_the_attempt() -> None:
    runs = []
    for seed in (1, 1, 2):
        with OpenAIServer(p429=0.3, p500=0.2, seed=seed) as server:
            runs.append([post(server.url, asked(None) | {"seed": i})[0] for i in range(12) for _ in range(3)])
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 429, 500}


def test_the_same_request_gets_the_same_answer_and_is_counted() -> None:
    with OpenAIServer() as server:
        first, second = (post(server.url, asked(SCHEMAS["pairs"]))[1] for _ in range(2))
        assert first["choices"] == second["choices"]
        assert list(server.repeated.values()) == [2]


def test_broken_json_is_no_json() -> None:
    with OpenAIServer(broken=1.0) as server:
        for i in range(20):
            status, body = post(server.url, asked(SCHEMAS["pairs"]) | {"seed": i})
            assert status == 200
            with pytest.raises(json.JSONDecodeError):
                json.loads(body["choices"][0]["message"]["content"])


def test_it_runs_as_a_program_that_prints_its_address_first() -> None:
    command = [
        sys.executable,
        "-m",
        "support.openai_server",
        "--port",
        "0",
        "--p429",
        "0.1",
        "--broken",
        ".05",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert post(url, asked(None))[0] in {200, 429}
    process.send_signal(signal.SIGTERM)
    assert json.loads(process.stdout.read())["requests"] == 1
    assert process.wait(timeout=20) == 0
