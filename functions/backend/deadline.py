"""One deadline for a whole call: each step gets what is left of it as its time-out, never a fresh one.

It travels with the task, so that no flow has to hand it on. Work that outlives a call (a renewal that others wait for, the
upkeep) has none and is bounded by its own limits.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)  # by the clock of the event loop


@contextmanager
def within(seconds: float | None) -> Generator[None]:
    """Everything inside the block has `seconds` altogether; None removes the deadline."""
    token = _ends_at.set(None if seconds is None else asyncio.get_running_loop().time() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def left(at_most: float) -> float:
    """The seconds that the next step may take: what is left of the call, and no more than `at_most`. 0 when nothing is left."""
    ends_at = _ends_at.get()
    return at_most if ends_at is None else max(0.0, min(at_most, ends_at - asyncio.get_running_loop().time()))
