"""How many requests users and orgs have made."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from google.cloud.firestore import AsyncClient
from google.cloud.firestore_v1.base_query import FieldFilter

from backend.adapters.firestore.counting import add
from backend.adapters.firestore.requests import answered, pages
from backend.adapters.firestore.shared import USAGE, span
from backend.records.allowance import OrgUsage, UserUsage
from backend.values import Uid


class FirestoreUsage:
    """The UsageStore: one document an org, and one a user and day; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def take(self, uid: Uid, day: str, requests: int) -> int:
        document = self._client.collection(USAGE).document(f"{uid}_{day}")
        fields = {"uid": str(uid), "day": day, "expires": datetime.now(UTC) + timedelta(days=2)}
        with span("write", USAGE):
            return (await add(self._client, document, {("taken",): requests}, fields))["taken",]

    async def report(self, usage: OrgUsage) -> None:
        fields = {"used": usage.used, "limit": usage.limit, "at": usage.at, "expires": usage.at + timedelta(days=2)}
        document = self._client.collection(USAGE).document(usage.org_id)
        await answered(partial(document.set, fields))

    async def orgs(self) -> Sequence[OrgUsage]:
        documents = self._client.collection(USAGE).where(filter=FieldFilter("limit", ">", 0))
        return [OrgUsage(s.id, s.get("used"), s.get("limit"), s.get("at")) async for s in pages(documents)]

    async def users(self, day: str) -> Sequence[UserUsage]:
        documents = self._client.collection(USAGE).where(filter=FieldFilter("day", "==", day))
        return [UserUsage(Uid(s.get("uid")), s.get("taken")) async for s in pages(documents)]
