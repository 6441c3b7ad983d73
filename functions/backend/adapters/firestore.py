"""Connections in Cloud Firestore: one document each, every write fenced by the document's update time.

Preconditions instead of transactions: a contended transaction waits for locks, a failed precondition says so at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.cloud.firestore import DELETE_FIELD, AsyncClient, Increment
from google.cloud.firestore_v1.base_query import FieldFilter

from backend import telemetry
from backend.connections.audit import Chain, Entry, Event, Recorded
from backend.connections.connection import Connection, Lease, SealedTokens, State
from backend.connections.store import Blocks, ChainBroken, Contended, Criteria
from backend.records.allowance import OrgUsage, UserUsage
from backend.records.creations import Creation
from backend.values import KeptText, Uid
from contract.errors import Reason

COLLECTION, CREATIONS = "connections", "creations"
AUDIT, ENTRIES = "audit", "entries"
BLOCKS, CODES, USAGE, ATTEMPTS = "blocks", "codes", "usage", "attempts"
_PAGE = 300


class FirestoreDocuments:
    """The documents of connections, blocks and the audit record. Needs a client made inside the running event loop."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client  # the library's own types are partial

    async def read(self, uid: Uid) -> Connection | None:
        with _span("read", COLLECTION):
            snapshot = await self._client.collection(COLLECTION).document(uid).get()
        return _from_document(snapshot) if snapshot.exists else None

    async def write(self, connection: Connection, entry: Entry | None = None) -> Connection:
        document = self._client.collection(COLLECTION).document(connection.uid)
        gone = (
            {"describes": DELETE_FIELD, "describedAt": DELETE_FIELD}
            if connection.has_ended and connection.revision is not None
            else {}
        )
        work = self._write_to(document, connection.revision, {**_to_document(connection), **gone})
        results = await self._commit(document, connection.revision, work, entry)
        return replace(connection, revision=results[0].update_time)

    async def keep_describes(self, connection: Connection) -> None:
        document, kept = self._client.collection(COLLECTION).document(connection.uid), connection.describes
        assert kept
        work = self._write_to(document, connection.revision, {"describes": kept.text, "describedAt": kept.at})
        await self._commit(document, connection.revision, work, None)

    async def delete(self, connection: Connection, entry: Entry) -> None:
        document = self._client.collection(COLLECTION).document(connection.uid)
        fence = self._client.write_option(last_update_time=connection.revision)
        await self._commit(
            document,
            connection.revision,
            lambda batch: batch.delete(document, option=fence),
            entry,
            closed=connection.chain,
        )

    async def find(self, criteria: Criteria) -> AsyncIterator[Connection]:
        query = self._client.collection(COLLECTION)
        for name, operator, value in (
            ("orgId", "==", criteria.org_id),
            ("staySignedIn", "==", criteria.stay_signed_in),
            ("refreshed", "<", criteria.refreshed_before),
            ("used", "<", criteria.used_before),
            ("revocationDue", "==", criteria.revocation_due),
        ):
            if value is not None:
                query = query.where(filter=FieldFilter(name, operator, value))
        async for snapshot in _pages(query):
            yield _from_document(snapshot)

    async def erase(self, uid: Uid) -> None:
        async for creation in self._client.collection(COLLECTION).document(uid).collection(CREATIONS).list_documents():
            await creation.delete()
        for used in await self._client.collection(USAGE).where(filter=FieldFilter("uid", "==", uid)).get():
            await used.reference.delete()
        async for chain in self._client.collection(AUDIT).where(filter=FieldFilter("uid", "==", uid)).stream():
            await chain.reference.update({"uid": None})

    async def read_blocks(self) -> Blocks:
        with _span("read", BLOCKS):
            snapshot = await self._client.collection(BLOCKS).document("current").get()
        if not snapshot.exists:
            return Blocks()
        document = cast(Mapping[str, Any], snapshot.to_dict())
        return Blocks(frozenset(document["targets"]), _read_chain(document), snapshot.update_time)

    async def write_blocks(self, blocks: Blocks, entry: Entry | None) -> None:
        document = {"targets": sorted(blocks.targets), **({} if blocks.chain is None else _chain(blocks.chain))}
        current = self._client.collection(BLOCKS).document("current")
        await self._commit(current, blocks.revision, self._write_to(current, blocks.revision, document), entry)

    async def recorded(self) -> AsyncIterator[tuple[Recorded, str | None]]:
        """Every chain of the audit record, whole or not, and whose it is as long as nobody has erased that."""
        open_ends: dict[str, Chain | None] = {}
        async for snapshot in _pages(self._client.collection(COLLECTION)):
            open_ends |= {c.subject: c for c in [_read_chain(snapshot.to_dict())] if c is not None}
        blocks = await self.read_blocks()
        if blocks.chain is not None:
            open_ends[blocks.chain.subject] = blocks.chain
        subjects = {reference.id async for reference in self._client.collection(AUDIT).list_documents()}
        for subject in sorted(subjects | set(open_ends)):
            snapshot = await self._client.collection(AUDIT).document(subject).get()
            document = cast(Mapping[str, Any], snapshot.to_dict() or {})
            entries = [_entry(e.to_dict()) async for e in _pages(snapshot.reference.collection(ENTRIES))]
            end = _read_chain(document) if document.get("closed") else open_ends.get(subject)
            yield Recorded(subject, end, entries), document.get("uid")

    async def newest_entries(self, subject: str, count: int) -> Sequence[Entry]:
        entries = self._client.collection(AUDIT).document(subject).collection(ENTRIES)
        return [
            _entry(e.to_dict()) for e in await entries.order_by("sequence", direction="DESCENDING").limit(count).get()
        ]

    async def reseal_closed(self, reseal: Callable[[Chain], Chain]) -> int:
        """Seals the ends of all closed chains anew. Returns how many there are."""
        done = 0
        async for snapshot in _pages(self._client.collection(AUDIT).where(filter=FieldFilter("closed", "==", True))):
            chain = _read_chain(snapshot.to_dict())
            if chain is not None:
                await snapshot.reference.update(_chain(reseal(chain)))
                done += 1
        return done

    def _write_to(self, document: Any, revision: object, fields: Mapping[str, Any]) -> Callable[[Any], None]:
        def work(batch: Any) -> None:
            if revision is None:
                batch.create(document, fields)
            else:
                batch.update(document, fields, option=self._client.write_option(last_update_time=revision))

        return work

    async def _commit(
        self,
        document: Any,
        revision: object,
        work: Callable[[Any], None],
        entry: Entry | None,
        *,
        closed: Chain | None = None,
    ) -> Sequence[Any]:
        """One commit: the work on a document as it was read, and its audit entry; both or neither.

        `closed` ends its chain.
        """
        batch = self._client.batch()
        work(batch)
        if entry is not None:
            chain = self._client.collection(AUDIT).document(entry.subject)
            end = {"closed": closed is not None, **({} if closed is None else _chain(closed))}
            if entry.sequence == 1:
                batch.create(chain, {"uid": None if document.parent.id == BLOCKS else document.id, **end})
            elif closed is not None:
                batch.set(chain, end, merge=True)
            batch.create(chain.collection(ENTRIES).document(f"{entry.sequence:010d}"), _entry_document(entry))
        try:
            with _span("write", document.parent.id, audited=entry is not None):
                return await batch.commit()
        except (FailedPrecondition, NotFound, Aborted) as lost:
            raise Contended from lost
        except AlreadyExists as lost:
            snapshot = await document.get()
            if entry is not None and (snapshot.update_time if snapshot.exists else None) == revision:
                raise ChainBroken from lost  # the document is as it was read, so it is the entry that stands already
            raise Contended from lost


class FirestoreCreations:
    """Creations as documents below the connection; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    def _document(self, uid: Uid, key: str) -> Any:
        return self._client.collection(COLLECTION).document(uid).collection(CREATIONS).document(key)

    async def claim(self, uid: Uid, key: str, content: bytes) -> bool:
        fields = {"content": content, "recordId": None, "expires": datetime.now(UTC) + timedelta(days=1)}
        try:
            with _span("write", CREATIONS):
                await self._document(uid, key).create(fields)
        except AlreadyExists:
            return False
        return True

    async def read(self, uid: Uid, key: str) -> Creation | None:
        with _span("read", CREATIONS):
            snapshot = await self._document(uid, key).get()
        if not snapshot.exists:
            return None
        document = cast(Mapping[str, Any], snapshot.to_dict())
        # Without content: written by an older release.
        return Creation(document.get("content", b""), document["recordId"])

    async def finish(self, uid: Uid, key: str, record_id: str) -> None:
        with _span("write", CREATIONS):
            await self._document(uid, key).update({"recordId": record_id})

    async def give_back(self, uid: Uid, key: str) -> None:
        await self._document(uid, key).delete()


class FirestoreUsage:
    """One document an org, and one a user and day; Firestore's TTL policy on `expires` clears them."""

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
        with _span("write", USAGE):
            (written,) = await batch.commit()
        return int(written.transform_results[0].integer_value)

    async def tell(self, usage: OrgUsage) -> None:
        fields = {"used": usage.used, "limit": usage.limit, "at": usage.at, "expires": usage.at + timedelta(days=2)}
        await self._client.collection(USAGE).document(usage.org_id).set(fields)

    async def orgs(self) -> Sequence[OrgUsage]:
        found = await self._client.collection(USAGE).where(filter=FieldFilter("limit", ">", 0)).get()
        return [OrgUsage(s.id, s.get("used"), s.get("limit"), s.get("at")) for s in found]

    async def users(self, day: str) -> Sequence[UserUsage]:
        found = await self._client.collection(USAGE).where(filter=FieldFilter("day", "==", day)).get()
        return [UserUsage(Uid(s.get("uid")), s.get("taken")) for s in found]


class FirestoreAttempts:
    """One document a minute with the counts of failed sign-ins; Firestore's TTL policy on `expires` clears them."""

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
        with _span("write", ATTEMPTS):
            (written,) = await batch.commit()
        totals = (int(result.integer_value) for result in written.transform_results)
        # The library sends increments in the order of their names.
        return dict(zip(sorted(counts), totals, strict=True))


class FirestoreCodes:
    """The authorization codes that were taken; Firestore's TTL policy on `expires` clears them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client: Any = client

    async def claim(self, fingerprint: str) -> bool:
        try:
            with _span("write", CODES):
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


def _span(what: str, collection: str, *, audited: bool = False) -> telemetry.span:
    name = f"Firestore {what} {collection}"
    return telemetry.span(
        name, "client", db__system__name="gcp.firestore", db__collection__name=collection, audited=audited
    )


async def _pages(query: Any) -> AsyncIterator[Any]:
    """All documents of a query, page by page: one long stream would end with the time-out of a single request."""
    last: Any = None
    while True:
        page = await (query if last is None else query.start_after(last)).limit(_PAGE).get()
        for snapshot in page:
            yield snapshot
        if len(page) < _PAGE:
            return
        last = page[-1]


def _to_document(connection: Connection) -> dict[str, Any]:
    lease = connection.lease
    return {
        "orgId": connection.uid.org_id,
        "loginHost": connection.login_host,
        "instanceUrl": connection.instance_url,
        "scope": connection.scope,
        "generation": connection.generation,
        "accessToken": connection.tokens.access_token,
        "refreshToken": connection.tokens.refresh_token,
        "state": connection.state.value,
        "created": connection.created,
        "refreshed": connection.refreshed,
        "used": connection.used,
        "leaseOwner": None if lease is None else lease.owner,
        "leaseDeadline": None if lease is None else lease.deadline,
        "endedReason": None if connection.ended_reason is None else connection.ended_reason.value,
        "revocationDue": connection.revocation_due,
        "staySignedIn": connection.stay_signed_in,
        "devices": dict(connection.devices),
        "deviceNames": dict(connection.device_names),
        **({} if connection.chain is None else _chain(connection.chain)),
    }


def _from_document(snapshot: Any) -> Connection:
    document = cast(Mapping[str, Any], snapshot.to_dict())
    lease = None
    if document["leaseOwner"] is not None:
        lease = Lease(str(document["leaseOwner"]), cast(datetime, document["leaseDeadline"]))
    return Connection(
        uid=Uid(snapshot.id),
        login_host=document["loginHost"],
        instance_url=document["instanceUrl"],
        scope=document["scope"],
        generation=document["generation"],
        tokens=SealedTokens(document["accessToken"], document["refreshToken"]),
        state=State(document["state"]),
        created=document["created"],
        refreshed=document["refreshed"],
        used=document["used"],
        lease=lease,
        ended_reason=None if document["endedReason"] is None else Reason(document["endedReason"]),
        stay_signed_in=document["staySignedIn"],
        devices=document["devices"],
        device_names=document.get("deviceNames", {}),
        chain=_read_chain(document),
        describes=KeptText(document["describes"], document["describedAt"]) if document.get("describes") else None,
        revision=snapshot.update_time,
    )


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "auditSubject": chain.subject,
        "auditSequence": chain.sequence,
        "auditHash": chain.hash,
        "auditSeal": chain.seal,
    }


def _read_chain(document: Mapping[str, Any]) -> Chain | None:
    if "auditSubject" not in document:
        return None
    return Chain(document["auditSubject"], document["auditSequence"], document["auditHash"], document["auditSeal"])


def _entry_document(entry: Entry) -> dict[str, Any]:
    return {f.name: getattr(entry, f.name) for f in fields(Entry)} | {"event": entry.event.value}


def _entry(document: Mapping[str, Any]) -> Entry:
    values: Any = {f.name: document[f.name] for f in fields(Entry)} | {"event": Event(document["event"])}
    return Entry(**values)
