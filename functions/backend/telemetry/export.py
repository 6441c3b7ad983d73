"""Switches spans and metrics on, and sends them to an OpenTelemetry collector (OTLP)."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import backend.telemetry.metrics as metrics
import backend.telemetry.spans as spans

GOOGLE = "https://telemetry.googleapis.com"
_close: Callable[[], None] | None = None  # None as long as nothing is sent


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

    global _close
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

    def observe(name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _options: [Observation(n, dict(attributes)) for attributes, n in metrics.counted(name)]

    for name, (unit, text) in metrics.COUNTERS.items():
        meter.create_observable_counter(name, [observe(name)], unit, text)
    metrics.switch_on({name: meter.create_gauge(name, unit, text) for name, (unit, text) in metrics.GAUGES.items()})
    spans.switch_on(tracing.get_tracer("salesforce-sample"), sample_percent / 100)

    def close() -> None:
        tracing.shutdown()
        metering.shutdown()

    _close = close


def stop() -> None:
    """Sends what has not been sent, and switches spans and metrics off."""
    global _close
    if _close is not None:
        _close()
        _close = None
        spans.switch_off()
        metrics.switch_off()


def _with_distributions(exporter: Any) -> Any:
    """An OTLP exporter of metrics that sends the distributions along."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality, Histogram, HistogramDataPoint, Metric

    began, export_others = time.time_ns(), exporter.export

    def point(attributes: Mapping[str, str | int | bool], d: metrics.Distribution) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes, began, time.time_ns(), sum(d.counts), d.sum, list(d.counts), metrics.BOUNDS, d.least, d.most, []
        )

    def export(metrics_data: Any, **more: Any) -> Any:
        for resource in metrics_data.resource_metrics:
            for name, (unit, text) in metrics.HISTOGRAMS.items():
                points = [point(dict(attributes), d) for attributes, d in metrics.distributions(name)]
                resource.scope_metrics[0].metrics.append(
                    Metric(name, text, unit, Histogram(points, AggregationTemporality.CUMULATIVE))
                )
        return export_others(metrics_data, **more)

    exporter.export = export
    return exporter


def _google_session(project_id: str) -> Any:
    """Requests that carry the function's own access token, renewed when it runs out."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    auth: Any = google.auth  # no types of its own
    credentials, _ = auth.default(
        scopes=["https://www.googleapis.com/auth/cloud-platform"], quota_project_id=project_id
    )
    return AuthorizedSession(credentials)
