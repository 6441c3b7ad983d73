"""Connections in memory: the same fences as Firestore, for tests that need no emulator."""

from collections.abc import AsyncIterator
from dataclasses import replace

from backend.core.audit import Recorded
from backend.core.connection import Chain, ChainBroken, Connection, Contended, Entry, Sought
from backend.core.stops import Stops


class MemoryCodes:
    """The authorization codes that were taken."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    async def claim(self, fingerprint: str) -> bool:
        if fingerprint in self._taken:
            return False
        self._taken.add(fingerprint)
        return True

    async def give_back(self, fingerprint: str) -> None:
        self._taken.discard(fingerprint)


class MemoryConnections:
    """A ConnectionStore and a StopStore that pass the same tests as Firestore's."""

    def __init__(self) -> None:
        self._documents: dict[str, Connection] = {}
        self._stops = Stops()
        self._entries: dict[str, list[Entry]] = {}
        self._identities: dict[str, str] = {}
        self._closed: dict[str, Chain] = {}
        self._revisions = 0

    async def read(self, uid: str) -> Connection | None:
        return self._documents.get(uid)

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        self._check(connection)
        self._record(connection.uid, entry)
        written = replace(connection, revision=self._next())
        self._documents[connection.uid] = written
        return written

    async def delete(self, connection: Connection, entry: Entry) -> None:
        self._check(connection)
        if connection.uid not in self._documents:
            raise Contended
        self._record(connection.uid, entry)
        if connection.chain is not None:
            self._closed[entry.subject] = connection.chain
        del self._documents[connection.uid]

    async def find(self, sought: Sought) -> AsyncIterator[Connection]:
        for uid in list(self._documents):
            connection = self._documents.get(uid)
            if connection is not None and sought.covers(connection):
                yield connection

    async def erase(self, uid: str) -> None:
        self._identities = {subject: who for subject, who in self._identities.items() if who != uid}

    async def read_stops(self) -> Stops:
        return self._stops

    async def write_stops(self, stops: Stops, entry: Entry | None) -> None:
        if stops.revision != self._stops.revision:
            raise Contended
        self._record(None, entry)
        self._stops = replace(stops, revision=self._next())

    async def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every chain, and whose it is."""
        ends = {c.chain.subject: c.chain for c in self._documents.values() if c.chain is not None} | self._closed
        if self._stops.chain is not None:
            ends[self._stops.chain.subject] = self._stops.chain
        for subject, entries in self._entries.items():
            yield Recorded(subject, ends.get(subject), tuple(entries)), self._identities.get(subject)

    def _check(self, connection: Connection) -> None:
        stored = self._documents.get(connection.uid)
        if (None if stored is None else stored.revision) != connection.revision:
            raise Contended

    def _record(self, uid: str | None, entry: Entry | None) -> None:
        if entry is None:
            return
        entries = self._entries.setdefault(entry.subject, [])
        if entry.sequence <= len(entries):
            raise ChainBroken
        entries.append(entry)
        if uid is not None and entry.sequence == 1:
            self._identities[entry.subject] = uid

    def _next(self) -> int:
        self._revisions += 1
        return self._revisions
