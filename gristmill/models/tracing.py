"""OpenTelemetry export, where its SDK is installed and an OTLP endpoint is named in the environment.

The usual variables count (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_HEADERS``,
``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``, ``OTEL_SDK_DISABLED`` …); without an endpoint nothing is
loaded. Names follow OpenTelemetry's semantic conventions for generative AI. No text of a prompt, an answer
or an error message is exported, and no key: errors are told by their kind.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gristmill import __version__
from gristmill.models.backends import base_url
from gristmill.models.spec import ModelSpec
from gristmill.records import Call

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from gristmill.models.telemetry import Trip

log = logging.getLogger("gristmill.models")
Attributes = dict[str, Any]
SCOPE = "gristmill"
CLOSE_SECONDS = 5.0
OPENAI = "https://api.openai.com/v1"
SIGNALS = ("TRACES", "METRICS")
# The boundaries that the conventions advise.
SECONDS = [0.01 * 2**n for n in range(14)]
TOKENS = [float(4**n) for n in range(14)]
NUMBERS = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed")


class Tracing:
    """Spans and metrics of one run. A chunk is a trace of its own, linked to the run's: a run of a million
    chunks would be a trace that nobody can open. Calls are spans in their chunk's trace."""

    def __init__(
        self, traces: TracerProvider, metrics: MeterProvider, closing: Sequence[Callable[[], None]] = ()
    ) -> None:
        self._closing = closing
        self._tracer = traces.get_tracer(SCOPE, __version__)
        meter = metrics.get_meter(SCOPE, __version__)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "How long an answered or failed call took, its last attempt",
            explicit_bucket_boundaries_advisory=SECONDS,
        )
        self._usage = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens of a call by type",
            explicit_bucket_boundaries_advisory=TOKENS,
        )
        self._places: dict[tuple[str, str | None, str], Attributes] = {}
        self._run: Span | None = None

    def begin(self, run_id: str, recipe: str) -> None:
        """Start the span of the run."""
        told = {"gristmill.run.id": run_id, "gristmill.recipe": recipe}
        self._run = self._tracer.start_span("gristmill.run", attributes=told)

    def end(self, status: str, counts: Mapping[str, int]) -> None:
        """End the span of the run and export what is left; waits some seconds for the collector."""
        if self._run is not None:
            self._run.set_attributes({"gristmill.run.status": status, **counts})
            if status == "failed":
                self._run.set_attribute("error.type", status)
                self._run.set_status(_error())
            self._run.end()
        # Daemons: a collector that does not answer must not hold up the end of the process.
        closers = [threading.Thread(target=close, daemon=True) for close in self._closing]
        for closer in closers:
            closer.start()
        deadline = time.monotonic() + CLOSE_SECONDS
        for closer in closers:
            closer.join(max(0.0, deadline - time.monotonic()))
        if any(closer.is_alive() for closer in closers):
            log.warning("the OpenTelemetry collector does not answer: the last spans or metrics are lost")

    async def walked(self, chunk_id: str, walk: Awaitable[None]) -> None:
        """Await ``walk`` within the span of a chunk; calls sent meanwhile become its children."""
        from opentelemetry.context import Context
        from opentelemetry.trace import Link

        links = [Link(self._run.get_span_context())] if self._run is not None else []
        told = {"gristmill.chunk.id": chunk_id}
        with self._tracer.start_as_current_span(
            "gristmill.chunk",
            context=Context(),
            links=links,
            attributes=told,
            record_exception=False,  # its message may quote the document
            set_status_on_exception=False,
        ):
            await walk

    def answered(self, role: str, call: Call, finish_reason: str, trip: Trip) -> None:
        """Record a call that came back."""
        usage, place = call.usage, self._place(trip.spec, role)
        told = {
            "gen_ai.response.finish_reasons": [finish_reason],
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gristmill.call.key": call.key,
        }
        if call.cost is not None:
            told["gristmill.cost_usd"] = call.cost
        self._span(place, told, trip).end(_nanoseconds(trip.sent + trip.seconds))
        self._duration.record(trip.seconds, place)
        self._usage.record(usage.input_tokens, {**place, "gen_ai.token.type": "input"})
        self._usage.record(usage.output_tokens, {**place, "gen_ai.token.type": "output"})

    def failed(self, role: str, kind: str, trip: Trip) -> None:
        """Record a call that was lost; ``kind`` is the error's."""
        place = self._place(trip.spec, role)
        span = self._span(place, {"error.type": kind}, trip)
        span.set_status(_error())
        span.end(_nanoseconds(trip.sent + trip.seconds))
        self._duration.record(trip.seconds, {**place, "error.type": kind})

    def _span(self, place: Attributes, told: Attributes, trip: Trip) -> Span:
        from opentelemetry.trace import SpanKind

        request = trip.request
        told |= place | _params(request.params)
        told["gen_ai.output.type"] = "text" if request.schema is None else "json"
        told["gristmill.attempts"], told["gristmill.waited_s"] = trip.attempts, trip.waited
        if trip.causes:
            told["gristmill.retried_for"] = list(trip.causes)
        return self._tracer.start_span(
            f"{place['gen_ai.operation.name']} {place['gen_ai.request.model']}",
            kind=SpanKind.CLIENT,
            attributes=told,
            start_time=_nanoseconds(trip.sent),
        )

    def _place(self, spec: ModelSpec, role: str) -> Attributes:
        """What all calls of a role have in common; few values, as metrics want it."""
        key = (role, spec.base_url, spec.endpoint)
        if key not in self._places:
            self._places[key] = {
                "gen_ai.operation.name": "chat" if spec.endpoint == "chat" else "text_completion",
                "gen_ai.request.model": spec.name,
                "gristmill.role": role,
                **_server(spec),
            }
        return self._places[key]


def start_tracing(environ: Mapping[str, str] | None = None) -> Tracing | None:
    """Tracing as the environment asks for it; None when it does not.

    A program around gristmill that has set up the SDK itself keeps its providers: they are used.
    """
    env = os.environ if environ is None else environ
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    wanted = [signal for signal in SIGNALS if _wanted(env, signal)]
    if "opentelemetry.sdk.trace" in sys.modules and (found := _installed()) is not None:
        return found
    if not wanted:
        return None
    try:
        return _own(env, wanted)
    except ImportError as error:
        log.warning(
            "an OTLP endpoint is set, but %s is not installed: nothing is exported; "
            "pip install 'gristmill[otel]' (for grpc also opentelemetry-exporter-otlp-proto-grpc)",
            error.name or "opentelemetry",
        )
        return None


def _wanted(env: Mapping[str, str], signal: str) -> bool:
    exporters = env.get(f"OTEL_{signal}_EXPORTER", "otlp").split(",")
    return "otlp" in [name.strip() for name in exporters] and bool(_setting(env, signal, "ENDPOINT"))


def _setting(env: Mapping[str, str], signal: str, name: str) -> str:
    own = env.get(f"OTEL_EXPORTER_OTLP_{signal}_{name}", "").strip()
    return own or env.get(f"OTEL_EXPORTER_OTLP_{name}", "").strip()


def _installed() -> Tracing | None:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.trace import TracerProvider

    provider = trace.get_tracer_provider()
    return Tracing(provider, metrics.get_meter_provider()) if isinstance(provider, TracerProvider) else None


def _own(env: Mapping[str, str], wanted: list[str]) -> Tracing:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = env.get("OTEL_SERVICE_NAME") or "service.name=" in env.get("OTEL_RESOURCE_ATTRIBUTES", "")
    own = {"service.version": __version__} | ({} if named else {"service.name": "gristmill"})
    resource = Resource.create(own)
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    if "TRACES" in wanted:
        exporter = _exporter(env, "TRACES", "trace_exporter", "OTLPSpanExporter")
        traces.add_span_processor(BatchSpanProcessor(exporter))
    readers = []
    if "METRICS" in wanted:
        exporter = _exporter(env, "METRICS", "metric_exporter", "OTLPMetricExporter")
        readers.append(PeriodicExportingMetricReader(exporter))
    metrics = MeterProvider(readers, resource, shutdown_on_exit=False)
    return Tracing(traces, metrics, (traces.shutdown, metrics.shutdown))


def _exporter(env: Mapping[str, str], signal: str, module: str, name: str) -> Any:
    protocol = _setting(env, signal, "PROTOCOL") or "http/protobuf"
    way = "grpc" if protocol == "grpc" else "http"
    return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{way}.{module}"), name)()


def _server(spec: ModelSpec) -> Attributes:
    if spec.backend != "openai":
        return {"gen_ai.provider.name": spec.backend}
    parts = urlsplit(base_url(spec, os.environ) or OPENAI)
    host = parts.hostname or ""
    azure = host.endswith(".openai.azure.com")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    provider = "azure.ai.openai" if azure else "openai"
    return {"gen_ai.provider.name": provider, "server.address": host, "server.port": port}


def _params(params: Mapping[str, Any]) -> Attributes:
    told: Attributes = {}
    for name in NUMBERS:
        if isinstance(params.get(name), (int, float)):
            told[f"gen_ai.request.{name}"] = params[name]
    return told


def _nanoseconds(moment: float) -> int:
    """A moment on the monotonic clock as nanoseconds since 1970."""
    return int((time.time() - time.monotonic() + moment) * 1e9)


def _error() -> Any:
    from opentelemetry.trace import StatusCode

    return StatusCode.ERROR
