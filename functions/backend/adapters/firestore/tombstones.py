"""Tombstones in Cloud Firestore: one document each, with a random name and nothing of the user in it."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, cast

from google.cloud.firestore import AsyncClient
from msgspec.structs import replace

from backend.adapters.firestore.requests import LOST, answered, committed, pages
from backend.adapters.firestore.shared import TOMBSTONES, span
from backend.connections.tombstones import Tombstone
from backend.connections.writes import Contended


class FirestoreTombstones:
    """The TombstoneStore of connections/tombstones.py."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client  # the library's own types are partial

    async def write_tombstone(self, tombstone: Tombstone) -> Tombstone:
        batch = self._client.batch()
        self.bury(batch, tombstone)
        try:
            with span("write", TOMBSTONES):
                results = await committed(batch)
        except LOST as lost:
            raise Contended from lost
        return replace(tombstone, revision=results[0].update_time)

    async def tombstone(self, id: str) -> Tombstone | None:
        with span("read", TOMBSTONES):
            snapshot = await answered(self._client.collection(TOMBSTONES).document(id).get)
        return _tombstone_of(snapshot) if snapshot.exists else None

    async def delete_tombstone(self, tombstone: Tombstone) -> None:
        with span("write", TOMBSTONES):
            await answered(self._client.collection(TOMBSTONES).document(tombstone.id).delete)

    async def tombstones(self) -> AsyncIterator[Tombstone]:
        async for snapshot in pages(self._client.collection(TOMBSTONES)):
            yield _tombstone_of(snapshot)

    def bury(self, batch: Any, tombstone: Tombstone) -> None:
        """Adds a tombstone to a commit, over its revision; one in which nothing is sealed is deleted."""
        document = self._client.collection(TOMBSTONES).document(tombstone.id)
        fields = {"sealed": tombstone.sealed, "at": tombstone.at, "claims": tombstone.claims}
        if tombstone.revision is None:
            batch.create(document, fields)
            return
        fence = self._client.write_option(last_update_time=tombstone.revision)
        if tombstone.sealed:
            batch.update(document, fields, option=fence)
        else:
            batch.delete(document, option=fence)


def _tombstone_of(snapshot: Any) -> Tombstone:
    document = cast(Mapping[str, Any], snapshot.to_dict())
    sealed, at, claims = (document.get(name) for name in ("sealed", "at", "claims"))
    return Tombstone(
        snapshot.id,
        sealed if isinstance(sealed, bytes) else b"",
        at if isinstance(at, datetime) else snapshot.create_time,
        claims if type(claims) is int and 0 <= claims < 2**53 else 0,
        snapshot.update_time,
    )
