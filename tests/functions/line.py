"""The way to a store in memory, on which answers go astray as those of Firestore do."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import TypeVar

from backend.connections.writes import ChainBroken, Contended, Unanswered

T = TypeVar("T")


class Fate(Enum):
    """What becomes of a write."""

    CONTENDED = "it is carried out, and the answer is that somebody else was first"
    UNANSWERED = "it is carried out, and no answer comes"
    LATE = "it hangs until nobody waits for it any more, and is carried out later"


class Line:
    """Does to the next writes what it was told; a new one does nothing."""

    def __init__(self) -> None:
        self.fates: list[Fate] = []
        self._late: list[Callable[[], object]] = []

    async def carry(self, write: Callable[[], T]) -> T:
        """Carries out a write, or not yet. Raises what `write` raises, or as its fate is."""
        fate = self.fates.pop(0) if self.fates else None
        if fate is Fate.LATE:
            self._late.append(write)
            raise Unanswered
        outcome = write()
        if fate is not None:
            raise Contended if fate is Fate.CONTENDED else Unanswered
        return outcome

    def recover(self) -> int:
        """What hung is carried out, as far as its fence lets it. Returns how many writes there were."""
        late, self._late = self._late, []
        for write in late:
            with suppress(Contended, ChainBroken):
                write()
        return len(late)


async def at_once(_seconds: float) -> None:
    """Sleeps no time."""
    await asyncio.sleep(0)
