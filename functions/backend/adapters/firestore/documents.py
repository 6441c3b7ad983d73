"""Connections in Cloud Firestore: one document each, every write fenced by the document's update time.

Preconditions instead of transactions: a contended transaction waits for locks, a failed precondition says so at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter
from msgspec.structs import replace

from backend.adapters.firestore import audit
from backend.adapters.firestore.audit import commit, write_to
from backend.adapters.firestore.blocks import FirestoreBlocks
from backend.adapters.firestore.fields import (
    NO_ATTACHMENT,
    NO_OLD_FIELDS,
    attachment_fields,
    chain_of,
    connection_fields,
    connection_of,
)
from backend.adapters.firestore.requests import answered, pages
from backend.adapters.firestore.shared import CONNECTIONS, CREATIONS, USAGE, span
from backend.adapters.firestore.tombstones import FirestoreTombstones
from backend.adapters.old_records import OldRecords
from backend.connections.audit import Chain, Entry, Event, Recorded
from backend.connections.connection import Connection
from backend.connections.store import Blocks, Criteria
from backend.connections.tombstones import Tombstone
from backend.values import Uid


class FirestoreDocuments(FirestoreTombstones):
    """The Documents of connections/store.py: connections with their tombstones, blocks and the audit record. `blocks`
    is the client of the database that the blocks are in (None: they are in the same), `old` reads connections in the
    old layout.
    """

    def __init__(self, client: AsyncClient, blocks: AsyncClient | None = None, old: OldRecords | None = None) -> None:
        super().__init__(client)
        self._blocks = FirestoreBlocks(blocks or client)
        self._old = old

    async def read(self, uid: Uid) -> Connection | None:
        with span("read", CONNECTIONS):
            snapshot = await answered(self._document(uid).get)
        return connection_of(snapshot, self._old) if snapshot.exists else None

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        gone = NO_ATTACHMENT if connection.has_ended and connection.revision is not None else {}
        old = {} if connection.revision is None else NO_OLD_FIELDS
        fields = {**connection_fields(connection), **gone, **old}
        results = await self._commit(connection, fields, entry, tombstone)
        return replace(connection, revision=results[0].update_time)

    async def attach(self, connection: Connection) -> None:
        assert connection.attachment is not None
        await self._commit(
            connection, {**attachment_fields(connection.attachment), "writeId": connection.write_id}, None
        )

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        document = self._document(connection.uid)
        fence = self._client.write_option(last_update_time=connection.revision)
        await commit(
            self._client,
            document,
            connection.revision,
            self._with(lambda batch: batch.delete(document, option=fence), tombstone),
            entry,
            uid=None if entry.event is Event.ERASURE else connection.uid,
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
        async for creation in pages(self._document(uid).collection(CREATIONS)):
            await answered(creation.reference.delete)
        async for used in pages(self._client.collection(USAGE).where(filter=FieldFilter("uid", "==", uid))):
            await answered(used.reference.delete)
        await audit.forget_whose(self._client, uid)

    async def read_blocks(self) -> Blocks:
        return await self._blocks.read()

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        await self._blocks.write(blocks, entry)

    async def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every chain of the audit record, whole or not, and whose it is as long as nobody has erased that."""
        open_ends: dict[str, Chain] = {}
        async for snapshot in pages(self._client.collection(CONNECTIONS)):
            open_ends |= {c.subject: c for c in [chain_of(snapshot.to_dict())] if c is not None}
        blocks = {c.subject: c for c in [(await self.read_blocks()).chain] if c is not None}
        if self._blocks.client is not self._client:
            async for record in audit.recorded(self._blocks.client, blocks):
                yield record
            # Those of a release that had them here: their record stays where it is.
            before = (await FirestoreBlocks(self._client).read()).chain
            blocks = {} if before is None else {before.subject: before}
        async for record in audit.recorded(self._client, open_ends | blocks):
            yield record

    async def entry(self, subject: str, sequence: int) -> Entry | None:
        return await audit.entry_at(self._client, subject, sequence)

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        return await audit.newest_entries(self._client, subject, count)

    async def reseal_closed(self, reseal: Callable[[Chain], Chain]) -> int:
        """Seals the ends of all closed chains anew. Returns how many there are."""
        return await audit.reseal_closed(self._client, reseal)

    def _document(self, uid: Uid) -> Any:
        return self._client.collection(CONNECTIONS).document(uid)

    async def _commit(
        self, connection: Connection, fields: Mapping[str, Any], entry: Entry | None, tombstone: Tombstone | None = None
    ) -> Sequence[Any]:
        """Writes fields over the revision of the connection that was read, and a tombstone with them."""
        document, revision = self._document(connection.uid), connection.revision
        work = self._with(write_to(self._client, document, revision, fields), tombstone)
        return await commit(self._client, document, revision, work, entry, uid=connection.uid)

    def _with(self, work: Callable[[Any], None], tombstone: Tombstone | None) -> Callable[[Any], None]:
        """The work, and a tombstone in the same commit."""

        def both(batch: Any) -> None:
            work(batch)
            if tombstone is not None:
                self.bury(batch, tombstone)

        return both
