"""Counts of failed sign-ins."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient, Increment

from backend.adapters.firestore.shared import ATTEMPTS, span


class FirestoreAttempts:
    """The AttemptStore: one document a minute with the counts of failed sign-ins; Firestore's TTL policy on `expires`
    clears them.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def add(self, window: str, counts: Mapping[str, int]) -> Mapping[str, int]:
        document = self._client.collection(ATTEMPTS).document(window)
        batch = self._client.batch()
        counting = {
            "counts": {key: Increment(n) for key, n in counts.items()},
            "expires": datetime.now(UTC) + timedelta(hours=1),
        }
        batch.set(document, counting, merge=True)
        with span("write", ATTEMPTS):
            (written,) = await batch.commit()
        totals = (int(result.integer_value) for result in written.transform_results)
        # The library sends increments in the order of their names.
        return dict(zip(sorted(counts), totals, strict=True))
