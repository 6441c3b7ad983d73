"""The steps of a call as spans, of a share of the calls."""

import contextvars
import random
import re
import secrets
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from backend.telemetry.trace_context import TraceContext

Kind = Literal["internal", "server", "client"]
_ID = re.compile(r"/[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?(?=/|$)")

_tracer: Any = None  # OpenTelemetry's; None as long as spans are off
_share = 0.0
# Whether this call's spans are kept.
_recorded: contextvars.ContextVar[bool] = contextvars.ContextVar("recorded", default=False)


def switch_on(tracer: Any, share: float) -> None:
    """From now on `share` of the calls (0 to 1) make spans with an OpenTelemetry tracer."""
    global _tracer, _share
    _tracer, _share = tracer, share


def switch_off() -> None:
    """From now on no call makes spans."""
    switch_on(None, 0.0)


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
        if _tracer is None:
            return self
        if self._kind == "server":  # not by the caller's flag: whoever calls could have everything of theirs recorded
            self._token = _recorded.set(random.random() < _share)  # noqa: S311  a sample, not a secret
        if _recorded.get():
            from opentelemetry import trace

            kind = {
                "internal": trace.SpanKind.INTERNAL,
                "server": trace.SpanKind.SERVER,
                "client": trace.SpanKind.CLIENT,
            }[self._kind]
            context = None if self._parent is None else _remote(self._parent)
            attributes = {name.replace("__", "."): value for name, value in self._attributes.items()}
            self._entered = _tracer.start_as_current_span(
                self._name, context, kind, attributes, record_exception=False, set_status_on_exception=False
            )
            self._current = self._entered.__enter__()
        return self

    def set(self, **attributes: str | int | bool) -> None:
        """Sets attributes; `__` in a name is sent as a dot."""
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
        ids = self._current.get_span_context()
        return TraceContext(f"{ids.trace_id:032x}", f"{ids.span_id:016x}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._current is not None:
            if kind is not None:
                self.fail(getattr(getattr(error, "reason", None), "value", kind.__name__))
            self._entered.__exit__(None, None, None)
        if self._token is not None:
            _recorded.reset(self._token)


_NONE = span("")


def request_out(method: str, url: object) -> span:
    """The span of a request to Salesforce; of its address, as `url` is written, it carries the host, and the path
    without ids and without the query.
    """
    if not _recorded.get():
        return _NONE
    parts = urlsplit(str(url))
    path = _ID.sub("/{id}", parts.path)
    return span(
        f"Salesforce {method} {path}",
        "client",
        http__request__method=method,
        server__address=parts.hostname or "",
        url__template=path,
    )


def _remote(context: TraceContext) -> Any:
    from opentelemetry import trace

    span_id = int(context.span_id, 16) or secrets.randbits(64)
    ids = trace.SpanContext(
        int(context.trace_id, 16), span_id, is_remote=True, trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(ids))
