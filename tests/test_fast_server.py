"""The server of the benchmarks: its answers pass the gates, and its counts can be trusted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.engine_runs import corpus, finish, recipe, start
from support.fast_server import reply

from gristmill_generators.prompts import QA
from gristmill_generators.schemas import PAIRS, SUMMARY

PASSAGE = 'A tide mill uses the sea. "Ebb" is when it falls.\nGrain is kept in the loft: it is dry there.'


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "support.fast_server", "--latency", "0.01", "--sigma", "0.5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGTERM)
    assert '"requests"' in process.communicate(timeout=20)[0]


def asked(schema: dict[str, Any], passage: str = PASSAGE) -> bytes:
    text = f"<<<PASSAGE a1>>>\n{passage}\n<<<END PASSAGE a1>>>\n\n{QA.format(count=2, types='factual')}"
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    return json.dumps({"messages": [{"role": "user", "content": text}], "response_format": wanted}).encode()


@pytest.mark.parametrize(
    "passage", [PASSAGE, "no sentence here", 'A\n"B"\n\\C', "Ümläute 🍞 are in this sentence."]
)
@pytest.mark.parametrize("schema", [PAIRS, SUMMARY])
def test_its_answers_fit_the_schema(schema: dict[str, Any], passage: str) -> None:
    said = json.loads(reply(asked(schema, passage), 1))
    content = json.loads(said["choices"][0]["message"]["content"])
    jsonschema.validate(content, schema)
    assert all(pair["evidence"] in passage for pair in content.get("pairs", []))


def test_a_run_accepts_its_rows_and_the_counts_agree(tmp_path: Path, url: str) -> None:
    corpus(tmp_path / "docs.jsonl", 60)
    path = recipe(tmp_path, url, ", concurrency: 20")
    path.write_text(path.read_text().partition("score:")[0])
    summary, _ = finish(start(path))
    assert (summary["accepted"], summary["planned"]) == (120, 120)
    with urllib.request.urlopen(url.replace("/v1", "/stats?reset")) as answer:
        stats = json.load(answer)
    assert (stats["requests"], stats["distinct"], stats["active"], stats["dropped"]) == (60, 60, 0, 0)
    assert 0 < stats["mean_in_flight"] <= stats["peak"] <= 20
    with urllib.request.urlopen(url.replace("/v1", "/stats")) as answer:
        assert json.load(answer)["requests"] == 0
