"""Which authorization codes were taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.requests import create, remove
from backend.adapters.firestore.shared import CODES, span
from backend.connections.writes import new_write_id


class FirestoreCodes:
    """The Codes: a document for each that was taken; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def claim(self, fingerprint: str) -> bool:
        fields = {"expires": datetime.now(UTC) + timedelta(hours=1), "writeId": new_write_id()}
        with span("write", CODES):
            return await create(self._client, self._document(fingerprint), fields)

    async def give_back(self, fingerprint: str) -> None:
        with span("write", CODES):
            await remove(self._client, self._document(fingerprint))

    def _document(self, fingerprint: str) -> Any:
        return self._client.collection(CODES).document(fingerprint)
