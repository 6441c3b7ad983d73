"""Connections in Cloud Firestore: one document each, every write fenced by the document's update time.

Preconditions instead of transactions: a contended transaction waits for locks, a failed precondition says so at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from backend.adapters.firestore.fields import (
    NO_ATTACHMENT,
    NO_OLD_FIELDS,
    attachment_fields,
    chain_fields,
    chain_of,
    connection_fields,
    connection_of,
    entry_fields,
    entry_of,
    targets_of,
)
from backend.adapters.firestore.shared import AUDIT, BLOCKS, CONNECTIONS, CREATIONS, ENTRIES, USAGE, pages, span
from backend.adapters.firestore.tombstones import FirestoreTombstones
from backend.adapters.old_records import OldRecords
from backend.connections.audit import Chain, Entry, Event, Recorded
from backend.connections.connection import Connection
from backend.connections.store import Blocks, ChainBroken, Contended, Criteria
from backend.connections.tombstones import Tombstone
from backend.values import Uid


class FirestoreDocuments(FirestoreTombstones):
    """The Documents of connections/store.py: connections with their tombstones, blocks and the audit record.

    `old` reads connections in the old layout.
    """

    def __init__(self, client: AsyncClient, old: OldRecords | None = None) -> None:
        super().__init__(client)
        self._old = old

    async def read(self, uid: Uid) -> Connection | None:
        with span("read", CONNECTIONS):
            snapshot = await self._client.collection(CONNECTIONS).document(uid).get()
        return connection_of(snapshot, self._old) if snapshot.exists else None

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        document = self._client.collection(CONNECTIONS).document(connection.uid)
        gone = NO_ATTACHMENT if connection.has_ended and connection.revision is not None else {}
        old = {} if connection.revision is None else NO_OLD_FIELDS
        work = self._write_to(document, connection.revision, {**connection_fields(connection), **gone, **old})
        results = await self._commit(document, connection.revision, self._with(work, tombstone), entry)
        return replace(connection, revision=results[0].update_time)

    async def attach(self, connection: Connection) -> None:
        document = self._client.collection(CONNECTIONS).document(connection.uid)
        assert connection.attachment is not None
        work = self._write_to(document, connection.revision, attachment_fields(connection.attachment))
        await self._commit(document, connection.revision, work, None)

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        document = self._client.collection(CONNECTIONS).document(connection.uid)
        fence = self._client.write_option(last_update_time=connection.revision)
        await self._commit(
            document,
            connection.revision,
            self._with(lambda batch: batch.delete(document, option=fence), tombstone),
            entry,
            closed=connection.chain,
        )

    async def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        query = self._client.collection(CONNECTIONS)
        for name, operator, value in (
            ("orgId", "==", criteria.org_id),
            ("staySignedIn", "==", criteria.stay_signed_in),
            ("refreshed", "<", criteria.refreshed_before),
            ("used", "<", criteria.used_before),
        ):
            if value is not None:
                query = query.where(filter=FieldFilter(name, operator, value))
        async for snapshot in pages(query):
            yield connection_of(snapshot, self._old)

    async def erase(self, uid: Uid) -> None:
        async for creation in self._client.collection(CONNECTIONS).document(uid).collection(CREATIONS).list_documents():
            await creation.delete()
        for used in await self._client.collection(USAGE).where(filter=FieldFilter("uid", "==", uid)).get():
            await used.reference.delete()
        async for chain in self._client.collection(AUDIT).where(filter=FieldFilter("uid", "==", uid)).stream():
            await chain.reference.update({"uid": None})

    async def read_blocks(self) -> Blocks:
        with span("read", BLOCKS):
            snapshot = await self._client.collection(BLOCKS).document("current").get()
        if not snapshot.exists:
            return Blocks()
        document = cast(Mapping[str, Any], snapshot.to_dict())
        return Blocks(targets_of(document), chain_of(document), snapshot.update_time)

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        document = {"targets": sorted(blocks.targets), **({} if blocks.chain is None else chain_fields(blocks.chain))}
        current = self._client.collection(BLOCKS).document("current")
        await self._commit(current, blocks.revision, self._write_to(current, blocks.revision, document), entry)

    async def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every chain of the audit record, whole or not, and whose it is as long as nobody has erased that."""
        open_ends: dict[str, Chain | None] = {}
        async for snapshot in pages(self._client.collection(CONNECTIONS)):
            open_ends |= {c.subject: c for c in [chain_of(snapshot.to_dict())] if c is not None}
        blocks = await self.read_blocks()
        if blocks.chain is not None:
            open_ends[blocks.chain.subject] = blocks.chain
        subjects = {reference.id async for reference in self._client.collection(AUDIT).list_documents()}
        for subject in sorted(subjects | set(open_ends)):
            snapshot = await self._client.collection(AUDIT).document(subject).get()
            document = cast(Mapping[str, Any], snapshot.to_dict() or {})
            read = [entry_of(e.to_dict()) async for e in pages(snapshot.reference.collection(ENTRIES))]
            entries = [entry for entry in read if entry is not None]  # what is none shows as missing
            end = chain_of(document) if document.get("closed") else open_ends.get(subject)
            yield Recorded(subject, end, entries), document.get("uid")

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        entries = self._client.collection(AUDIT).document(subject).collection(ENTRIES)
        newest = await entries.order_by("sequence", direction="DESCENDING").limit(count).get()
        return [entry for entry in (entry_of(e.to_dict()) for e in newest) if entry is not None]

    async def reseal_closed(self, reseal: Callable[[Chain], Chain]) -> int:
        """Seals the ends of all closed chains anew. Returns how many there are."""
        done = 0
        async for snapshot in pages(self._client.collection(AUDIT).where(filter=FieldFilter("closed", "==", True))):
            chain = chain_of(snapshot.to_dict())
            if chain is not None:
                await snapshot.reference.update(chain_fields(reseal(chain)))
                done += 1
        return done

    def _with(self, work: Callable[[Any], None], tombstone: Tombstone | None) -> Callable[[Any], None]:
        """The work, and a tombstone in the same commit."""

        def both(batch: Any) -> None:
            work(batch)
            if tombstone is not None:
                self.bury(batch, tombstone)

        return both

    def _write_to(self, document: Any, revision: object, fields: Mapping[str, Any]) -> Callable[[Any], None]:
        def work(batch: Any) -> None:
            if revision is None:
                batch.create(document, fields)
            else:
                batch.update(document, fields, option=self._client.write_option(last_update_time=revision))

        return work

    async def _commit(
        self,
        document: Any,
        revision: object,
        work: Callable[[Any], None],
        entry: Entry | None,
        *,
        closed: Chain | None = None,
    ) -> Sequence[Any]:
        """One commit: the work on a document as it was read, and its audit entry; both or neither.

        `closed` ends its chain.
        """
        batch = self._client.batch()
        work(batch)
        if entry is not None:
            chain = self._client.collection(AUDIT).document(entry.subject)
            end = {"closed": closed is not None, **({} if closed is None else chain_fields(closed))}
            if entry.sequence == 1:
                nameless = document.parent.id == BLOCKS or entry.event is Event.ERASURE
                batch.create(chain, {"uid": None if nameless else document.id, **end})
            elif closed is not None:
                batch.set(chain, end, merge=True)
            batch.create(chain.collection(ENTRIES).document(f"{entry.sequence:010d}"), entry_fields(entry))
        try:
            with span("write", document.parent.id, audited=entry is not None):
                return await batch.commit()
        except (FailedPrecondition, NotFound, Aborted) as lost:
            raise Contended from lost
        except AlreadyExists as lost:
            snapshot = await document.get()
            if entry is not None and (snapshot.update_time if snapshot.exists else None) == revision:
                raise ChainBroken from lost  # the document is as it was read, so it is the entry that exists already
            raise Contended from lost
