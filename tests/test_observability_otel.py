"""OpenTelemetry: what a real collector on loopback gets from a real run, and when it gets nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.openai_server import OpenAIServer
from support.otlp_collector import Collector, attributes
from support.projects import gristmill, make_project

from gristmill.models.tracing import start_tracing

pytest.importorskip("opentelemetry.sdk", reason="gristmill[otel] is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="gristmill[otel] is not installed")

SECRET = "wr0ng-s3cret"
ROLE = ", api_key_env: VILLAGE_KEY, price: {input: 1, output: 2}, params: {temperature: 0.5, seed: 7}"


def run(folder: Path, server: OpenAIServer, code: int = 0, options: str = ROLE, **env: str) -> str:
    recipe = make_project(folder, f'"openai:test-model", base_url: "{server.url}"{options}')
    done = gristmill("run", recipe, env={**os.environ, "VILLAGE_KEY": SECRET, **env})
    assert done.returncode == code, done.stderr
    return done.stderr


def test_a_run_gives_spans_of_chunks_and_calls(tmp_path: Path) -> None:
    with Collector() as collector, OpenAIServer() as server:
        run(tmp_path, server, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        spans = collector.spans()
        calls = [span for span in spans if span.name == "chat test-model"]
        chunks = {span.span_id: span for span in spans if span.name == "gristmill.chunk"}
        [whole] = [span for span in spans if span.name == "gristmill.run"]
        assert len(calls) == server.answered.total() == len(chunks)
        assert collector.services() == {"gristmill"}
    assert {call.parent_span_id for call in calls} == set(chunks)
    assert {link.span_id for chunk in chunks.values() for link in chunk.links} == {whole.span_id}
    assert all(call.trace_id == chunks[call.parent_span_id].trace_id != whole.trace_id for call in calls)
    assert attributes(whole)["gristmill.run.status"] == "done"
    assert attributes(whole)["gristmill.calls.sent"] == len(calls)


def test_attributes_follow_the_conventions_and_hold_no_text_and_no_key(tmp_path: Path) -> None:
    with Collector() as collector, OpenAIServer(latency=0.02) as server:
        run(tmp_path, server, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        call = next(span for span in collector.spans() if span.name == "chat test-model")
        told = attributes(call)
        assert told["server.address"] == "127.0.0.1"
        assert f":{told['server.port']}/" in server.url
        assert SECRET.encode() not in collector.everything()
        assert b"groundwater" not in collector.everything()
    assert (told["gen_ai.operation.name"], told["gen_ai.provider.name"]) == ("chat", "openai")
    assert (told["gen_ai.request.model"], told["gen_ai.output.type"]) == ("test-model", "json")
    assert (told["gen_ai.request.temperature"], told["gen_ai.request.seed"]) == (0.5, 7)
    assert told["gen_ai.response.finish_reasons"] == ["stop"]
    assert min(told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) > 0
    assert told["gristmill.cost_usd"] > 0
    assert call.end_time_unix_nano - call.start_time_unix_nano > 15_000_000


def test_metrics_count_every_call_and_token(tmp_path: Path) -> None:
    with Collector() as collector, OpenAIServer() as server:
        run(tmp_path, server, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        spans = [attributes(span) for span in collector.spans() if span.name == "chat test-model"]
        metrics = collector.metrics()
    duration = metrics["gen_ai.client.operation.duration"]
    assert (duration.unit, sum(point.count for point in duration.histogram.data_points)) == ("s", len(spans))
    usage = {
        attributes(p)["gen_ai.token.type"]: p.sum
        for p in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert usage == {
        kind: sum(span[f"gen_ai.usage.{kind}_tokens"] for span in spans) for kind in ("input", "output")
    }


def test_a_failed_call_is_an_error_span_with_its_kind_and_without_a_message(tmp_path: Path) -> None:
    options = ", api_key_env: VILLAGE_KEY, retries: 1"
    with Collector() as collector, OpenAIServer(p500=1.0) as server:
        run(tmp_path, server, 4, options, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        calls = [span for span in collector.spans() if span.name == "chat test-model"]
    told = attributes(calls[0])
    assert calls[0].status.code == 2
    assert calls[0].status.message == ""
    assert told["error.type"] == told["gristmill.retried_for"][0]
    assert told["gristmill.attempts"] == 2
    assert "gen_ai.usage.input_tokens" not in told


def test_only_the_signals_asked_for_are_sent(tmp_path: Path) -> None:
    with Collector() as collector, OpenAIServer() as server:
        where = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRICS_EXPORTER": "none"}
        run(tmp_path, server, **where, OTEL_SERVICE_NAME="mill-7")
        assert {path for path, _ in collector.bodies} == {"/v1/traces"}
        assert collector.services() == {"mill-7"}


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
OFF = [
    {},
    {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
    {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
]


@pytest.mark.parametrize("environ", OFF)
def test_nothing_happens_without_an_endpoint(environ: dict[str, str]) -> None:
    assert start_tracing(environ) is None


def test_without_an_endpoint_opentelemetry_is_not_even_loaded(tmp_path: Path) -> None:
    code = "import sys; from gristmill.cli import main; sys.argv = ['gristmill', 'run', sys.argv[1]]\n"
    code += "try: main()\nexcept SystemExit: print([m for m in sys.modules if m.startswith('opentelemetry')])"
    recipe = make_project(tmp_path)
    done = subprocess.run([sys.executable, "-c", code, recipe], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_dead_collector_does_not_fail_the_run(tmp_path: Path) -> None:
    with OpenAIServer() as server:
        said = run(tmp_path, server, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:9/v1/traces")
    assert "balances" in said
    assert SECRET not in said


def test_a_missing_sdk_is_told_with_the_cure(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['opentelemetry'] = None\n"
    code = blocked + "from gristmill.models.tracing import start_tracing; print(start_tracing())"
    env = {**os.environ, **ENDPOINT}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout.strip() == "None"
    assert "pip install 'gristmill[otel]'" in done.stderr
