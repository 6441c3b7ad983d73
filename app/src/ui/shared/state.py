"""What view models have in common: they tell who paints them, and load behind what was seen before. No Flet in here."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from contract.errors import CallError
from data.repositories.calls import AnotherUser
from data.repositories.shelf import Fetch

T = TypeVar("T")
SEARCH_AFTER = 0.3  # seconds of rest after the last key
OLD_SECONDS = 60.0  # what was fetched longer ago says its age


class State:
    """Something that is shown."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls the listener at every change from now on, once, however often it is given; returns what ends that."""
        if listener not in self._listeners:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class Screen(State):
    """What a place shows; it is loaded at every visit."""

    @property
    def has_content(self) -> bool:
        """Whether there is more to see than a skeleton."""
        return True

    async def load(self) -> None:
        """Shows what was seen before, and fetches what is true now."""


class Live(State, Generic[T]):
    """A value that is shown as it was seen last, and fetched anew behind."""

    def __init__(self, fetch: Fetch[T], now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._fetch = fetch
        self._now = now
        self.value: T | None = None
        self.at = 0.0
        self.loading = False
        self.problem: CallError | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the value was true, when it is old and the newest could not be had or is not there yet."""
        if self.value is None or not (self.loading or self.problem is not None):
            return None
        age = self._now() - self.at
        return age if age > OLD_SECONDS else None

    async def load(self) -> bool:
        """Shows what was seen before, then what is true now. A value that is there already is only fetched anew.

        False when it was loaded already, or when another user uses the app by now.
        """
        if self.loading:
            return False
        self.loading = True
        if self.value is None:
            seen = await self._fetch.seen()
            if seen is not None:
                self.value, self.at = seen.value, seen.at
        self.changed()
        try:
            self.value, self.problem = await self._fetch.get(), None
            self.at = self._now()
        except CallError as failed:
            self.problem = failed
        except AnotherUser:
            return False
        finally:
            self.loading = False
        self.changed()
        return True


class Questions:
    """Numbers what is asked, so that an answer that a newer question has overtaken can be dropped."""

    def __init__(self) -> None:
        self.last = 0

    def new(self) -> int:
        self.last += 1
        return self.last

    def is_last(self, question: int) -> bool:
        return question == self.last

    async def rested(self) -> bool:
        """Asks anew, and tells after a rest of SEARCH_AFTER seconds whether that is still the last question."""
        question = self.new()
        await asyncio.sleep(SEARCH_AFTER)
        return self.is_last(question)
