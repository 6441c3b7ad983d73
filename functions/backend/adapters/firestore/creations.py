"""What was made under which idempotency key, below the connection."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.api_core.exceptions import AlreadyExists
from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.shared import CONNECTIONS, CREATIONS, span
from backend.records.creations import Creation
from backend.values import Uid


class FirestoreCreations:
    """The CreationStore: documents below the connection; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    def _document(self, uid: Uid, key: str) -> Any:
        return self._client.collection(CONNECTIONS).document(uid).collection(CREATIONS).document(key)

    async def claim(self, uid: Uid, key: str, content: bytes) -> bool:
        fields = {"content": content, "recordId": None, "expires": datetime.now(UTC) + timedelta(days=1)}
        try:
            with span("write", CREATIONS):
                await self._document(uid, key).create(fields)
        except AlreadyExists:
            return False
        return True

    async def read(self, uid: Uid, key: str) -> Creation | None:
        with span("read", CREATIONS):
            snapshot = await self._document(uid, key).get()
        if not snapshot.exists:
            return None
        document = cast(Mapping[str, Any], snapshot.to_dict())
        # Without content: written by an older release, or changed from outside.
        content, record_id = document.get("content"), document.get("recordId")
        return Creation(
            content if isinstance(content, bytes) else b"", record_id if isinstance(record_id, str) else None
        )

    async def finish(self, uid: Uid, key: str, record_id: str) -> None:
        with span("write", CREATIONS):
            await self._document(uid, key).update({"recordId": record_id})

    async def give_back(self, uid: Uid, key: str) -> None:
        await self._document(uid, key).delete()
