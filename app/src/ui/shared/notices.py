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
_FOOT = 72.0  # pixels; of a form with nothing but its buttons there


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message at the foot of the screen; `action` is the word on its button and `run` what that does, None for
    no button."""

    text: str
    action: str = ""
    run: Callable[[], Awaitable[None]] | None = None


class Notices(State):
    """The messages that are on the screen (`all`), the newest last; where there is a form they stand above its `foot`,
    which is so many pixels high."""

    def __init__(self, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep) -> None:
        super().__init__()
        self.all: tuple[Notice, ...] = ()
        self.foot = _FOOT
        self._sleep = sleep
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def newest(self) -> Notice | None:
        """The message that came last; None when there is none."""
        return self.all[-1] if self.all else None

    def say(self, notice: Notice, seconds: float = NOTICE_SECONDS) -> None:
        """Shows a message for a while. It takes the place of the messages before it that have no button."""
        self.show(notice)
        ending = asyncio.create_task(self._end_later(notice, seconds))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    def show(self, notice: Notice) -> None:
        """Shows a message until `end`. It takes the place of the messages before it that have no button."""
        self.all = (*(n for n in self.all if n.run is not None), notice)
        self.changed()

    def end(self, notice: Notice) -> None:
        """Takes a message away, if it is there."""
        if any(n is notice for n in self.all):
            self.all = tuple(n for n in self.all if n is not notice)
            self.changed()

    def stand_above(self, foot: float) -> None:
        """Keeps clear of a form's foot, which is so many pixels high now."""
        if foot != self.foot:
            self.foot = foot
            if self.all:
                self.changed()

    async def _end_later(self, notice: Notice, seconds: float) -> None:
        await self._sleep(seconds)
        self.end(notice)

    def failed(self, error: BaseException) -> None:
        """Shows that something went wrong: a CallError in its own words, anything else in general ones, and reports
        it."""
        if isinstance(error, AnotherUser):
            return
        if not isinstance(error, CallError):
            report(error)
        text = _(error.message) if isinstance(error, CallError) else _("Something went wrong. Please try again.")
        if self.newest is None or self.newest.text != text:  # said once, even when saying it is what goes wrong
            self.say(Notice(text))
