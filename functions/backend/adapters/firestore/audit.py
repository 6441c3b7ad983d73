"""The audit record in Cloud Firestore: a document a record, its entries below it, each written by the commit that makes
the change which it tells of.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from google.api_core.exceptions import AlreadyExists
from google.cloud.firestore_v1.base_query import FieldFilter

from backend.adapters.firestore.fields import chain_fields, chain_of, entry_fields, entry_of
from backend.adapters.firestore.requests import LOST, answered, committed, listed, pages
from backend.adapters.firestore.shared import AUDIT, ENTRIES, span
from backend.connections.audit import Chain, Entry, Recorded
from backend.connections.writes import ChainBroken, Contended

Work = Callable[[Any], None]  # what a commit does, to its batch


def write_to(client: Any, document: Any, revision: object, fields: Mapping[str, Any]) -> Work:
    """Writes fields over exactly this revision of a document (None: there must be none yet)."""

    def work(batch: Any) -> None:
        if revision is None:
            batch.create(document, fields)
        else:
            batch.update(document, fields, option=client.write_option(last_update_time=revision))

    return work


async def commit(
    client: Any,
    document: Any,
    revision: object,
    work: Work,
    entry: Entry | None,
    *,
    uid: str | None = None,
    closed: Chain | None = None,
) -> Sequence[Any]:
    """One commit: the work on a document as it was read, and its audit entry; both or neither. A new record is `uid`'s;
    `closed` ends it.

    Raises Contended, ChainBroken, Unanswered; each of them may be the answer to this very commit, sent before.
    """
    batch = client.batch()
    work(batch)
    if entry is not None:
        chain = client.collection(AUDIT).document(entry.subject)
        end = {"closed": closed is not None, **({} if closed is None else chain_fields(closed))}
        if entry.sequence == 1:
            batch.create(chain, {"uid": uid, **end})
        elif closed is not None:
            batch.set(chain, end, merge=True)
        batch.create(_entry(client, entry.subject, entry.sequence), entry_fields(entry))
    try:
        with span("write", document.parent.id, audited=entry is not None):
            return await committed(batch)
    except AlreadyExists as lost:
        snapshot = await answered(document.get)
        if entry is not None and (snapshot.update_time if snapshot.exists else None) == revision:
            raise ChainBroken from lost  # the document is as it was read, so it is the entry that exists already
        raise Contended from lost
    except LOST as lost:
        raise Contended from lost


async def entry_at(client: Any, subject: str, sequence: int) -> Entry | None:
    """One entry of a record; None when it has none with this number."""
    snapshot = await answered(_entry(client, subject, sequence).get)
    return entry_of(snapshot.to_dict()) if snapshot.exists else None


async def newest_entries(client: Any, subject: str, count: int) -> Sequence[Entry]:
    """The last entries of a record, newest first."""
    entries = client.collection(AUDIT).document(subject).collection(ENTRIES)
    newest = entries.order_by("sequence", direction="DESCENDING").limit(count)
    read = [entry_of(e.to_dict()) for e in await answered(newest.get)]
    return [entry for entry in read if entry is not None]


async def recorded(client: Any, open_ends: Mapping[str, Chain]) -> AsyncIterator[tuple[Recorded, str | None]]:
    """Every record of a database, whole or not, and whose it is as long as nobody has erased that; `open_ends` are
    those of the records that go on, by subject.
    """
    subjects = {reference.id async for reference in listed(client.collection(AUDIT))}
    for subject in sorted(subjects | set(open_ends)):
        snapshot = await answered(client.collection(AUDIT).document(subject).get)
        document = cast(Mapping[str, Any], snapshot.to_dict() or {})
        read = [entry_of(e.to_dict()) async for e in pages(snapshot.reference.collection(ENTRIES))]
        entries = [entry for entry in read if entry is not None]  # what is none shows as missing
        end = chain_of(document) if document.get("closed") else open_ends.get(subject)
        yield Recorded(subject, end, entries), document.get("uid")


async def reseal_closed(client: Any, reseal: Callable[[Chain], Chain]) -> int:
    """Seals the ends of all closed records of a database anew. Returns how many there are."""
    done = 0
    async for snapshot in pages(client.collection(AUDIT).where(filter=FieldFilter("closed", "==", True))):
        chain = chain_of(snapshot.to_dict())
        if chain is not None:
            await update(snapshot.reference, chain_fields(reseal(chain)))
            done += 1
    return done


async def forget_whose(client: Any, uid: str) -> None:
    """Takes a user's name from all their records."""
    async for chain in pages(client.collection(AUDIT).where(filter=FieldFilter("uid", "==", uid))):
        await update(chain.reference, {"uid": None})


async def update(document: Any, fields: Mapping[str, Any]) -> None:
    """Sets fields of a document that is there, without a fence."""
    await answered(partial(document.update, fields))


def _entry(client: Any, subject: str, sequence: int) -> Any:
    return client.collection(AUDIT).document(subject).collection(ENTRIES).document(f"{sequence:010d}")
