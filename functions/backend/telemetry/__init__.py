"""What happens inside a call, as OpenTelemetry spans and metrics. Off unless the settings say where to; then nothing of
it is imported.

A span or metric never carries a token, code, e-mail address or value of a record: names, counts, reasons and ids of
orgs only.

| module | what it does |
| --- | --- |
| `trace_context.py` | reads the caller's trace, and gives log lines theirs |
| `spans.py` | the steps of a call |
| `metrics.py` | counters, histograms and gauges |
| `export.py` | switches all of it on, and sends it |
"""

from backend.telemetry.export import GOOGLE, start, stop
from backend.telemetry.metrics import count, set_gauge, took
from backend.telemetry.spans import request_out, span
from backend.telemetry.trace_context import TraceContext, incoming, log_fields, logged_as

__all__ = [
    "GOOGLE",
    "TraceContext",
    "count",
    "incoming",
    "log_fields",
    "logged_as",
    "request_out",
    "set_gauge",
    "span",
    "start",
    "stop",
    "took",
]
