"""What this process remembers of connections, so that a warm call reads no store: for a minute, and for 10,000 of
them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cachetools import LRUCache

from backend.connections.connection import Connection, Credential, Grant
from backend.connections.shared_read import SharedRead
from backend.values import Attachment, Clock, Uid

REMEMBER_SECONDS = 60.0  # how long an instance may use a credential without looking at the store again
_REMEMBER, _NONE = timedelta(seconds=REMEMBER_SECONDS), timedelta()
_MAX_REMEMBERED = 10_000
_MAX_TEXTS = 256  # different attachments
_EPOCHS = 4096  # of all users together: who shares one is looked up once more than needed


class Remembered(msgspec.Struct):
    """A credential, the devices that may use it, and the connection's attachment, unsealed; `until` when it is
    remembered.
    """

    credential: Credential
    devices: frozenset[str]
    attachment: Attachment | None
    until: datetime


class RememberedCredentials:
    """The memory, and the look-ups in the store that fill it. One for each process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cache = LRUCache[Uid, Remembered](_MAX_REMEMBERED)
        self._oldest = deque[tuple[datetime, Uid]]()  # until when who is remembered; all are for equally long
        self._looking_up: dict[Uid, SharedRead[Remembered]] = {}
        self._epochs = [0] * _EPOCHS
        self._texts = LRUCache[bytes, bytes](_MAX_TEXTS)

    def recall(self, uid: Uid) -> Remembered | None:
        """What is remembered of a user's connection; None when nothing is, or it is older than REMEMBER_SECONDS."""
        remembered = self._cache.get(uid)
        if remembered is None:
            return None
        left = remembered.until - self._clock.now()  # more than it can be, when the machine's clock was set back
        if _NONE < left <= _REMEMBER:
            return remembered
        del self._cache[uid]
        return None

    async def look_up(self, uid: Uid, read: Callable[[], Coroutine[Any, Any, Remembered]]) -> Remembered:
        """What `read` returns, which reads the store and remembers the outcome. Raises what `read` raises.

        Calls that come while it runs wait for the same look-up.
        """
        looking_up = self._looking_up.get(uid)
        if looking_up is None or looking_up.is_overdue:
            looking_up = self._looking_up[uid] = SharedRead(read())
            looking_up.task.add_done_callback(lambda done: self._looked_up(uid, done))
        return await looking_up.outcome()

    def epoch(self, uid: Uid) -> int:
        """A number that `forget` changes: whoever reads or writes a connection takes it before, for `remember`."""
        return self._epochs[hash(uid) % _EPOCHS]

    def remember(
        self, connection: Connection, grant: Grant, attachment: Attachment | None, epoch: int | None = None
    ) -> Remembered:
        """Keeps a connection's credential; of two of the same sign-in the newer one, whichever was read first. One of
        an `epoch` that is over is not kept: the connection was forgotten since, because it has changed or ended.

        Returns what is remembered now, or would be.
        """
        credential = Credential(
            connection.uid,
            grant.access_token,
            grant.instance_url,
            connection.created,
            connection.generation,
            grant.key,
        )
        before = self.recall(connection.uid)
        if before is not None and before.credential.is_newer_than(credential):
            return before
        devices, shared = frozenset(connection.devices), None if attachment is None else self._shared(attachment)
        now = self._clock.now()
        until = now + _REMEMBER
        remembered = Remembered(credential, devices, shared, until)
        if epoch in (None, self.epoch(connection.uid)):
            self._cache[connection.uid] = remembered
            self._oldest.append((until, connection.uid))
            self._drop_expired(now)
        return remembered

    def _drop_expired(self, now: datetime) -> None:
        """While there are calls, no token stays in memory for longer than it may be used. Without any it may stay: an
        instance that has no calls gets no processor, so that no timer would come in time either.
        """
        while self._oldest and self._oldest[0][0] <= now:
            _, uid = self._oldest.popleft()
            remembered = self._cache.get(uid)
            if remembered is not None and remembered.until <= now:
                del self._cache[uid]

    def attach(self, uid: Uid, attachment: Attachment) -> None:
        """Replaces the attachment of a connection that is remembered; otherwise does nothing."""
        remembered = self.recall(uid)
        if remembered is not None:
            # In place: how long the credential is trusted does not change.
            remembered.attachment = self._shared(attachment)

    def forget(self, uid: Uid) -> None:
        """Forgets a connection that has changed or ended: also what a look-up or a write that began before brings."""
        self._epochs[hash(uid) % _EPOCHS] += 1
        self._cache.pop(uid, None)
        self._looking_up.pop(uid, None)

    def _looked_up(self, uid: Uid, done: asyncio.Task[Remembered]) -> None:
        looking_up = self._looking_up.get(uid)
        if looking_up is not None and looking_up.task is done:
            del self._looking_up[uid]
        else:
            # Forgotten, or overdue and another one begun: what it read may have changed since.
            self._cache.pop(uid, None)

    def _shared(self, attachment: Attachment) -> Attachment:
        """The same attachment with a text that equal ones share: users with the same permissions have the same text."""
        text = self._texts.setdefault(attachment.text, attachment.text)
        return Attachment(text, attachment.at)
