"""What was made under which idempotency key, below the connection."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.requests import LOST, answered, committed, create, remove
from backend.adapters.firestore.shared import CONNECTIONS, CREATIONS, span
from backend.connections.writes import Contended, new_write_id, once
from backend.failures import StoreUnavailable
from backend.records.creations import Creation
from backend.values import Uid


class FirestoreCreations:
    """The CreationStore: documents below the connection; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    def _document(self, uid: Uid, key: str) -> Any:
        return self._client.collection(CONNECTIONS).document(uid).collection(CREATIONS).document(key)

    async def claim(self, uid: Uid, key: str, content: bytes) -> bool:
        expires = datetime.now(UTC) + timedelta(days=1)
        fields = {"content": content, "recordId": None, "expires": expires, "writeId": new_write_id()}
        with span("write", CREATIONS):
            return await create(self._client, self._document(uid, key), fields)

    async def read(self, uid: Uid, key: str) -> Creation | None:
        with span("read", CREATIONS):
            snapshot = await answered(self._document(uid, key).get)
        if not snapshot.exists:
            return None
        document = cast(Mapping[str, Any], snapshot.to_dict())
        # Without content: written by an older release, or changed from outside.
        content, record_id = document.get("content"), document.get("recordId")
        return Creation(
            content if isinstance(content, bytes) else b"", record_id if isinstance(record_id, str) else None
        )

    async def finish(self, uid: Uid, key: str, record_id: str) -> None:
        document = self._document(uid, key)

        async def write() -> bool:
            batch = self._client.batch()
            batch.update(document, {"recordId": record_id})
            try:
                await committed(batch)
            except LOST as lost:
                raise Contended from lost
            return True

        async def arrived() -> bool | None:
            stored = (await answered(document.get)).to_dict()
            return True if stored is None or stored["recordId"] == record_id else None  # None: erased meanwhile

        with span("write", CREATIONS):
            try:
                await once(write, arrived)
            except Contended as lost:  # the claim is another one by now
                raise StoreUnavailable from lost

    async def give_back(self, uid: Uid, key: str) -> None:
        with span("write", CREATIONS):
            await remove(self._client, self._document(uid, key))
