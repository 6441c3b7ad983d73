"""The other windows of this app on the same device: one at a time changes what they share, and the others hear of
it.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any

_NAME = "sessions"
HOLD_SECONDS = 1.0  # for the browser to say whether a name is free; it takes milliseconds
WAIT_SECONDS = 5.0  # for another window's turn to end; one that the browser has put to sleep in it may never end it


class Windows:
    """The other windows of an installed app: there are none. `changed` is called after another window has called
    `tell`."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """A block in which no other window changes the sessions."""
        async with self._turn:
            yield

    def tell(self) -> None:
        """Tells the other windows that the sessions have changed."""

    async def hold(self, name: str) -> bool:
        """Takes a name for this window until `let_go`, or until the window is closed or loaded again. Returns False
        when another window has it."""
        return True

    def let_go(self, name: str) -> None:
        """Gives a name up, so that another window may take it."""


class Tabs(Windows):
    """The other tabs of a browser: Web Locks give the turns, a BroadcastChannel carries the news (W3C Web Locks
    API; HTML, "Broadcasting to other browsing contexts"). Both work from a worker, and reach the tabs of this
    origin only."""

    def __init__(self) -> None:
        from js import BroadcastChannel  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import create_proxy  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        super().__init__()
        self._held: dict[str, asyncio.Event] = {}
        here = copy_context()  # Flet knows by it which page is meant; what the browser calls has none
        self._channel: Any = BroadcastChannel.new(_NAME)  # pyright: ignore[reportUnknownMemberType]
        self._channel.onmessage = create_proxy(lambda _event: here.copy().run(self.changed))  # pyright: ignore[reportUnknownLambdaType]

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        from js import navigator  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import create_once_callable  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        locks: Any = getattr(navigator, "locks", None)  # pyright: ignore[reportUnknownArgumentType]
        begun, over = asyncio.Event(), asyncio.Event()

        async def turn(_lock: object) -> None:
            begun.set()
            await over.wait()

        async with super().alone():
            try:
                if locks is not None:
                    locks.request(_NAME, create_once_callable(turn))
                    await _bounded(begun, WAIT_SECONDS)
                yield
            finally:
                over.set()

    def tell(self) -> None:
        self._channel.postMessage(None)

    async def hold(self, name: str) -> bool:
        from js import Object, navigator  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        from pyodide.ffi import create_once_callable, to_js  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        locks: Any = getattr(navigator, "locks", None)  # pyright: ignore[reportUnknownArgumentType]
        if name in self._held or locks is None:
            return True
        answered, over = asyncio.Event(), asyncio.Event()
        is_free, given_up = True, False  # a browser that does not answer keeps nobody from their draft

        async def turn(lock: object) -> None:
            nonlocal is_free
            if given_up:
                return  # an answer that nobody waits for any more takes nothing
            is_free = bool(lock)
            if is_free:
                self._held[name] = over
            answered.set()
            if is_free:
                await over.wait()

        only_if_free = to_js({"ifAvailable": True}, dict_converter=Object.fromEntries)  # pyright: ignore[reportUnknownMemberType]
        locks.request(name, only_if_free, create_once_callable(turn))
        await _bounded(answered, HOLD_SECONDS)
        given_up = not answered.is_set()
        return is_free

    def let_go(self, name: str) -> None:
        over = self._held.pop(name, None)
        if over is not None:
            over.set()


async def _bounded(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, but no longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def make_windows() -> Windows:
    """The implementation for where the app's Python runs."""
    return Tabs() if sys.platform == "emscripten" else Windows()
