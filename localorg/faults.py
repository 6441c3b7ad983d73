"""Faults that the org can be told to show: a status, a delay, or a cut connection on the next matching requests."""

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

BODIES = {
    400: ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support"),
    503: ("SERVER_UNAVAILABLE", "This server is currently unavailable"),
}


@dataclass(slots=True)
class Fault:
    """One thing to do wrong.

    `kind` is a counter's name or a pattern of such (`rest.*`); `times` how often; `delay_ms` waits first, and `hold`
    until all faults are cleared;
    `status` answers so instead of doing the work, with `body` when one is given; `cut` drops the connection `before` or
    `after` the work.
    """

    kind: str
    times: int = 1
    status: int | None = None
    delay_ms: int = 0
    hold: bool = False
    cut: str | None = None
    body: str | None = None


@dataclass(slots=True)
class Faults:
    """The faults that are still to come, oldest first."""

    pending: list[Fault] = field(default_factory=list[Fault])
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def clear(self) -> None:
        """Takes back what is still to come, and lets go what is held."""
        self.pending.clear()
        self.cleared.set()
        self.cleared = asyncio.Event()

    def take(self, kind: str) -> Fault | None:
        """The next fault for a request of this kind, counted down; None when there is none."""
        for fault in self.pending:
            if fnmatchcase(kind, fault.kind):
                fault.times -= 1
                if fault.times <= 0:
                    self.pending.remove(fault)
                return fault
        return None
