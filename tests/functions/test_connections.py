"""One suite for both stores: in memory, and the real Firestore emulator."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from google.cloud.firestore import AsyncClient

from backend.adapters.firestore import FirestoreConnections
from backend.adapters.memory import MemoryConnections
from backend.core.connection import Connection, ConnectionStore, Contended, Lease, State
from contract.errors import Reason


def a_connection() -> Connection:
    now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    return Connection(
        uid=f"00D_{uuid4().hex}", org_id="00D", user_id="005", login_host="login.salesforce.com", instance_url="https://x.my.salesforce.com",
        scope="api",
        generation=1, access_token=b"\x01sealed", refresh_token=b"\x02sealed", state=State.FRESH, created=now, refreshed=now,
    )  # fmt: skip


@pytest.fixture(params=["memory", "firestore"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ConnectionStore]:
    if request.param == "memory":
        yield MemoryConnections()
        return
    suite = request.getfixturevalue("suite")
    os.environ["FIRESTORE_EMULATOR_HOST"] = f"127.0.0.1:{suite.plan.ports.firestore}"
    try:
        yield FirestoreConnections(AsyncClient(project=suite.plan.project))
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]


async def test_what_was_written_is_read(store: ConnectionStore) -> None:
    written = await store.write(a_connection())
    assert await store.read(written.uid) == written
    changed = replace(
        written,
        generation=2,
        state=State.NEEDS_SIGN_IN,
        ended_reason=Reason.ACCESS_REVOKED,
        lease=Lease("me", written.created + timedelta(seconds=20)),
    )
    written = await store.write(changed)
    assert await store.read(written.uid) == written


async def test_what_is_not_there_reads_as_none(store: ConnectionStore) -> None:
    assert await store.read("00D_nobody") is None


async def test_an_older_revision_is_never_written_over_a_newer(store: ConnectionStore) -> None:
    first = await store.write(a_connection())
    await store.write(replace(first, generation=2))
    with pytest.raises(Contended):
        await store.write(replace(first, generation=3))
    found = await store.read(first.uid)
    assert found is not None
    assert found.generation == 2


async def test_a_new_document_is_not_written_over_one_that_stands(store: ConnectionStore) -> None:
    connection = a_connection()
    await store.write(connection)
    with pytest.raises(Contended):
        await store.write(connection)


async def test_what_was_deleted_does_not_come_back(store: ConnectionStore) -> None:
    written = await store.write(a_connection())
    newer = await store.write(replace(written, generation=2))
    with pytest.raises(Contended):
        await store.delete(written)
    await store.delete(newer)
    for stale in (written, newer):
        with pytest.raises(Contended):
            await store.write(replace(stale, generation=3))
    assert await store.read(written.uid) is None


async def test_of_many_writers_exactly_one_wins(store: ConnectionStore) -> None:
    connection = await store.write(a_connection())
    outcomes = await asyncio.gather(*(store.write(replace(connection, generation=n)) for n in range(2, 22)), return_exceptions=True)
    assert sum(isinstance(o, Connection) for o in outcomes) == 1
    assert sum(isinstance(o, Contended) for o in outcomes) == 19
