"""What this process remembers of connections, so that a warm call reads no store: for a minute, and for 10,000 of
them.
"""

from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache, TTLCache

from backend.connections.connection import Connection, Credential
from backend.values import Clock, KeptText, Secret, Uid

REMEMBER_SECONDS = 60.0  # how long an instance may use a credential without looking at the store again
_MAX_REMEMBERED = 10_000
_MAX_TEXTS = 256  # different describes


@dataclass(slots=True)
class Remembered:
    """A credential, the sign-in that it comes from, the devices that may use it, and what is kept beside the
    connection.
    """

    credential: Credential
    created: datetime
    devices: frozenset[str]
    describes: KeptText | None


class RememberedCredentials:
    """One for each process."""

    def __init__(self, clock: Clock) -> None:
        self._cache = TTLCache[Uid, Remembered](
            _MAX_REMEMBERED, REMEMBER_SECONDS, timer=lambda: clock.now().timestamp()
        )
        self._texts = LRUCache[bytes, bytes](_MAX_TEXTS)

    def recall(self, uid: Uid) -> Remembered | None:
        return self._cache.get(uid)

    def remember(self, connection: Connection, access_token: Secret, describes: KeptText | None) -> Remembered:
        """Keeps a connection's credential; of two of the same sign-in the newer one, whichever was read first."""
        known = self.recall(connection.uid)
        if (
            known is not None
            and known.created == connection.created
            and known.credential.generation > connection.generation
        ):
            return known
        credential = Credential(connection.uid, access_token, connection.instance_url, connection.generation)
        devices, shared = frozenset(connection.devices), None if describes is None else self._shared(describes)
        remembered = self._cache[connection.uid] = Remembered(credential, connection.created, devices, shared)
        return remembered

    def remember_describes(self, uid: Uid, describes: KeptText) -> None:
        """Keeps newer describes with a credential that is remembered."""
        known = self.recall(uid)
        if known is not None:
            known.describes = self._shared(describes)  # in place: how long the credential is trusted stays as it was

    def _shared(self, describes: KeptText) -> KeptText:
        """Users with the same permissions have the same text: in memory it stands once."""
        text = self._texts.setdefault(describes.text, describes.text)
        return KeptText(text, describes.at)

    def forget(self, uid: Uid) -> None:
        self._cache.pop(uid, None)
