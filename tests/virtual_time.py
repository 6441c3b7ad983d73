"""An event loop whose clock does not wait: when nothing is left to do, it is at once as late as the next thing that is
to happen.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _AtOnce(selectors.DefaultSelector):
    """Sees what is there, and adds up for how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        self.waited += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits and asks nothing of other threads or programs."""

    def __init__(self) -> None:
        self._at_once = _AtOnce()
        super().__init__(self._at_once)

    def time(self) -> float:
        return self._at_once.waited


def run(work: Coroutine[object, object, T]) -> T:
    """Like `asyncio.run`, with hours in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
