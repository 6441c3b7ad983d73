"""Short messages at the foot of the screen."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract.errors import CallError
from data.repositories.calls import AnotherUser
from ui.shared.guard import report
from ui.shared.state import State
from ui.shared.words import _

NOTICE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message at the foot of the screen, perhaps with a way back."""

    text: str
    action: str = ""
    run: Callable[[], Awaitable[None]] | None = None


class Notices(State):
    """The messages that are on the screen, the newest last."""

    def __init__(self, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep) -> None:
        super().__init__()
        self.all: tuple[Notice, ...] = ()
        self._sleep = sleep
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def newest(self) -> Notice | None:
        return self.all[-1] if self.all else None

    def say(self, notice: Notice) -> None:
        """Shows a message for NOTICE_SECONDS, in place of the one before it; a way back that is still open stays."""
        self.show(notice)
        ending = asyncio.create_task(self._end_later(notice))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def show(self, notice: Notice) -> None:
        """Like `say`, until `end`."""
        self.all = (*(n for n in self.all if n.run is not None), notice)
        self.changed()

    def end(self, notice: Notice) -> None:
        """Takes a message away; one that is not there any more changes nothing."""
        if any(n is notice for n in self.all):
            self.all = tuple(n for n in self.all if n is not notice)
            self.changed()

    async def _end_later(self, notice: Notice) -> None:
        await self._sleep(NOTICE_SECONDS)
        self.end(notice)

    def failed(self, error: BaseException) -> None:
        """Says that something went wrong which nobody has caught; the app lives on."""
        if isinstance(error, AnotherUser):
            return
        if not isinstance(error, CallError):
            report(error)
        text = _(error.message) if isinstance(error, CallError) else _("Something went wrong. Please try again.")
        if self.newest is None or self.newest.text != text:  # said once, even when saying it is what goes wrong
            self.say(Notice(text))
