"""The log: one line an event, as JSON that Cloud Logging understands, or as words on a laptop.

A line of JSON is made in one go: structlog's usual chain of small steps took a twelfth of a call's processor time.
"""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor

from backend import telemetry

_MOST_LOGGED = 200  # characters of a value
_SEVERITIES = {"warn": "WARNING", "exception": "ERROR"}  # structlog's other names


def configure(project_id: str, *, readable: bool, tracebacks: bool = False) -> None:
    """Sets up the log: JSON with the trace of the call, or words when `readable`; `tracebacks` adds those of faults to
    words, on a laptop.
    """
    logging.getLogger("aiohttp").setLevel(logging.WARNING)
    if not readable:
        structlog.configure(
            processors=[_as_json(project_id)],
            logger_factory=structlog.BytesLoggerFactory(),
            cache_logger_on_first_use=True,
        )
        return
    without: list[Processor] = [] if tracebacks else [_without_traceback]
    structlog.configure(
        processors=[
            *without,
            _as_words,
            # Which prints no local variables.
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )


def warnings_only() -> None:
    """Logs warnings only: a command prints what it did by itself."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def place_of(failure: BaseException) -> str:
    """The file and line in which an exception was raised, such as `vault.py:93`; "" when it was not raised yet."""
    at = failure.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f"{at.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{at.tb_lineno}"


def _as_json(project_id: str) -> Processor:
    encode = msgspec.json.Encoder(enc_hook=str).encode

    def line(_logger: object, method: str, event: EventDict) -> bytes:
        event.pop("exc_info", None)
        _bound(event)
        event.update(telemetry.log_fields(project_id))
        event.update(_named(method, event))
        return encode(event)

    return line


def _as_words(_logger: object, method: str, event: EventDict) -> EventDict:
    _bound(event)
    event.update(_named(method, event))
    event["timestamp"] = event["timestamp"].isoformat().replace("+00:00", "Z")
    return event


def _named(method: str, event: EventDict) -> dict[str, Any]:
    """What Cloud Logging has a name for. Source: Cloud Logging documentation, "Structured logging"."""
    severity = _SEVERITIES.get(method) or method.upper()
    return {"severity": severity, "message": event.pop("event"), "timestamp": datetime.now(UTC)}


def _bound(event: EventDict) -> None:
    """Cuts and escapes texts, so that what a caller sends cannot fill the log or look like a line of it."""
    for name, value in event.items():
        if isinstance(value, str) and (len(value) > _MOST_LOGGED or not value.isprintable()):
            event[name] = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value[:_MOST_LOGGED])


def _without_traceback(_logger: object, _method: str, event: EventDict) -> EventDict:
    event.pop("exc_info", None)
    return event
