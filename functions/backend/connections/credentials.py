"""What this process remembers of connections, so that a warm call reads no store: for a minute, and for 10,000 of them."""

from dataclasses import dataclass
from datetime import datetime

from cachetools import TTLCache

from backend.connections.connection import Connection, Credential
from backend.values import Clock, Secret, Uid

REMEMBER_SECONDS = 60.0  # how long an instance may use a credential without looking at the store again
_MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Remembered:
    """A credential, the sign-in that it comes from, and the devices that may use it."""

    credential: Credential
    created: datetime
    devices: frozenset[str]


class RememberedCredentials:
    """One for each process."""

    def __init__(self, clock: Clock) -> None:
        self._cache = TTLCache[Uid, Remembered](_MAX_REMEMBERED, REMEMBER_SECONDS, timer=lambda: clock.now().timestamp())

    def recall(self, uid: Uid) -> Remembered | None:
        return self._cache.get(uid)

    def remember(self, connection: Connection, access_token: Secret) -> Remembered:
        """Keeps a connection's credential; of two of the same sign-in the newer one, whichever was read first."""
        known = self.recall(connection.uid)
        if known is not None and known.created == connection.created and known.credential.generation > connection.generation:
            return known
        credential = Credential(connection.uid, access_token, connection.instance_url, connection.generation)
        remembered = self._cache[connection.uid] = Remembered(credential, connection.created, frozenset(connection.devices))
        return remembered

    def forget(self, uid: Uid) -> None:
        self._cache.pop(uid, None)
