"""The kill switch: whom an administrator has shut out, and how every instance hears of it within seconds."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from backend.core.audit import Audit
from backend.core.connection import Chain, Clock, Contended, Entry, Event
from contract.errors import ConnectionLost, Reason

LOOK_AGAIN_SECONDS = 2.0  # what an instance knows is looked up again in the background after this long
TRUST_SECONDS = 10.0  # and before it answers, after this long
EVERYONE = "everyone"
_TARGET = re.compile(r"everyone|00D[A-Za-z0-9]{15}(_005[A-Za-z0-9]{15})?")


@dataclass(frozen=True, slots=True)
class Stops:
    """Who is shut out: `everyone`, org ids, uids. `revision` is the store's own mark."""

    targets: frozenset[str] = frozenset()
    chain: Chain | None = None
    revision: object = None

    def cover(self, uid: str) -> bool:
        return bool(self.targets) and not self.targets.isdisjoint((EVERYONE, uid.partition("_")[0], uid))


class StopStore(Protocol):
    """Where the stops are kept."""

    async def read_stops(self) -> Stops: ...

    async def write_stops(self, stops: Stops, entry: Entry | None) -> None:
        """Writes over exactly the revision that was read, an audit entry with it. Raises Contended, ChainBroken."""
        ...


class KillSwitch:
    """Sets, lifts and looks up stops. One for each process."""

    def __init__(self, store: StopStore, audit: Audit, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._known = Stops()
        self._looked: datetime | None = None
        self._looking: asyncio.Task[None] | None = None

    async def check(self, uid: str) -> None:
        """Raises ConnectionLost(access-stopped) for one who is shut out. Waits for the store only after a pause in calls."""
        age = timedelta.max if self._looked is None else self._clock.now() - self._looked
        if age > timedelta(seconds=LOOK_AGAIN_SECONDS):
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
                self._looking.add_done_callback(lambda look: look.cancelled() or look.exception())  # whoever needs it awaits it
            if age > timedelta(seconds=TRUST_SECONDS):
                await asyncio.shield(self._looking)
        if self._known.cover(uid):
            raise ConnectionLost(Reason.ACCESS_STOPPED)

    async def check_now(self, uid: str) -> None:
        """The same by what the store says at this moment, for a sign-in."""
        self._known, self._looked = await self._store.read_stops(), self._clock.now()
        await self.check(uid)

    async def stop(self, target: str, *, by: str) -> None:
        """Shuts out `everyone`, an org or a user. Raises ValueError for anything else."""
        checked(target)
        await self._change(lambda targets: targets | {target}, Event.KILL, target, by)

    async def lift(self, target: str, *, by: str) -> None:
        """Takes a stop back; who was shut out signs in anew. Raises ValueError when there is no such stop."""
        if checked(target) not in (await self._store.read_stops()).targets:
            raise ValueError(f"{target} is not stopped")
        await self._change(lambda targets: targets - {target}, Event.LIFT, target, by)

    async def targets(self) -> frozenset[str]:
        """Who is shut out now."""
        return (await self._store.read_stops()).targets

    async def reseal(self) -> None:
        """Seals the record of kills with the newest key."""
        while True:
            stops = await self._store.read_stops()
            try:
                return None if stops.chain is None else await self._store.write_stops(replace(stops, chain=self._audit.reseal(stops.chain)), None)
            except Contended:
                continue

    async def _change(self, change: Callable[[frozenset[str]], frozenset[str]], event: Event, target: str, by: str) -> None:
        what = "one user" if "_" in target else target  # the record outlives a user's erasure
        while True:
            stops = await self._store.read_stops()

            async def write(chain: Chain, entry: Entry, stops: Stops = stops) -> None:
                await self._store.write_stops(replace(stops, targets=change(stops.targets), chain=chain), entry)

            try:
                return await self._audit.commit(stops.chain, event, write, at=self._clock.now(), by=by, reason=what)
            except Contended:
                continue

    async def _look(self) -> None:
        try:
            asked = self._clock.now()
            self._known = await self._store.read_stops()
            self._looked = asked
        finally:
            self._looking = None


def checked(target: str) -> str:
    """`target` when it names everyone, an org or a user. Raises ValueError."""
    if _TARGET.fullmatch(target) is None:
        raise ValueError("name everyone, an org by its 18-character id, or a user by the uid ORG_USER")
    return target
