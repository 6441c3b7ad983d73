"""A collector of spans and metrics (OTLP over HTTP with protobuf), which prints each trace as a tree."""

import contextlib
import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REST_SECONDS = 2.5  # a trace is printed after so long without a new span; processes send once a second


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span. Times are nanoseconds since the epoch; `parent` is "" for a root."""

    trace: str
    id: str
    parent: str
    name: str
    service: str
    start: int
    end: int
    attributes: dict[str, Any]
    error: str

    @property
    def milliseconds(self) -> float:
        """How long the span took."""
        return (self.end - self.start) / 1e6


@dataclass(frozen=True, slots=True)
class Point:
    """The newest value of a metric with these attributes: its sum, gauge, or count (of a histogram)."""

    name: str
    attributes: dict[str, Any]
    value: float


class Collector:
    """Listens on a port of this machine for a `with` block; port 0 takes a free one. `say` gets each line of a printed
    trace.
    """

    def __init__(self, port: int = 0, say: Callable[[str], None] | None = None) -> None:
        self.spans: list[Span] = []
        self.points: dict[tuple[str, str], Point] = {}
        self._say = say
        self._new: dict[str, list[Span]] = defaultdict(list)
        self._touched: dict[str, float] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        if self._say is not None:
            threading.Thread(target=self._print_what_rests, args=(self._say,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        """Takes one export request of OTLP: `body` is its unpacked protobuf message, `path` is /v1/traces or
        /v1/metrics."""
        if path == "/v1/traces":
            spans = list(_spans(body))
            with self._lock:
                self.spans += spans
                if self._say is not None:
                    for span in spans:
                        self._new[span.trace].append(span)
                        self._touched[span.trace] = time.monotonic()
        elif path == "/v1/metrics":
            with self._lock:
                self.points |= {(p.name, str(sorted(p.attributes.items()))): p for p in _points(body)}

    def _print_what_rests(self, say: Callable[[str], None]) -> None:
        while not self._ended.wait(0.5):
            with self._lock:
                rested = [t for t, at in self._touched.items() if time.monotonic() - at > REST_SECONDS]
                ready = [self._new.pop(t) for t in rested]
                for trace in rested:
                    del self._touched[trace]
            for spans in ready:
                with contextlib.suppress(OSError):
                    for line in tree(spans):
                        say(line)


def tree(spans: Iterable[Span]) -> list[str]:
    """The spans of traces as lines, each span below its parent, in the order in which they began."""
    by_id = {s.id: s for s in spans}
    children = defaultdict[str, list[Span]](list)
    for span in sorted(by_id.values(), key=lambda s: s.start):
        children[span.parent if span.parent in by_id else ""].append(span)
    lines: list[str] = []

    def tell(span: Span, depth: int) -> None:
        status = span.attributes.get("http.response.status_code", "")
        parts = [
            f"{span.milliseconds:8.1f} ms  {'  ' * depth}{span.name}",
            f"→ {status}" if status else "",
            f"✗ {span.error}" if span.error else "",
        ]
        lines.append("  ".join(t for t in parts if t))
        for child in children[span.id]:
            tell(child, depth + 1)

    for root in children[""]:
        lines.append(f"trace {root.trace} of {root.service}")
        tell(root, 0)
    return lines


def _spans(body: bytes) -> Iterable[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            for s in scope.spans:
                error = s.status.message or "error" if s.status.code == 2 else ""
                ids = s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex()
                yield Span(
                    *ids,
                    s.name,
                    service,
                    s.start_time_unix_nano,
                    s.end_time_unix_nano,
                    _attributes(s.attributes),
                    error,
                )


def _points(body: bytes) -> Iterable[Point]:
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for p in [*metric.sum.data_points, *metric.gauge.data_points]:
                    yield Point(metric.name, _attributes(p.attributes), p.as_int or p.as_double)
                for p in metric.histogram.data_points:
                    yield Point(metric.name, _attributes(p.attributes), p.count)


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {p.key: getattr(p.value, p.value.WhichOneof("value") or "string_value") for p in pairs}
