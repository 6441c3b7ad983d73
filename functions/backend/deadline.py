"""One deadline for a whole call: each step gets what is left of it as its time-out, never a fresh one.

It travels with the task, so that no flow has to hand it on. Work that outlives a call (a renewal that others wait for,
the upkeep) has none and is bounded by its own limits.
"""

import asyncio
from contextvars import ContextVar
from types import TracebackType

_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)  # by the clock of the event loop


class within:
    """A context: everything inside the block has `seconds` altogether; None removes the deadline."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._token = _ends_at.set(None if self._seconds is None else asyncio.get_running_loop().time() + self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _ends_at.reset(self._token)


def left(at_most: float) -> float:
    """The seconds that the next step may take: what is left until the deadline, `at_most` at most; 0 when it has
    passed.
    """
    ends_at = _ends_at.get()
    return at_most if ends_at is None else max(0.0, min(at_most, ends_at - asyncio.get_running_loop().time()))
