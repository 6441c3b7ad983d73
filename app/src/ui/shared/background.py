"""Work that nobody waits for. No Flet in here."""

import asyncio
from collections.abc import Awaitable, Callable


class Background:
    """Runs pieces of work as tasks. One for each window. `failed` gets each exception that a piece of work raises."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Awaitable[None]) -> None:
        """Begins a piece of work, and returns at once."""
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Waits until all work has ended, also work that was begun meanwhile."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _run(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(error)
