"""The backend's documents in memory: the same fences as Firestore, for tests that need no emulator. Each passes the
same tests as Firestore's (tests/functions/adapters/test_firestore.py)."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from backend.connections.audit import Chain, Entry, Event, Recorded
from backend.connections.blocks import EVERYONE
from backend.connections.connection import Connection
from backend.connections.store import Blocks, Criteria
from backend.connections.tombstones import Tombstone
from backend.connections.writes import ChainBroken, Contended, new_write_id, once
from backend.records.allowance import OrgUsage, UserUsage
from backend.records.creations import Creation
from backend.values import Uid
from tests.altered import replace
from tests.functions.line import Line, at_once

K = TypeVar("K")
V = TypeVar("V")


class MemoryCodes:
    """The authorization codes that were taken."""

    def __init__(self) -> None:
        self.line = Line()
        self._taken: dict[str, str] = {}

    async def claim(self, fingerprint: str) -> bool:
        return await claimed(self.line, self._taken, fingerprint, new_write_id())

    async def give_back(self, fingerprint: str) -> None:
        await removed(self.line, self._taken, fingerprint)


class MemoryAttempts:
    """Counts of failed sign-ins by minute."""

    def __init__(self) -> None:
        self.line = Line()
        self.counts: dict[str, Counter[str]] = {}
        self._writes: set[str] = set()

    async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        found = self.counts.setdefault(window, Counter())
        await counted(self.line, self._writes, lambda: found.update(counts))
        return {key: found[key] for key in counts}


class MemoryCreations:
    """What was made under which idempotency key; passes the same tests as Firestore's."""

    def __init__(self) -> None:
        self.line = Line()
        self._creations: dict[tuple[Uid, str], tuple[Creation, str]] = {}

    async def claim(self, uid: Uid, key: str, content: bytes) -> bool:
        return await claimed(self.line, self._creations, (uid, key), (Creation(content), new_write_id()))

    async def read(self, uid: Uid, key: str) -> Creation | None:
        found = self._creations.get((uid, key))
        return None if found is None else found[0]

    async def finish(self, uid: Uid, key: str, record_id: str) -> None:
        def write() -> None:
            creation, write_id = self._creations[uid, key]
            self._creations[uid, key] = replace(creation, record_id=record_id), write_id

        async def arrived() -> bool | None:
            creation = await self.read(uid, key)
            return True if creation is None or creation.record_id == record_id else None

        await once(lambda: sure(self.line.carry(write)), arrived, at_once)

    async def give_back(self, uid: Uid, key: str) -> None:
        await removed(self.line, self._creations, (uid, key))


class MemoryUsage:
    """What was taken from users' budgets, and what orgs have used."""

    def __init__(self) -> None:
        self.line = Line()
        self.taken: dict[tuple[str, Uid], int] = {}
        self.reported: dict[str, OrgUsage] = {}
        self._writes: set[str] = set()

    async def take(self, uid: Uid, day: str, requests: int) -> int:
        def add() -> None:
            self.taken[day, uid] = self.taken.get((day, uid), 0) + requests

        await counted(self.line, self._writes, add)
        return self.taken[day, uid]

    async def report(self, usage: OrgUsage) -> None:
        self.reported[usage.org_id] = usage

    async def orgs(self) -> Sequence[OrgUsage]:
        return list(self.reported.values())

    async def users(self, day: str) -> Sequence[UserUsage]:
        return [UserUsage(uid, taken) for (on, uid), taken in self.taken.items() if on == day]


async def sure(work: Awaitable[object]) -> bool:
    await work
    return True


async def claimed(line: Line, stored: dict[K, V], key: K, mine: V) -> bool:
    """As FirestoreCodes and FirestoreCreations claim: by a document that must not be there, with an id of its own."""

    def write() -> bool:
        if key in stored:
            raise Contended
        stored[key] = mine
        return True

    async def arrived() -> bool | None:
        return True if stored.get(key) == mine else None

    try:
        return await once(lambda: line.carry(write), arrived, at_once)
    except Contended:
        return False


async def removed(line: Line, stored: dict[K, V], key: K) -> None:
    """As they give back: what is there now, and nothing that somebody puts in its place."""
    mine = stored.get(key)

    def write() -> bool:
        if stored.get(key) == mine:
            stored.pop(key, None)
        return True

    async def arrived() -> bool | None:
        return None if stored.get(key) == mine else True

    with suppress(Contended):
        await once(lambda: line.carry(write), arrived, at_once)


async def counted(line: Line, writes: set[str], add: Callable[[], None]) -> None:
    """As FirestoreUsage and FirestoreAttempts add: once for each id of a write."""
    mine = new_write_id()

    def write() -> bool:
        if mine in writes:
            raise Contended
        writes.add(mine)
        add()
        return True

    async def arrived() -> bool | None:
        return True if mine in writes else None

    await once(lambda: line.carry(write), arrived, at_once)


def meets(criteria: Criteria, connection: Connection) -> bool:
    return (
        criteria.org_id in (None, connection.uid.org_id)
        and criteria.stay_signed_in in (None, connection.stay_signed_in)
        and (criteria.refreshed_before is None or connection.refreshed < criteria.refreshed_before)
        and (criteria.used_before is None or connection.used < criteria.used_before)
    )


class MemoryDocuments:
    """The connections with their tombstones, their audit record, and the blocks."""

    def __init__(self) -> None:
        self.line = Line()
        self._documents: dict[Uid, Connection] = {}
        self.graves: dict[str, Tombstone] = {}
        self._blocks = Blocks()
        self._entries: dict[str, list[Entry]] = {}
        self._identities: dict[str, str] = {}
        self._closed: dict[str, Chain] = {}
        self._revisions = 0

    async def read(self, uid: Uid) -> Connection | None:
        return self._documents.get(uid)

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        return await self.line.carry(lambda: self._write(connection, entry, tombstone))

    def _write(self, connection: Connection, entry: Entry | None, tombstone: Tombstone | None = None) -> Connection:
        self._check(connection)
        self._check_grave(tombstone)
        self._record(connection.uid, entry)
        self._bury(tombstone)
        before = self._documents.get(connection.uid)
        attachment = None if before is None or connection.has_ended else before.attachment
        written = replace(connection, attachment=attachment, revision=self._next())
        self._documents[connection.uid] = written
        return written

    async def attach(self, connection: Connection) -> None:
        await self.line.carry(lambda: self._attach(connection))

    def _attach(self, connection: Connection) -> None:
        self._check(connection)
        before = self._documents.get(connection.uid)
        if before is None:
            raise Contended
        self._documents[connection.uid] = replace(
            before, attachment=connection.attachment, revision=self._next(), write_id=connection.write_id
        )

    async def entry(self, subject: str, sequence: int) -> Entry | None:
        entries = self._entries.get(subject, [])
        return entries[sequence - 1] if 0 < sequence <= len(entries) else None

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        return self._entries.get(subject, [])[::-1][:count]

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        await self.line.carry(lambda: self._delete(connection, entry, tombstone))

    def _delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        self._check(connection)
        self._check_grave(tombstone)
        if connection.uid not in self._documents:
            raise Contended
        self._record(connection.uid, entry)
        self._bury(tombstone)
        if connection.chain is not None:
            self._closed[entry.subject] = connection.chain
        del self._documents[connection.uid]

    async def write_tombstone(self, tombstone: Tombstone) -> Tombstone:
        return await self.line.carry(lambda: self._write_tombstone(tombstone))

    def _write_tombstone(self, tombstone: Tombstone) -> Tombstone:
        self._check_grave(tombstone)
        self._bury(tombstone)
        return self.graves[tombstone.id]

    async def tombstone(self, id: str) -> Tombstone | None:
        return self.graves.get(id)

    async def delete_tombstone(self, tombstone: Tombstone) -> None:
        self.graves.pop(tombstone.id, None)

    async def tombstones(self) -> AsyncIterator[Tombstone]:
        for tombstone in list(self.graves.values()):
            yield tombstone

    async def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        for uid in list(self._documents):
            connection = self._documents.get(uid)
            if connection is not None and meets(criteria, connection):
                yield connection

    async def erase(self, uid: Uid) -> None:
        self._identities = {subject: who for subject, who in self._identities.items() if who != uid}

    async def read_blocks(self) -> Blocks:
        return self._blocks

    def spoil_blocks(self) -> None:
        """As FirestoreBlocks reads a list that somebody has made something else of."""
        self._blocks = Blocks(frozenset({EVERYONE}), revision=self._next(), is_whole=False)

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        await self.line.carry(lambda: self._write_blocks(blocks, entry))

    def _write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        if blocks.revision != self._blocks.revision:
            raise Contended
        self._record(None, entry)
        self._blocks = replace(blocks, revision=self._next())

    async def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every record, and whose it is."""
        ends = {c.chain.subject: c.chain for c in self._documents.values() if c.chain is not None} | self._closed
        if self._blocks.chain is not None:
            ends[self._blocks.chain.subject] = self._blocks.chain
        for subject, entries in self._entries.items():
            yield Recorded(subject, ends.get(subject), tuple(entries)), self._identities.get(subject)

    async def reseal_closed(self, reseal: Callable[[Chain], Chain]) -> int:
        self._closed = {subject: reseal(chain) for subject, chain in self._closed.items()}
        return len(self._closed)

    def _check(self, connection: Connection) -> None:
        stored = self._documents.get(connection.uid)
        if (None if stored is None else stored.revision) != connection.revision:
            raise Contended

    def _check_grave(self, tombstone: Tombstone | None) -> None:
        if tombstone is not None:
            stored = self.graves.get(tombstone.id)
            if (None if stored is None else stored.revision) != tombstone.revision:
                raise Contended

    def _bury(self, tombstone: Tombstone | None) -> None:
        if tombstone is None:
            return
        if tombstone == self.graves.get(tombstone.id):
            return  # as Firestore does: a write that changes nothing leaves the revision as it is
        if tombstone.sealed:
            self.graves[tombstone.id] = replace(tombstone, revision=self._next())
        else:
            self.graves.pop(tombstone.id, None)

    def _record(self, uid: Uid | None, entry: Entry | None) -> None:
        if entry is None:
            return
        entries = self._entries.setdefault(entry.subject, [])
        if entry.sequence <= len(entries):
            raise ChainBroken
        entries.append(entry)
        if uid is not None and entry.sequence == 1 and entry.event is not Event.ERASURE:
            self._identities[entry.subject] = uid

    def _next(self) -> int:
        self._revisions += 1
        return self._revisions
