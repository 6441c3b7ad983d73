"""What view models have in common: they tell who paints them, and load behind what was seen before. No Flet in here."""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from contract.errors import CallError, Misconfigured, Reason
from data.repositories.calls import AnotherUser
from data.repositories.shelf import Fetch

T = TypeVar("T")
# Seconds of rest after the last key: more than between two keys of whoever types slowly, 0.3.
SEARCH_AFTER = 0.4
# And where an input method may still be at work, which Flutter tells nobody: a candidate is looked for meanwhile.
COMPOSED_AFTER = 1.0
# What input methods make on the way to a word: kana, bopomofo and single jamo, full-width letters, and a syllable that
# has begun (にh).
_BEING_COMPOSED = re.compile(
    "[\u1100-\u11ff\u3041-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f]"
    "[a-z]{0,3}$",
    re.IGNORECASE,
)
OLD_SECONDS = 60.0  # what was fetched longer ago says its age


def went_wrong() -> CallError:
    """Why something has no answer that was cut short, or ended in a way that nobody has thought of."""
    return Misconfigured(Reason.INTERNAL)


class State:
    """Something that the screen shows; it calls its listeners at each change."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls the listener at each change from now on; one that is there already is not added twice. Returns what
        ends it."""
        if listener not in self._listeners:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        """Calls all listeners."""
        for listener in tuple(self._listeners):
            listener()


class Screen(State):
    """The state of a place. It is loaded at each visit."""

    @property
    def has_content(self) -> bool:
        """Whether there is more to see than a skeleton."""
        return True

    async def load(self) -> None:
        """Shows what the device kept of it, and fetches it anew."""


class Live(State, Generic[T]):
    """A value that is shown as the device kept it while it is fetched anew. `at` is when it was fetched (seconds since
    the epoch), `problem` why it could not be."""

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
        """The value's age in seconds, while an old value is shown because a newer one is not there; else None."""
        if self.value is None or not (self.loading or self.problem is not None):
            return None
        age = self._now() - self.at
        return age if age > OLD_SECONDS else None

    async def load(self) -> bool:
        """Shows what the device kept, unless there is a value already, and fetches it anew. Returns False when it was
        being loaded already, or when the user has changed meanwhile."""
        if self.loading:
            return False
        self.loading = True
        try:
            if self.value is None:
                seen = await self._fetch.seen()
                if seen is not None:
                    self.value, self.at = seen.value, seen.at
            self.changed()
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
    """Numbers questions, so that an answer that a newer question has overtaken can be dropped."""

    def __init__(self) -> None:
        self.last = 0
        self._entered = asyncio.Event()

    def new(self) -> int:
        """The number of a new question."""
        self.last += 1
        return self.last

    def is_last(self, question: int) -> bool:
        """Whether no question was asked after this one."""
        return question == self.last

    async def rested(self, text: str) -> bool:
        """Asks a new question, and waits until whoever types has rested after this text, or has entered it. Returns
        whether it is still the last one."""
        question, self._entered = self.new(), asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(COMPOSED_AFTER if _BEING_COMPOSED.search(text) else SEARCH_AFTER):
                await self._entered.wait()
        return self.is_last(question)

    def enter(self) -> None:
        """Ends the rest after the text that was typed last."""
        self._entered.set()
