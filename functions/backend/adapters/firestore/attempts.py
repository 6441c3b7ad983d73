"""Counts of failed sign-ins."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient

from backend.adapters.firestore.counting import add
from backend.adapters.firestore.shared import ATTEMPTS, span


class FirestoreAttempts:
    """The AttemptStore: one document a minute with the counts of failed sign-ins; Firestore's TTL policy on `expires`
    clears them.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        document = self._client.collection(ATTEMPTS).document(window)
        fields = {"expires": datetime.now(UTC) + timedelta(hours=1)}
        with span("write", ATTEMPTS):
            sums = await add(self._client, document, {("counts", key): n for key, n in counts.items()}, fields)
        return {key: n for (_, key), n in sums.items()}
