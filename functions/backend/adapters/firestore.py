"""Connections in Cloud Firestore: one document each, every write fenced by the document's update time.

Preconditions instead of transactions: a contended transaction waits for locks, a failed precondition says so at once.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import AsyncClient

from backend.core.connection import Connection, Contended, Lease, State
from contract.errors import Reason

COLLECTION = "connections"


class FirestoreConnections:
    """A ConnectionStore. Needs a client made inside the running event loop."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client  # the library's own types are partial

    async def read(self, uid: str) -> Connection | None:
        snapshot = await self._client.collection(COLLECTION).document(uid).get()
        if not snapshot.exists:
            return None
        return _from_document(uid, cast(Mapping[str, Any], snapshot.to_dict()), snapshot.update_time)

    async def write(self, connection: Connection) -> Connection:
        document = self._client.collection(COLLECTION).document(connection.uid)
        try:
            if connection.revision is None:
                result = await document.create(_to_document(connection))
            else:
                fence = self._client.write_option(last_update_time=connection.revision)
                result = await document.update(_to_document(connection), option=fence)
        except (AlreadyExists, FailedPrecondition, NotFound, Aborted) as lost:
            raise Contended from lost
        return replace(connection, revision=result.update_time)

    async def delete(self, connection: Connection) -> None:
        fence = self._client.write_option(last_update_time=connection.revision)
        try:
            await self._client.collection(COLLECTION).document(connection.uid).delete(option=fence)
        except (FailedPrecondition, NotFound, Aborted) as lost:
            raise Contended from lost


class FirestoreCreations:
    """Creations as documents below the connection; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    def _document(self, uid: str, key: str) -> Any:
        return self._client.collection(COLLECTION).document(uid).collection("creations").document(key)

    async def begin(self, uid: str, key: str) -> bool:
        try:
            await self._document(uid, key).create({"recordId": None, "expires": datetime.now(UTC) + timedelta(days=1)})
        except AlreadyExists:
            return False
        return True

    async def made(self, uid: str, key: str) -> str | None:
        snapshot = await self._document(uid, key).get()
        return cast("str | None", snapshot.get("recordId")) if snapshot.exists else None

    async def finish(self, uid: str, key: str, record_id: str) -> None:
        await self._document(uid, key).update({"recordId": record_id})

    async def give_back(self, uid: str, key: str) -> None:
        await self._document(uid, key).delete()


def _to_document(connection: Connection) -> dict[str, Any]:
    lease = connection.lease
    return {
        "orgId": connection.org_id,
        "userId": connection.user_id,
        "loginHost": connection.login_host,
        "instanceUrl": connection.instance_url,
        "scope": connection.scope,
        "generation": connection.generation,
        "accessToken": connection.access_token,
        "refreshToken": connection.refresh_token,
        "state": connection.state.value,
        "created": connection.created,
        "refreshed": connection.refreshed,
        "leaseOwner": None if lease is None else lease.owner,
        "leaseDeadline": None if lease is None else lease.deadline,
        "endedReason": None if connection.ended_reason is None else connection.ended_reason.value,
    }


def _from_document(uid: str, document: Mapping[str, Any], revision: object) -> Connection:
    lease = None
    if document["leaseOwner"] is not None:
        lease = Lease(str(document["leaseOwner"]), cast(datetime, document["leaseDeadline"]))
    return Connection(
        uid=uid,
        org_id=document["orgId"],
        user_id=document["userId"],
        login_host=document["loginHost"],
        instance_url=document["instanceUrl"],
        scope=document["scope"],
        generation=document["generation"],
        access_token=document["accessToken"],
        refresh_token=document["refreshToken"],
        state=State(document["state"]),
        created=document["created"],
        refreshed=document["refreshed"],
        lease=lease,
        ended_reason=None if document["endedReason"] is None else Reason(document["endedReason"]),
        revision=revision,
    )
