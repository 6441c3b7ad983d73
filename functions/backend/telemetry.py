"""What happens inside a call, as OpenTelemetry spans and metrics. Off unless the settings say where to; then nothing of
it is imported.

A span or metric never carries a token, code, e-mail address or value of a record: names, counts, reasons and ids of
orgs only.
"""

import contextvars
import math
import random
import re
import secrets
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

GOOGLE = "https://telemetry.googleapis.com"
_W3C = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_GOOGLE_TRACE = re.compile(r"([0-9a-f]{32})(?:/(\d{1,20}))?(?:;o=\d)?")
_ID = re.compile(r"/[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?(?=/|$)")

Kind = Literal["internal", "server", "client"]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace that a request belongs to, in the hexadecimal digits of W3C Trace Context; `span_id` is the
    caller's.
    """

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class _Instruments:
    tracer: Any
    share: float
    gauges: dict[str, Any]
    close: Any


_Series = tuple[str, tuple[tuple[str, str | int | bool], ...]]  # a metric's name and attributes


@dataclass(slots=True)
class _Distribution:
    """How many values fell between which bounds, their sum, and the extremes."""

    counts: list[int]
    sum: float = 0.0
    least: float = math.inf
    most: float = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(BOUNDS, value)] += 1
        self.sum += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)


_active: _Instruments | None = None
# Whether this call's spans are kept.
_recorded: contextvars.ContextVar[bool] = contextvars.ContextVar("recorded", default=False)
# Counted here and read when they are sent: adding to the SDK's own instruments takes ten times as long
# (docs/performance.md).
_counts = Counter[_Series]()
_distributions: dict[_Series, "_Distribution"] = {}
_logged: contextvars.ContextVar[TraceContext | None] = contextvars.ContextVar("trace", default=None)

# name: unit, what it counts
COUNTERS = {
    "calls": ("{call}", "Calls answered, by call and outcome"),
    "refreshes": ("{refresh}", "Refreshes sent to Salesforce, by outcome"),
    "salesforce.requests": ("{request}", "Requests to Salesforce, by org and status"),
    "cache.lookups": ("{lookup}", "Lookups of what an instance remembers, by cache and hit"),
    "cold_starts": ("{start}", "Instances that answered their first call"),
    "audit.failures": ("{failure}", "Audit entries that could not be committed"),
    "sign_ins.put_off": ("{sign-in}", "Sign-ins refused because too many have failed"),
}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0)  # seconds
HISTOGRAMS = {
    "call.duration": ("s", "How long calls took, by call and outcome"),
    "renewal.wait": ("s", "How long calls waited for a renewal"),
}
GAUGES = {
    "salesforce.allowance.used": ("{request}", "Requests of an org in the last 24 hours, as Salesforce says"),
    "salesforce.allowance.limit": ("{request}", "Requests that an org may make in 24 hours"),
}


def start(endpoint: str, *, project_id: str, function: str, sample_percent: int) -> None:
    """Sends spans and metrics to an OTLP endpoint (http/protobuf); to Google's with the function's own account.

    Once for a process.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    global _active
    endpoint, session = endpoint.rstrip("/"), _google_session(project_id) if endpoint.rstrip("/") == GOOGLE else None
    resource = Resource.create(
        {
            "service.name": f"salesforce-sample-{function}",
            "service.instance.id": secrets.token_hex(8),
            "faas.name": function,
            "gcp.project_id": project_id,
        }
    )
    # Which calls are recorded at all is decided in `span`.
    tracing = TracerProvider(resource=resource, sampler=ALWAYS_ON)
    tracing.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces", session=session), schedule_delay_millis=1000)
    )
    # Once a minute.
    reader = PeriodicExportingMetricReader(
        _with_distributions(OTLPMetricExporter(f"{endpoint}/v1/metrics", session=session))
    )
    metering = MeterProvider(resource=resource, metric_readers=[reader])
    meter = metering.get_meter("salesforce-sample")

    def counted(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _options: [
            Observation(n, dict(named)) for (counter, named), n in list(_counts.items()) if counter == name
        ]

    for name, (unit, text) in COUNTERS.items():
        meter.create_observable_counter(name, [counted(name)], unit, text)

    def close() -> None:
        tracing.shutdown()
        metering.shutdown()

    _active = _Instruments(
        tracing.get_tracer("salesforce-sample"),
        sample_percent / 100,
        {name: meter.create_gauge(name, unit, text) for name, (unit, text) in GAUGES.items()},
        close,
    )


def stop() -> None:
    """Sends what has not been sent."""
    global _active
    if _active is not None:
        _active.close()
        _active = None
        _counts.clear()
        _distributions.clear()


class span:
    """A step of a call, as a context manager; `kind` says whether it is a request, in or out.

    Attributes are plain values.
    """

    __slots__ = ("_attributes", "_current", "_entered", "_kind", "_name", "_parent", "_token")

    def __init__(
        self, name: str, kind: Kind = "internal", *, parent: TraceContext | None = None, **attributes: str | int | bool
    ) -> None:
        self._name = name
        self._kind = kind
        self._parent = parent
        self._attributes = attributes
        self._current: Any = None

    def __enter__(self) -> Self:
        self._token = None
        if _active is None:
            return self
        if self._kind == "server":  # not by the caller's flag: whoever calls could have everything of theirs recorded
            self._token = _recorded.set(random.random() < _active.share)  # noqa: S311  a sample, not a secret
        if _recorded.get():
            from opentelemetry import trace

            kind = {
                "internal": trace.SpanKind.INTERNAL,
                "server": trace.SpanKind.SERVER,
                "client": trace.SpanKind.CLIENT,
            }[self._kind]
            context = None if self._parent is None else _remote(self._parent)
            attributes = {name.replace("__", "."): value for name, value in self._attributes.items()}
            self._entered = _active.tracer.start_as_current_span(
                self._name, context, kind, attributes, record_exception=False, set_status_on_exception=False
            )
            self._current = self._entered.__enter__()
        return self

    def set(self, **attributes: str | int | bool) -> None:
        """What is known only now; `__` in a name stands for a dot."""
        if self._current is not None:
            for name, value in attributes.items():
                self._current.set_attribute(name.replace("__", "."), value)

    def fail(self, reason: str) -> None:
        """Marks the step as failed, by a word; never by an exception's text."""
        if self._current is not None:
            from opentelemetry.trace import Status, StatusCode

            self._current.set_status(Status(StatusCode.ERROR, reason))
            self._current.set_attribute("error.type", reason)

    @property
    def context(self) -> TraceContext | None:
        """The span's own ids, None when spans are off."""
        if self._current is None:
            return None
        found = self._current.get_span_context()
        return TraceContext(f"{found.trace_id:032x}", f"{found.span_id:016x}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._current is not None:
            if kind is not None:
                self.fail(getattr(getattr(error, "reason", None), "value", kind.__name__))
            self._entered.__exit__(None, None, None)
        if self._token is not None:
            _recorded.reset(self._token)


def count(name: str, **attributes: str | int | bool) -> None:
    """Adds one to a counter of COUNTERS."""
    if _active is not None:
        _counts[name, tuple(attributes.items())] += 1


def took(name: str, since: float, **attributes: str | int | bool) -> None:
    """Records the seconds since a moment of `time.perf_counter` in a histogram of HISTOGRAMS."""
    if _active is not None:
        seconds, series = time.perf_counter() - since, (name, tuple(attributes.items()))
        found = _distributions.get(series)
        if found is None:
            found = _distributions[series] = _Distribution([0] * (len(BOUNDS) + 1))
        found.add(seconds)


def stands_at(name: str, value: int, **attributes: str | int | bool) -> None:
    """Sets a gauge of GAUGES."""
    if _active is not None:
        _active.gauges[name].set(value, attributes)


def incoming(headers: Mapping[str, str]) -> TraceContext | None:
    """The caller's trace: `traceparent` (W3C Trace Context), else `X-Cloud-Trace-Context`, which Google's front end
    sends.
    """
    found = _W3C.fullmatch(headers.get("traceparent", ""))
    if found is not None and int(found[1], 16) and int(found[2], 16):
        return TraceContext(found[1], found[2])
    found = _GOOGLE_TRACE.fullmatch(headers.get("x-cloud-trace-context", ""))
    if found is not None and int(found[1], 16):
        return TraceContext(found[1], f"{int(found[2] or 0) % 2**64:016x}")
    return None


class logged_as:
    """Log lines inside the block carry this trace (None: no trace)."""

    def __init__(self, context: TraceContext | None) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token = _logged.set(self._context)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _logged.reset(self._token)


def log_fields(project_id: str) -> dict[str, str]:
    """The fields by which Cloud Logging shows a line with its trace (Cloud Logging documentation, "Structured
    logging").
    """
    context = _logged.get()
    if context is None:
        return {}
    named = {"logging.googleapis.com/trace": f"projects/{project_id}/traces/{context.trace_id}"}
    return named | ({"logging.googleapis.com/spanId": context.span_id} if int(context.span_id, 16) else {})


def request_out(method: str, url: str) -> span:
    """The span of a request to Salesforce; of its address it carries the host, and the path without ids and without the
    query.
    """
    if not _recorded.get():
        return span("")
    parts = urlsplit(url)
    path = _ID.sub("/{id}", parts.path)
    return span(
        f"Salesforce {method} {path}",
        "client",
        http__request__method=method,
        server__address=parts.hostname or "",
        url__template=path,
    )


def _with_distributions(exporter: Any) -> Any:
    """An OTLP exporter of metrics that sends the distributions along."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Histogram, HistogramDataPoint, Metric

    began, export_others = time.time_ns(), exporter.export

    def point(attributes: Mapping[str, str | int | bool], d: _Distribution) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes, began, time.time_ns(), sum(d.counts), d.sum, list(d.counts), BOUNDS, d.least, d.most, []
        )

    def export(metrics_data: Any, **more: Any) -> Any:
        for resource in metrics_data.resource_metrics:
            for name, (unit, text) in HISTOGRAMS.items():
                points = [
                    point(dict(attributes), d)
                    for (metric, attributes), d in list(_distributions.items())
                    if metric == name
                ]
                resource.scope_metrics[0].metrics.append(
                    Metric(name, text, unit, Histogram(points, AggregationTemporality.CUMULATIVE))
                )
        return export_others(metrics_data, **more)

    exporter.export = export
    return exporter


def _remote(context: TraceContext) -> Any:
    from opentelemetry import trace

    span_id = int(context.span_id, 16) or secrets.randbits(64)
    ids = trace.SpanContext(
        int(context.trace_id, 16), span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(ids))


def _google_session(project_id: str) -> Any:
    """Requests that carry the function's own access token, renewed when it runs out."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    auth: Any = google.auth  # no types of its own
    credentials, _ = auth.default(
        scopes=["https://www.googleapis.com/auth/cloud-platform"], quota_project_id=project_id
    )
    return AuthorizedSession(credentials)
