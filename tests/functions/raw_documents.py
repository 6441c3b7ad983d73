"""The store in memory with documents field by field, as Firestore has them and somebody may change them."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from backend.adapters.firestore.fields import NO_OLD_FIELDS, attachment_fields, connection_fields, connection_of
from backend.adapters.old_records import OldRecords
from backend.connections.audit import Entry
from backend.connections.connection import Connection
from backend.connections.store import Criteria
from backend.connections.tombstones import Tombstone
from backend.values import Uid
from tests.altered import replace
from tests.functions.memory_store import meets
from tests.functions.one_process import Counted

MISSING = object()


class Documents(Counted):
    """The store in memory with documents as they are in Firestore, so that each of their fields can be changed."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: dict[Uid, dict[str, Any]] = {}
        self.old: OldRecords | None = None

    def _next(self) -> Any:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(microseconds=super()._next())

    def _snapshot(self, uid: Uid) -> Any:
        revision = self._documents[uid].revision
        return SimpleNamespace(id=str(uid), update_time=revision, to_dict=lambda: dict(self.raw[uid]))

    def change(self, uid: Uid, fields: Mapping[str, Any]) -> None:
        """Somebody writes to a document, without the backend."""
        document = {**self.raw[uid], **fields}
        self.raw[uid] = {name: value for name, value in document.items() if value is not MISSING}
        self._documents[uid] = replace(self._documents[uid], revision=self._next())

    def put_back(self, uid: Uid, document: Mapping[str, Any]) -> None:
        """Somebody replaces a document by another one; one that was deleted, too."""
        self._documents.setdefault(uid, next(iter(self._documents.values()), connection_of(
            SimpleNamespace(id=uid, update_time=self._next(), to_dict=lambda: dict(document)))))  # fmt: skip
        self.raw[uid] = dict(document)
        self._documents[uid] = replace(self._documents[uid], revision=self._next())

    async def read(self, uid: Uid) -> Connection | None:
        return connection_of(self._snapshot(uid), self.old) if uid in self.raw else None

    async def write(
        self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        written = await super().write(connection, entry, tombstone)
        gone = {"describes", "describedAt"} if connection.has_ended else set[str]()
        before = self.raw.get(written.uid, {})
        kept = {name: value for name, value in before.items() if name not in gone and name not in NO_OLD_FIELDS}
        self.raw[written.uid] = {**kept, **connection_fields(written)}
        return written

    async def attach(self, connection: Connection) -> None:
        await super().attach(connection)
        assert connection.attachment is not None
        self.raw[connection.uid] |= attachment_fields(connection.attachment)

    async def delete(self, connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        await super().delete(connection, entry, tombstone)
        del self.raw[connection.uid]

    async def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        for uid in list(self.raw):
            connection = await self.read(uid)
            if connection is not None and meets(criteria, connection):
                yield connection
