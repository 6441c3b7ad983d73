"""Faults: what tests and learners make the org do wrong on its next requests."""

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
    """What goes wrong with the next requests of a kind.

    `kind` is the name of a counter, or a pattern such as `rest.*`; `times` is the number of requests. `delay_ms` delays
    each by milliseconds, `hold` until all faults are cleared. With a `status` the request is not done but answered with
    it, and with `body` when one is given. `cut` closes the connection `before` or `after` the request is done.
    `nonce` concerns the next requests with a proof of possession: the org has `forgotten` its nonces before them, or
    has `rotated` them with them, so that the answer has a new one and the older ones are good no more.
    """

    kind: str
    times: int = 1
    status: int | None = None
    delay_ms: int = 0
    hold: bool = False
    cut: str | None = None
    body: str | None = None
    nonce: str | None = None


@dataclass(slots=True)
class Faults:
    """The faults that have not happened yet, the oldest first."""

    pending: list[Fault] = field(default_factory=list[Fault])
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, fault: Fault) -> None:
        """Adds a fault after the others."""
        self.pending.append(fault)

    def clear(self) -> None:
        """Removes all faults and lets held requests go on."""
        self.pending.clear()
        self.cleared.set()
        self.cleared = asyncio.Event()

    def take(self, kind: str) -> Fault | None:
        """The fault for a request of this kind, None when there is none. It counts as one of the fault's `times`."""
        return self._next(kind, of_nonces=False)

    def take_nonce(self, kind: str) -> str | None:
        """What happens to the nonces at a request of this kind that has a proof, None when nothing does."""
        fault = self._next(kind, of_nonces=True)
        return None if fault is None else fault.nonce

    def _next(self, kind: str, *, of_nonces: bool) -> Fault | None:
        for fault in self.pending:
            if fnmatchcase(kind, fault.kind) and (fault.nonce is not None) == of_nonces:
                fault.times -= 1
                if fault.times <= 0:
                    self.pending.remove(fault)
                return fault
        return None
