"""One suite for both stores: in memory, and the real Firestore emulator."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from google.cloud.firestore import AsyncClient

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.adapters.firestore.attempts import FirestoreAttempts
from backend.adapters.firestore.codes import FirestoreCodes
from backend.adapters.firestore.creations import FirestoreCreations
from backend.adapters.firestore.documents import FirestoreDocuments
from backend.adapters.firestore.usage import FirestoreUsage
from backend.connections.audit import Audit, Chain, Entry, Event, Recorded
from backend.connections.connection import Connection, Lease, State
from backend.connections.store import ChainBroken, Contended, Criteria, Documents
from backend.connections.tombstones import Tombstone
from backend.records.allowance import OrgUsage, UsageStore
from backend.records.creations import Creation, CreationStore
from backend.sign_in.attempts import AttemptStore
from backend.sign_in.claims import Codes
from backend.values import Attachment, Secret, Uid
from contract.errors import Reason
from tests.altered import replace
from tests.functions.memory_store import MemoryAttempts, MemoryCodes, MemoryCreations, MemoryDocuments, MemoryUsage


def a_connection(org_id: str = "00D") -> Connection:
    now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    return Connection(
        uid=Uid.of(org_id, uuid4().hex), generation=1, sealed=b"\x01sealed", state=State.FRESH, created=now,
        refreshed=now, used=now,
    )  # fmt: skip


AUDIT = Audit(TinkCipher(Secret(new_keyset())), lambda: uuid4().hex)


def an_entry(connection: Connection, chain: Chain | None = None) -> Entry:
    return AUDIT.append(chain, Event.REVOCATION, at=connection.created, by="user")[1]


@pytest.fixture(params=["memory", pytest.param("firestore", marks=pytest.mark.emulators)])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient | None]:
    """The emulator's database; None for the store in memory, which is held to the same tests."""
    if request.param == "memory":
        yield None
        return
    suite = request.getfixturevalue("suite")
    os.environ["FIRESTORE_EMULATOR_HOST"] = f"127.0.0.1:{suite.plan.ports.firestore}"
    try:
        # A database of its own, so that what is broken on purpose here does not meet the other tests.
        client: Any = AsyncClient(project=suite.plan.project, database="broken-on-purpose")
        # An emulator that has just started may need longer for its first write than the stores give it.
        await client.collection("warm").document("up").set({})
        yield client
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]


@pytest.fixture
def store(database: AsyncClient | None) -> Documents:
    if database is None:
        return MemoryDocuments()
    # The blocks in a database of their own, as when deployed.
    return FirestoreDocuments(database, AsyncClient(project=database.project, database="blocks-broken-on-purpose"))


@pytest.fixture
def usage(database: AsyncClient | None) -> UsageStore:
    return MemoryUsage() if database is None else FirestoreUsage(database)


async def test_what_was_written_is_read(store: Documents) -> None:
    written = await store.write(a_connection())
    assert await store.read(written.uid) == written
    changed = replace(
        written,
        generation=2,
        state=State.NEEDS_SIGN_IN,
        ended_reason=Reason.ACCESS_REVOKED,
        lease=Lease("me", written.created + timedelta(seconds=20)),
        stay_signed_in=True,
        devices={"phone": written.created, "tablet": written.created + timedelta(days=1)},
        chain=Chain("subject", 3, "hash", b"seal"),
    )
    written = await store.write(changed)
    assert await store.read(written.uid) == written


async def test_what_is_not_there_reads_as_none(store: Documents) -> None:
    assert await store.read(Uid("00D_nobody")) is None


async def test_an_older_revision_is_never_written_over_a_newer(store: Documents) -> None:
    first = await store.write(a_connection())
    await store.write(replace(first, generation=2))
    with pytest.raises(Contended):
        await store.write(replace(first, generation=3))
    found = await store.read(first.uid)
    assert found is not None
    assert found.generation == 2


async def test_a_new_document_is_not_written_over_one_that_stands(store: Documents) -> None:
    connection = a_connection()
    await store.write(connection)
    with pytest.raises(Contended):
        await store.write(connection)


async def test_what_was_deleted_does_not_come_back(store: Documents) -> None:
    written = await store.write(a_connection())
    newer = await store.write(replace(written, generation=2))
    with pytest.raises(Contended):
        await store.delete(written, an_entry(written))
    await store.delete(newer, an_entry(newer))
    for stale in (written, newer):
        with pytest.raises(Contended):
            await store.write(replace(stale, generation=3))
    assert await store.read(written.uid) is None


async def test_of_many_writers_exactly_one_wins(store: Documents) -> None:
    connection = await store.write(a_connection())
    outcomes = await asyncio.gather(
        *(store.write(replace(connection, generation=n)) for n in range(2, 22)), return_exceptions=True
    )
    assert sum(isinstance(o, Connection) for o in outcomes) == 1
    assert sum(isinstance(o, Contended) for o in outcomes) == 19


async def test_an_audit_entry_is_written_with_its_connection_or_not_at_all(store: Documents) -> None:
    connection = a_connection()
    chain, first = AUDIT.append(None, Event.SIGN_IN, at=connection.created, by="user", generation=1)
    written = await store.write(replace(connection, chain=chain), first)
    longer, second = AUDIT.append(chain, Event.REFRESH, at=connection.created, by="backend", generation=2)
    with pytest.raises(Contended):  # the connection is contended
        await store.write(replace(connection, chain=longer), second)
    await store.write(replace(written, generation=2, chain=longer), second)
    with pytest.raises(ChainBroken):  # the entry stands already, and nobody has moved the connection
        await store.write(replace(a_connection(), chain=longer), second)
    mine = await record_of(store, chain.subject)
    assert (mine[0].entries, mine[0].end, mine[1]) == ((first, second), longer, connection.uid)
    assert AUDIT.flaw(mine[0]) is None


async def test_a_write_is_known_by_its_id_in_the_document_and_in_its_entry(store: Documents) -> None:
    connection = a_connection()
    chain, entry = AUDIT.append(None, Event.SIGN_IN, at=connection.created, by="user", generation=1)
    assert await store.entry(chain.subject, 1) is None
    written = await store.write(
        replace(connection, chain=chain, write_id="first"), replace(entry, write_id="with the first")
    )
    found, beside = await store.read(connection.uid), await store.entry(chain.subject, 1)
    assert (found, beside) == (written, replace(entry, write_id="with the first"))
    assert await store.entry(chain.subject, 2) is None
    await store.attach(replace(written, attachment=Attachment(b"sealed", written.created), write_id="second"))
    found = await store.read(connection.uid)
    assert found is not None
    assert found.write_id == "second"
    before = await store.read_blocks()
    await store.write_blocks(replace(before, write_id="third"), None)
    assert (await store.read_blocks()).write_id == "third"


async def record_of(store: Documents, subject: str) -> tuple[Recorded, str | None]:
    found = [(replace(r, entries=tuple(r.entries)), uid) async for r, uid in store.recorded() if r.subject == subject]
    assert len(found) == 1
    return found[0]


async def test_a_deleted_connections_record_stays_and_erasure_takes_its_name(store: Documents) -> None:
    connection = a_connection()
    chain, first = AUDIT.append(None, Event.SIGN_IN, at=connection.created, by="user", generation=1)
    written = await store.write(replace(connection, chain=chain), first)
    closed, last = AUDIT.append(chain, Event.ERASURE, at=connection.created, by="user", generation=1)
    await store.delete(replace(written, chain=closed), last)
    record, uid = await record_of(store, chain.subject)
    assert uid == connection.uid
    await store.erase(connection.uid)
    assert await record_of(store, chain.subject) == (record, None)
    assert AUDIT.flaw(record) is None
    assert connection.uid not in repr(record)


async def test_a_connection_without_a_record_gets_one_when_it_is_deleted(store: Documents) -> None:
    written = await store.write(a_connection())
    chain, entry = AUDIT.append(None, Event.REVOCATION, at=written.created, by="user", generation=1)
    await store.delete(replace(written, chain=chain), entry)
    record, uid = await record_of(store, chain.subject)
    assert (record.entries, record.end, uid) == ((entry,), chain, written.uid)
    assert await store.read(written.uid) is None


def a_tombstone() -> Tombstone:
    return Tombstone(uuid4().hex, b"\x01sealed", datetime(2026, 11, 24, 8, 0, tzinfo=UTC))


async def graves(store: Documents) -> dict[str, Tombstone]:
    return {t.id: t async for t in store.tombstones()}


async def test_a_tombstone_is_written_over_its_own_revision_only(store: Documents) -> None:
    written = await store.write_tombstone(a_tombstone())
    assert (await graves(store))[written.id] == written
    with pytest.raises(Contended):
        await store.write_tombstone(replace(written, revision=None))
    claimed = await store.write_tombstone(written.claimed())
    assert (await graves(store))[written.id] == claimed != written
    with pytest.raises(Contended):
        await store.write_tombstone(written)
    for _ in range(2):
        await store.delete_tombstone(claimed)
    assert written.id not in await graves(store)
    with pytest.raises(Contended):
        await store.write_tombstone(claimed)


async def test_a_tombstone_is_written_with_its_connection_or_neither(store: Documents) -> None:
    held, other = await store.write_tombstone(a_tombstone()), a_tombstone()
    first = await store.write(a_connection(), None, other)
    assert (await graves(store)).keys() >= {held.id, other.id}
    claimed = await store.write_tombstone(held.claimed())
    with pytest.raises(Contended):  # the tombstone was taken by somebody else
        await store.write(replace(first, generation=2), None, replace(held, sealed=b""))
    assert await store.read(first.uid) == first
    second = await store.write(replace(first, generation=2), None, replace(claimed, sealed=b""))
    assert held.id not in await graves(store)
    late = a_tombstone()
    with pytest.raises(Contended):  # the connection was
        await store.write(replace(first, generation=3), None, late)
    with pytest.raises(Contended):
        await store.delete(first, an_entry(first), late)
    assert late.id not in await graves(store)
    await store.delete(second, an_entry(second), late)
    assert (await store.read(first.uid), late.id in await graves(store)) == (None, True)


async def test_connections_are_found_by_criteria(store: Documents) -> None:
    org, old = f"00D{uuid4().hex[:15]}", datetime(2026, 1, 1, tzinfo=UTC)
    made = {
        "plain": a_connection(org),
        "kept": replace(a_connection(org), stay_signed_in=True, refreshed=old),
        "unused": replace(a_connection(org), used=old),
    }
    for connection in made.values():
        await store.write(connection)
    names = {c.uid: name for name, c in made.items()}

    async def found(criteria: Criteria) -> set[str]:
        return {names[c.uid] async for c in store.find(criteria) if c.uid.org_id == org}

    later = old + timedelta(days=1)
    assert await found(Criteria()) == await found(Criteria(org_id=org)) == set(made)
    assert await found(Criteria(org_id="00Dother")) == set()
    assert await found(Criteria(stay_signed_in=True, refreshed_before=later)) == {"kept"}
    assert await found(Criteria(stay_signed_in=True, refreshed_before=old)) == set()
    assert await found(Criteria(used_before=later)) == {"unused"}


async def test_more_connections_than_a_page_holds_are_all_found(store: Documents) -> None:
    org = f"00D{uuid4().hex[:15]}"
    made = [a_connection(org) for _ in range(650)]
    for begin in range(0, len(made), 50):
        await asyncio.gather(*(store.write(c) for c in made[begin : begin + 50]))
    assert {c.uid async for c in store.find(Criteria(org_id=org))} == {c.uid for c in made}


async def test_blocks_are_fenced_too(store: Documents) -> None:
    before = await store.read_blocks()
    chain, entry = AUDIT.append(
        before.chain, Event.BLOCK, at=datetime(2026, 11, 24, tzinfo=UTC), by="anna", reason="everyone"
    )
    await store.write_blocks(replace(before, targets=frozenset({"00D1"}), chain=chain), entry)
    with pytest.raises(Contended):
        await store.write_blocks(replace(before, targets=frozenset({"00D2"}), chain=chain), entry)
    blocks = await store.read_blocks()
    assert blocks.targets == {"00D1"}
    _, lifted = AUDIT.append(
        blocks.chain, Event.UNBLOCK, at=datetime(2026, 11, 24, tzinfo=UTC), by="anna", reason="everyone"
    )
    await store.write_blocks(replace(blocks, targets=frozenset()), lifted)


async def test_what_is_kept_beside_a_connection_stays_at_writes_and_goes_with_its_end(store: Documents) -> None:
    first = await store.write(a_connection())
    kept = Attachment(b"sealed", first.created)
    await store.attach(replace(first, attachment=kept))
    with pytest.raises(Contended):
        await store.attach(replace(first, attachment=kept))  # somebody has written meanwhile
    found = await store.read(first.uid)
    assert found is not None
    assert found.attachment == kept
    assert found == replace(first, attachment=kept, revision=found.revision)
    await store.write(replace(found, generation=2))
    found = await store.read(first.uid)
    assert found is not None
    assert found.attachment == kept
    await store.write(replace(found, state=State.REVOKED))
    found = await store.read(first.uid)
    assert found is not None
    assert found.attachment is None
    with pytest.raises(Contended):
        await store.attach(replace(a_connection(), attachment=kept, revision=found.revision))


async def test_a_key_is_claimed_once_with_its_content(database: AsyncClient | None) -> None:
    creations: CreationStore = MemoryCreations() if database is None else FirestoreCreations(database)
    uid, other = Uid.of("00D", uuid4().hex), Uid.of("00D", uuid4().hex)
    assert await creations.read(uid, "key") is None
    claimed = await asyncio.gather(*(creations.claim(uid, "key", content) for content in (b"a", b"b", b"c")))
    assert sum(claimed) == 1
    content = (b"a", b"b", b"c")[claimed.index(True)]
    assert await creations.read(uid, "key") == Creation(content)
    await creations.finish(uid, "key", "001")
    assert not await creations.claim(uid, "key", b"d")
    assert await creations.read(uid, "key") == Creation(content, "001")
    assert (await creations.read(uid, "other"), await creations.read(other, "key")) == (None, None)
    for _ in range(2):
        await creations.give_back(uid, "key")
    assert await creations.read(uid, "key") is None
    assert await creations.claim(uid, "key", b"d")
    assert await creations.read(uid, "key") == Creation(b"d")


async def test_failed_sign_ins_of_all_instances_add_up(database: AsyncClient | None) -> None:
    attempts: AttemptStore = MemoryAttempts() if database is None else FirestoreAttempts(database)
    minute = uuid4().hex
    first = {"everyone": 3, "address_b": 2, "everyone_host": 1, "attested_unusual_peer_a": 9}
    assert await attempts.add(minute, first) == first
    assert await attempts.add(minute, {"address_b": 4, "everyone": 1, "address_c": 7}) == {
        "everyone": 4,
        "address_b": 6,
        "address_c": 7,
    }
    assert await attempts.add(uuid4().hex, {"everyone": 1}) == {"everyone": 1}


async def test_a_code_is_taken_once_until_it_is_given_back(database: AsyncClient | None) -> None:
    codes: Codes = MemoryCodes() if database is None else FirestoreCodes(database)
    one, other = uuid4().hex, uuid4().hex
    assert sum(await asyncio.gather(*(codes.claim(one) for _ in range(5)))) == 1
    assert await codes.claim(other)
    assert not await codes.claim(one)
    for _ in range(2):
        await codes.give_back(one)
    assert await codes.claim(one)
    assert not await codes.claim(other)


async def test_shares_of_a_budget_add_up(usage: UsageStore) -> None:
    uid, other = Uid.of("00D", uuid4().hex), Uid.of("00D", uuid4().hex)
    taken = await asyncio.gather(*(usage.take(uid, "2026-11-25", 50) for _ in range(4)))
    assert sorted(taken) == [50, 100, 150, 200]
    assert await usage.take(other, "2026-11-25", 50) == 50
    assert await usage.take(uid, "2026-11-26", 50) == 50
    assert {u.uid: u.taken for u in await usage.users("2026-11-25")}[uid] == 200
    said = OrgUsage(uuid4().hex, 18, 5000, datetime(2026, 11, 25, tzinfo=UTC))
    await usage.report(said)
    assert said in await usage.orgs()
