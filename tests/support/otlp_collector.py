"""A real OTLP/HTTP collector on loopback: keeps the spans and metrics that it is sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collector:
    """Context manager; ``url`` goes into ``OTEL_EXPORTER_OTLP_ENDPOINT``."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler

    def everything(self) -> bytes:
        """All bodies, to look for what must not be in them."""
        return b"".join(body for _, body in self.bodies)

    def spans(self) -> list[Any]:
        """All spans received."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests = [
            ExportTraceServiceRequest.FromString(b) for path, b in self.bodies if path == "/v1/traces"
        ]
        scopes = [s for r in requests for resource in r.resource_spans for s in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def metrics(self) -> dict[str, Any]:
        """The last state of every metric."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        found = [
            ExportMetricsServiceRequest.FromString(b) for path, b in self.bodies if path == "/v1/metrics"
        ]
        scopes = [s for r in found for resource in r.resource_metrics for s in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def services(self) -> set[str]:
        """The names under which spans were sent."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests = [
            ExportTraceServiceRequest.FromString(b) for path, b in self.bodies if path == "/v1/traces"
        ]
        resources = [attributes(part.resource) for r in requests for part in r.resource_spans]
        return {found["service.name"] for found in resources}


def attributes(told: Any) -> dict[str, Any]:
    """Attributes of a span, point or resource as plain values."""
    return {pair.key: _plain(pair.value) for pair in told.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return getattr(value, kind)
