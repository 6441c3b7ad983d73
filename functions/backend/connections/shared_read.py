"""A read of the store that several calls wait for."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from backend.failures import StoreUnavailable

OVERDUE_SECONDS = 5.0  # longer than the store's own time-out: then nobody waits for it any more
T = TypeVar("T")


class SharedRead(Generic[T]):
    """A read under way from the moment that this is made; it goes on when a caller goes away."""

    def __init__(self, read: Coroutine[Any, Any, T]) -> None:
        self._time = asyncio.get_running_loop().time
        self._overdue_at = self._time() + OVERDUE_SECONDS
        self.task = asyncio.create_task(read)
        self.task.add_done_callback(_heard)

    @property
    def is_overdue(self) -> bool:
        """Whether it hangs, so that a later caller begins a read of its own."""
        return not self.task.done() and self._time() >= self._overdue_at

    async def outcome(self) -> T:
        """What was read. Raises what the read raises, and StoreUnavailable when it is overdue."""
        done, _ = await asyncio.wait({self.task}, timeout=max(0.0, self._overdue_at - self._time()))
        if not done:
            raise StoreUnavailable
        return self.task.result()


def _heard(done: "asyncio.Task[Any]") -> None:
    """Whoever waits raises its failure; nobody has to."""
    if not done.cancelled():
        done.exception()
