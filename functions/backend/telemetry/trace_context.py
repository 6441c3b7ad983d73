"""The trace that a request belongs to: read from its headers, and named by the log lines of the call."""

import contextvars
import re
from collections.abc import Mapping
from types import TracebackType

import msgspec

_W3C = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_GOOGLE_TRACE = re.compile(r"([0-9a-f]{32})(?:/(\d{1,20}))?(?:;o=\d)?")


class TraceContext(msgspec.Struct, frozen=True):
    """The trace that a request belongs to, in the hexadecimal digits of W3C Trace Context; `span_id` is the
    caller's.
    """

    trace_id: str
    span_id: str


_logged: contextvars.ContextVar[TraceContext | None] = contextvars.ContextVar("trace", default=None)


def incoming(headers: Mapping[str, str]) -> TraceContext | None:
    """The caller's trace: `traceparent` (W3C Trace Context), else `X-Cloud-Trace-Context`, which Google's front end
    sends.
    """
    match = _W3C.fullmatch(headers.get("traceparent", ""))
    if match is not None and int(match[1], 16) and int(match[2], 16):
        return TraceContext(match[1], match[2])
    match = _GOOGLE_TRACE.fullmatch(headers.get("x-cloud-trace-context", ""))
    if match is not None and int(match[1], 16):
        return TraceContext(match[1], f"{int(match[2] or 0) % 2**64:016x}")
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
