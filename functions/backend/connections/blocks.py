"""Whom an administrator has blocked; every instance reads it again every few seconds while it has calls."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from backend.connections.audit import Event
from backend.connections.shared_read import SharedRead
from backend.connections.store import Blocks, Contended, RecordingStore
from backend.values import Clock, Uid
from contract.errors import ConnectionLost, Reason

LOOK_AGAIN_SECONDS = 2.0  # after this long the blocks are read again behind a call
TRUST_SECONDS = 10.0  # and after this long before the call goes on
_LOOK_AGAIN, _TRUST, _NONE = timedelta(seconds=LOOK_AGAIN_SECONDS), timedelta(seconds=TRUST_SECONDS), timedelta()
EVERYONE = "everyone"
_TARGET = re.compile(r"everyone|00D[A-Za-z0-9]{15}(_005[A-Za-z0-9]{15})?")


class BlockList:
    """Sets, lifts and looks up blocks. One for each process."""

    def __init__(self, store: RecordingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._blocks = Blocks()
        self._read_at: datetime | None = None
        self._begun = self._newest = 0  # reads that have begun, and the one of them that brought the blocks
        self._reading: SharedRead[None] | None = None

    async def check(self, uid: Uid) -> None:
        """Raises ConnectionLost(access-stopped) for a blocked user. Waits for the store only after a pause in calls."""
        age = timedelta.max if self._read_at is None else self._clock.now() - self._read_at
        age = timedelta.max if age < _NONE else age  # the machine's clock was set back
        if age > _LOOK_AGAIN:
            if self._reading is None or self._reading.task.done() or self._reading.is_overdue:
                self._reading = SharedRead(self._read())
            if age > _TRUST:
                await self._reading.outcome()
        self._refuse(uid)

    async def check_now(self, uid: Uid) -> None:
        """Reads the blocks, then raises ConnectionLost(access-stopped) for a blocked user; for a sign-in."""
        await self._read()
        self._refuse(uid)

    async def block(self, target: str, *, by: str) -> None:
        """Blocks `everyone`, an org (its id) or a user (the uid), under an administrator's name. Raises ValueError for
        another target.
        """
        checked(target)
        await self._change(lambda targets: targets | {target}, Event.BLOCK, target, by)

    async def unblock(self, target: str, *, by: str) -> None:
        """Takes a block back; its users may sign in again. Raises ValueError when there is no such block."""
        if checked(target) not in (await self._store.read_blocks()).targets:
            raise ValueError(f"{target} is not blocked")
        await self._change(lambda targets: targets - {target}, Event.UNBLOCK, target, by)

    def _refuse(self, uid: Uid) -> None:
        if concern(self._blocks, uid):
            raise ConnectionLost(Reason.ACCESS_STOPPED)

    async def _change(
        self, change: Callable[[frozenset[str]], frozenset[str]], event: Event, target: str, by: str
    ) -> None:
        reason = "one user" if Uid(target).user_id else target  # the record outlives a user's erasure
        while True:
            blocks = await self._store.read_blocks()
            try:
                return await self._store.write_blocks(
                    replace(blocks, targets=change(blocks.targets)), event, by=by, reason=reason
                )
            except Contended:
                continue

    async def _read(self) -> None:
        self._begun += 1
        number, began = self._begun, self._clock.now()
        blocks = await self._store.read_blocks()
        if number > self._newest:  # one that took long may come after a later one
            self._blocks, self._read_at, self._newest = blocks, began, number


def concern(blocks: Blocks, uid: Uid) -> bool:
    """Whether a user is blocked."""
    return bool(blocks.targets) and not blocks.targets.isdisjoint((EVERYONE, uid.org_id, str(uid)))


def checked(target: str) -> str:
    """`target` when it names everyone, an org or a user. Raises ValueError."""
    if _TARGET.fullmatch(target) is None:
        raise ValueError("name everyone, an org by its 18-character id, or a user by the uid ORG_USER")
    return target
