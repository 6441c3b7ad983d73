"""Where connections and blocks are kept, and the store that commits each change together with its audit entry."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from backend.connections.audit import Audit, Chain, Entry, Event, Flaw, Recorded
from backend.connections.connection import Connection
from backend.connections.tombstones import Tombstone, TombstoneStore
from backend.connections.writes import ChainBroken, Contended, new_write_id, once
from backend.values import Clock, Uid
from contract.errors import Reason

Notice = Callable[[Connection, Event | None], None]
T = TypeVar("T")


class Blocks(msgspec.Struct, frozen=True):
    """Whom an administrator has blocked: `everyone`, org ids, uids. `chain`, `revision` and `write_id` as in a
    connection. A list that somebody has spoiled is not whole, and stands for everyone.
    """

    targets: frozenset[str] = frozenset()
    chain: Chain | None = None
    revision: object = None
    write_id: str = ""
    is_whole: bool = True


class Criteria(msgspec.Struct, frozen=True):
    """Which connections to find; what is None does not matter."""

    org_id: str | None = None
    stay_signed_in: bool | None = None
    refreshed_before: datetime | None = None
    used_before: datetime | None = None


class Documents(TombstoneStore, Protocol):
    """The store itself: whole documents, every write fenced by the revision that was read; an audit entry and a
    tombstone are written with it or none of them. A write may also raise Unanswered; and Contended or ChainBroken may
    be the answer to a write that was sent before and has arrived, which its `write_id` tells (writes.py). Everything
    raises StoreUnavailable.
    """

    async def read(self, uid: Uid) -> Connection | None:
        """The connection as it is stored, None when there is none."""
        ...

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        """Writes over exactly the revision that `connection` was read at (None: there must be none yet). The
        attachment stays as it is stored, and goes when the connection has ended. A tombstone is written over its own
        revision, and deleted when nothing is sealed in it.

        Returns the connection with its new revision. Raises Contended, ChainBroken.
        """
        ...

    async def attach(self, connection: Connection) -> None:
        """Writes `connection.attachment` and nothing else, over the revision that was read. Raises Contended."""
        ...

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        """Deletes exactly the revision that was read, and closes its record at `connection.chain`.

        Raises Contended, ChainBroken.
        """
        ...

    def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        """All connections that meet the criteria, each as it is stored when it is reached."""
        ...

    async def erase(self, uid: Uid) -> None:
        """Forgets which records belong to a user, and all else that is kept beside the connection."""
        ...

    async def read_blocks(self) -> Blocks:
        """Whom an administrator has blocked."""
        ...

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        """Writes over exactly the revision that was read. Raises Contended, ChainBroken."""
        ...

    def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every audit record, whole or not, and whose it is as long as nobody has erased that."""
        ...

    async def entry(self, subject: str, sequence: int) -> Entry | None:
        """One entry of a connection's record; None when it has none with this number."""
        ...

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        """The last entries of a record, newest first."""
        ...

    async def reseal_closed(self, reseal: Callable[[Chain], Chain]) -> int:
        """Seals the ends of all closed records anew. Returns how many there are."""
        ...


class RecordingStore:
    """The documents, with `event` recorded by the very commit that makes a change. `notice` is called with each new
    state, for the log; `broken` with the subject of a record whose end does not fit its entries; `tampered` with the
    user whose connection was changed from outside."""

    def __init__(
        self,
        documents: Documents,
        audit: Audit,
        clock: Clock,
        notice: Notice = lambda _connection, _event: None,
        broken: Callable[[str], None] = lambda _subject: None,
        tampered: Callable[[Uid], None] = lambda _uid: None,
    ) -> None:
        self._documents = documents
        self._audit = audit
        self._clock = clock
        self._notice = notice
        self._broken = broken
        self.report_tampered = tampered

    async def read(self, uid: Uid) -> Connection | None:
        """The connection as it is stored, None when there is none."""
        connection = await self._documents.read(uid)
        if connection is not None and connection.ended_reason is Reason.CONNECTION_TAMPERED:
            self.report_tampered(uid)
        return connection

    def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        """All connections that meet the criteria, each as it is stored when it is reached."""
        return self._documents.find(criteria)

    async def attach(self, connection: Connection) -> None:
        """Writes `connection.attachment` and nothing else, over the revision that was read. Raises Contended."""
        marked = replace(connection, write_id=new_write_id())

        async def write() -> Connection:
            await self._documents.attach(marked)
            return marked

        await once(write, lambda: self._arrived(marked, None), self._clock.sleep)

    async def erase(self, uid: Uid) -> None:
        """Forgets which records belong to a user, and all else that is kept beside the connection."""
        await self._documents.erase(uid)

    async def read_blocks(self) -> Blocks:
        """Whom an administrator has blocked."""
        return await self._documents.read_blocks()

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        """The last entries of a record, newest first."""
        return await self._documents.newest_entries(subject, count)

    async def write_tombstone(self, tombstone: Tombstone) -> Tombstone:
        """Writes over exactly the revision that it was read at. Raises Contended."""

        async def arrived() -> Tombstone | None:
            stored = await self._documents.tombstone(tombstone.id)
            # What is sealed twice is never sealed alike, so that this is the very write.
            written = (tombstone.sealed, tombstone.claims)
            return stored if stored is not None and (stored.sealed, stored.claims) == written else None

        return await once(lambda: self._documents.write_tombstone(tombstone), arrived, self._clock.sleep)

    async def tombstone(self, id: str) -> Tombstone | None:
        """The tombstone as it is stored, None when there is none."""
        return await self._documents.tombstone(id)

    async def delete_tombstone(self, tombstone: Tombstone) -> None:
        """Deletes it, whatever its revision."""
        await self._documents.delete_tombstone(tombstone)

    def tombstones(self) -> AsyncIterator[Tombstone]:
        """All tombstones."""
        return self._documents.tombstones()

    async def write(
        self,
        connection: Connection,
        event: Event | None = None,
        *,
        by: str = "",
        reason: str = "",
        tombstone: Tombstone | None = None,
    ) -> Connection:
        """Writes a connection over the revision that it was read at, with an audit entry for `event` (None: without
        one), and a tombstone with it.

        Returns it with its new revision. Raises Contended.
        """
        if event is None:
            written = await self._write(connection, None, tombstone)
        else:

            def commit(chain: Chain, entry: Entry) -> Awaitable[Connection]:
                return self._write(replace(connection, chain=chain), entry, tombstone)

            written = await self._commit(connection.chain, commit, event, by, connection.generation, reason)
        self._notice(written, event)
        return written

    async def delete(
        self, connection: Connection, event: Event, *, by: str, reason: str = "", tombstone: Tombstone | None = None
    ) -> str:
        """Deletes a connection, writes a tombstone with it, and closes its record; returns the hash of its last entry.

        Raises Contended.
        """

        async def commit(chain: Chain, entry: Entry) -> str:
            marked = replace(entry, write_id=new_write_id())

            async def write() -> str:
                await self._documents.delete(replace(connection, chain=chain), marked, tombstone)
                return chain.hash

            async def arrived() -> str | None:
                return chain.hash if await self._is_recorded(marked) else None

            return await once(write, arrived, self._clock.sleep)

        receipt = await self._commit(connection.chain, commit, event, by, connection.generation, reason)
        self._notice(connection, event)
        return receipt

    async def write_blocks(self, blocks: Blocks, event: Event, *, by: str, reason: str) -> None:
        """Writes blocks over the revision that they were read at. Raises Contended."""
        await self._commit(
            blocks.chain,
            lambda chain, entry: self._write_blocks(replace(blocks, chain=chain), entry),
            event,
            by,
            0,
            reason,
        )

    def with_new_seal(self, connection: Connection) -> Connection:
        """The connection with the end of its record sealed by the newest key."""
        return (
            connection if connection.chain is None else replace(connection, chain=self._audit.reseal(connection.chain))
        )

    async def reseal_records(self) -> int:
        """Seals the records of blocks and of deleted connections with the newest key; returns how many these are."""
        while True:
            blocks = await self.read_blocks()
            try:
                if blocks.chain is not None:
                    await self._write_blocks(replace(blocks, chain=self._audit.reseal(blocks.chain)), None)
                break
            except Contended:
                continue
        return await self._documents.reseal_closed(self._audit.reseal)

    async def check_records(self) -> tuple[int, int, dict[str, Flaw]]:
        """The number of records, the number of entries, and the first flaw of each record that has one, by subject."""
        records = entries = 0
        flaws: dict[str, Flaw] = {}
        async for recorded, _ in self._documents.recorded():
            records, entries = records + 1, entries + len(recorded.entries)
            flaw = self._audit.flaw(recorded)
            if flaw is not None:
                flaws[recorded.subject] = flaw
        return records, entries, flaws

    async def _write(
        self, connection: Connection, entry: Entry | None, tombstone: Tombstone | None = None
    ) -> Connection:
        marked = replace(connection, write_id=new_write_id())
        with_it = None if entry is None else replace(entry, write_id=marked.write_id)
        return await once(
            lambda: self._documents.write(marked, with_it, tombstone),
            lambda: self._arrived(marked, with_it),
            self._clock.sleep,
        )

    async def _arrived(self, marked: Connection, entry: Entry | None) -> Connection | None:
        """The connection that a write has stored, None when it has not. When somebody has written over it since, its
        audit entry says so; what is returned has the revision before then, over which nobody can write.
        """
        stored = await self._documents.read(marked.uid)
        if stored is not None and stored.write_id == marked.write_id:
            return stored
        return marked if entry is not None and await self._is_recorded(entry) else None

    async def _is_recorded(self, entry: Entry) -> bool:
        stored = await self._documents.entry(entry.subject, entry.sequence)
        return stored is not None and stored.write_id == entry.write_id

    async def _write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        marked = replace(blocks, write_id=new_write_id())

        async def write() -> bool:
            await self._documents.write_blocks(marked, entry)
            return True

        async def arrived() -> bool | None:
            return True if (await self._documents.read_blocks()).write_id == marked.write_id else None

        await once(write, arrived, self._clock.sleep)

    async def _commit(
        self,
        chain: Chain | None,
        commit: Callable[[Chain, Entry], Awaitable[T]],
        event: Event,
        by: str,
        generation: int,
        reason: str,
    ) -> T:
        """Commits with the entry that follows `chain`; with the first of a new record when the stored one is broken."""
        at = self._clock.now()
        try:
            return await commit(*self._audit.append(chain, event, at=at, by=by, generation=generation, reason=reason))
        except ChainBroken:
            self._broken("" if chain is None else chain.subject)
            return await commit(*self._audit.append(None, event, at=at, by=by, generation=generation, reason=reason))
