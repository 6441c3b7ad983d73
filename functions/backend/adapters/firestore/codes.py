"""Which authorization codes were taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import AlreadyExists
from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.shared import CODES, span


class FirestoreCodes:
    """The Codes of sign-in: a document for each that was taken; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def claim(self, fingerprint: str) -> bool:
        try:
            with span("write", CODES):
                await (
                    self._client.collection(CODES)
                    .document(fingerprint)
                    .create({"expires": datetime.now(UTC) + timedelta(hours=1)})
                )
        except AlreadyExists:
            return False
        return True

    async def give_back(self, fingerprint: str) -> None:
        await self._client.collection(CODES).document(fingerprint).delete()
