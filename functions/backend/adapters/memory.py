"""Connections in memory: the same fences as Firestore, for tests that need no emulator."""

from dataclasses import replace

from backend.core.connection import Connection, Contended


class MemoryConnections:
    """A ConnectionStore that passes the same tests as Firestore's."""

    def __init__(self) -> None:
        self._documents: dict[str, Connection] = {}
        self._revisions = 0

    async def read(self, uid: str) -> Connection | None:
        return self._documents.get(uid)

    async def write(self, connection: Connection) -> Connection:
        stored = self._documents.get(connection.uid)
        if (None if stored is None else stored.revision) != connection.revision:
            raise Contended
        self._revisions += 1
        written = replace(connection, revision=self._revisions)
        self._documents[connection.uid] = written
        return written

    async def delete(self, connection: Connection) -> None:
        stored = self._documents.get(connection.uid)
        if stored is None or stored.revision != connection.revision:
            raise Contended
        del self._documents[connection.uid]
