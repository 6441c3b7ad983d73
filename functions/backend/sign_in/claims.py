"""What was taken once, remembered in this process: a flood of the same token or code is refused before the store is
asked.
"""

from typing import Protocol

from cachetools import TTLCache

_MOST = 10_000
_SECONDS = 3600.0  # as long as the store keeps a claim


class Codes(Protocol):
    """Which authorization codes and App Check tokens were taken, by their fingerprint; all instances share it."""

    async def claim(self, fingerprint: str) -> bool:
        """Claims a fingerprint; False when another call has claimed it. An own claim whose answer was lost is an own
        claim.
        """
        ...

    async def give_back(self, fingerprint: str) -> None:
        """Makes a fingerprint free again."""
        ...


class Claims:
    """Codes and tokens that are good once. One for each process; whatever it has not seen it asks the store."""

    def __init__(self, store: Codes) -> None:
        self._store = store
        self._taken = TTLCache[str, None](_MOST, _SECONDS)

    async def claim(self, fingerprint: str) -> bool:
        """Claims a fingerprint; False when it was claimed before, or somebody else is just claiming it here."""
        if fingerprint in self._taken:
            return False
        self._taken[fingerprint] = None
        try:
            return await self._store.claim(fingerprint)
        except BaseException:  # nobody knows
            self._taken.pop(fingerprint, None)
            raise

    async def give_back(self, fingerprint: str) -> None:
        """Makes a fingerprint free again: nothing was sent."""
        await self._store.give_back(fingerprint)
        self._taken.pop(fingerprint, None)
