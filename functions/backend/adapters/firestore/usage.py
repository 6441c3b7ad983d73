"""How many requests users and orgs have made."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.firestore import AsyncClient, Increment
from google.cloud.firestore_v1.base_query import FieldFilter

from backend.adapters.firestore.shared import USAGE, span
from backend.records.allowance import OrgUsage, UserUsage
from backend.values import Uid


class FirestoreUsage:
    """The UsageStore: one document an org, and one a user and day; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def take(self, uid: Uid, day: str, requests: int) -> int:
        document = self._client.collection(USAGE).document(f"{uid}_{day}")
        batch = self._client.batch()
        fields = {
            "uid": str(uid),
            "day": day,
            "taken": Increment(requests),
            "expires": datetime.now(UTC) + timedelta(days=2),
        }
        batch.set(document, fields, merge=True)
        with span("write", USAGE):
            (written,) = await batch.commit()
        return int(written.transform_results[0].integer_value)

    async def report(self, usage: OrgUsage) -> None:
        fields = {"used": usage.used, "limit": usage.limit, "at": usage.at, "expires": usage.at + timedelta(days=2)}
        await self._client.collection(USAGE).document(usage.org_id).set(fields)

    async def orgs(self) -> Sequence[OrgUsage]:
        documents = await self._client.collection(USAGE).where(filter=FieldFilter("limit", ">", 0)).get()
        return [OrgUsage(s.id, s.get("used"), s.get("limit"), s.get("at")) for s in documents]

    async def users(self, day: str) -> Sequence[UserUsage]:
        documents = await self._client.collection(USAGE).where(filter=FieldFilter("day", "==", day)).get()
        return [UserUsage(Uid(s.get("uid")), s.get("taken")) for s in documents]
