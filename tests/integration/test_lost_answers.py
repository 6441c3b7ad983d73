"""The flows on the real adapters while answers of Firestore go astray: before the emulator stands a proxy that carries
a commit out and says something else, or nothing, or lets it hang.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from google.cloud.firestore import AsyncClient

from backend.adapters.firestore import requests
from backend.adapters.firestore.attempts import FirestoreAttempts
from backend.adapters.firestore.codes import FirestoreCodes
from backend.adapters.firestore.creations import FirestoreCreations
from backend.adapters.firestore.documents import FirestoreDocuments
from backend.adapters.firestore.usage import FirestoreUsage
from backend.connections import writes
from backend.connections.audit import Event
from backend.failures import StoreUnavailable
from backend.records.allowance import OrgUsage
from backend.records.creations import Creation
from backend.values import Caller, Uid
from contract.calls import CreateRecord, SignIn, SignOut
from contract.errors import CallError, Reason
from devtools.clients import CALLBACK, SALES, authorize, control
from devtools.suite import Suite
from localorg import EmbeddedOrg
from tests.functions.instances import SOMEBODY, Instances, Stores
from tests.grpc_proxy import Fault, FirestoreProxy

ASTRAY = (
    Fault.ARRIVES_UNAVAILABLE,
    Fault.ARRIVES_CONTENDED,
    Fault.ARRIVES_EXISTS,
    Fault.ARRIVES_UNANSWERED,
    Fault.HANGS,
    Fault.UNAVAILABLE,
)


@dataclass
class Behind:
    """Stores behind the proxy, in databases that nobody else uses."""

    proxy: FirestoreProxy
    database: AsyncClient
    blocks: AsyncClient

    def instances(self, org: EmbeddedOrg) -> Instances:
        documents = FirestoreDocuments(self.database, self.blocks)
        creations, codes = FirestoreCreations(self.database), FirestoreCodes(self.database)
        return Instances(org, stores=Stores(documents, creations, codes, FirestoreAttempts(self.database)))


_WAITED_FOR = (Fault.ARRIVES_UNANSWERED, Fault.HANGS)


@pytest.fixture
async def behind(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Behind]:
    async with FirestoreProxy(f"127.0.0.1:{suite.plan.ports.firestore}") as proxy:
        os.environ["FIRESTORE_EMULATOR_HOST"] = proxy.address
        try:
            name = f"lost-{uuid4().hex[:8]}"
            project = suite.plan.project
            database, blocks = (AsyncClient(project=project, database=n) for n in (name, f"{name}-b"))
            for client in (database, blocks):  # the first request of all makes the connection
                await client.collection("nothing").document("first").get()
            # Few tests wait for three seconds; that they are three is tested by itself. Where no request hangs there is
            # time enough for a busy machine.
            fault = request.node.callspec.params.get("fault") if hasattr(request.node, "callspec") else None
            monkeypatch.setattr(requests, "RPC_SECONDS", 0.8 if fault in (None, *_WAITED_FOR) else 20.0)
            monkeypatch.setattr(writes, "WRITE_PAUSES", (0.01, 0.01, 0.01))
            yield Behind(proxy, database, blocks)
        finally:
            del os.environ["FIRESTORE_EMULATOR_HOST"]


@pytest.mark.parametrize("fault", ASTRAY)
async def test_sign_in_refresh_create_and_sign_out_with_every_answer_astray(
    behind: Behind, org: EmbeddedOrg, fault: Fault
) -> None:
    """The first sending of every commit meets the fault."""
    control(org.url, "counters/reset")
    here, proxy = behind.instances(org), behind.proxy
    try:
        proxy.plan_for_each(fault)
        authorization = await asyncio.to_thread(authorize, org.url, SALES)
        sign_in = SignIn(authorization.code, authorization.verifier, CALLBACK, here.host, "Phone")
        signed_in = await here.sign_in_flow().sign_in(SOMEBODY, sign_in)
        uid = Uid(signed_in.user.uid)
        caller = Caller(uid, "phone")
        assert await here.is_active(await here.stored(uid))

        control(org.url, "expire", {"username": SALES})
        made = CreateRecord("Account", {"Name": f"Made {uuid4().hex}"}, idempotency_key=uuid4().hex)
        first = await here.each[0].changes.create_record(caller, made)
        again = await here.each[1].changes.create_record(caller, made)
        assert first.id == again.id
        assert control(org.url, "counters")["token.refresh_token"] == 1
        connection = await here.stored(uid)
        assert connection.generation == 2
        assert await here.is_active(connection)

        await here.blocks.block(uid, by="anna")
        await here.blocks.unblock(uid, by="anna")
        await here.lifecycle.sign_out(caller, SignOut(everywhere=True))
        assert await here.store.read(uid) is None
        assert not await here.is_active(connection)
        proxy.heal()
        await arrived(proxy)
        assert await here.store.read(uid) is None
        records, entries, flaws = await here.store.check_records()
        assert (records, entries, flaws) == (2, 5, {})  # sign-in, refresh, sign-out; block, unblock
    finally:
        await here.http.close()


async def arrived(proxy: FirestoreProxy) -> None:
    """What hung has gone on to the emulator."""
    await asyncio.gather(*proxy.under_way)


@pytest.mark.parametrize("fault", ASTRAY)
async def test_every_other_write_counts_once(behind: Behind, fault: Fault) -> None:
    proxy, database = behind.proxy, behind.database
    codes, creations = FirestoreCodes(database), FirestoreCreations(database)
    usage, attempts = FirestoreUsage(database), FirestoreAttempts(database)
    code, uid, minute = uuid4().hex, Uid.of("00D", uuid4().hex), uuid4().hex
    proxy.plan_for_each(fault)
    assert await codes.claim(code)
    assert not await codes.claim(code)
    await codes.give_back(code)
    assert await codes.claim(code)
    assert await creations.claim(uid, "key", b"a")
    assert not await creations.claim(uid, "key", b"b")
    await creations.finish(uid, "key", "001")
    assert await creations.read(uid, "key") == Creation(b"a", "001")
    assert [await usage.take(uid, "2026-11-29", 50) for _ in range(2)] == [50, 100]
    assert await attempts.add(minute, {"everyone": 1, "address_b": 2}) == {"everyone": 1, "address_b": 2}
    assert await attempts.add(minute, {"everyone": 1}) == {"everyone": 2}
    said = OrgUsage(uuid4().hex, 18, 5000, datetime(2026, 11, 29, tzinfo=UTC))
    if fault in (Fault.UNAVAILABLE, Fault.ARRIVES_UNAVAILABLE):
        await usage.report(said)
    proxy.heal()
    await arrived(proxy)
    assert not await codes.claim(code)
    assert await creations.read(uid, "key") == Creation(b"a", "001")
    assert await usage.take(uid, "2026-11-29", 50) == 150
    assert await attempts.add(minute, {"everyone": 1}) == {"everyone": 3}


@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.UNAVAILABLE, Fault.DENIED])
async def test_a_store_that_is_away_is_nobody_elses_fault(
    behind: Behind, org: EmbeddedOrg, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "RPC_SECONDS", 0.15)
    here, proxy = behind.instances(org), behind.proxy
    usage = FirestoreUsage(behind.database)
    caller = Caller(Uid.of("00D", uuid4().hex), "phone")
    for method in ("BatchGetDocuments", "RunQuery", "Commit"):
        proxy.plan(fault, method, times=1000)
    try:
        asked: list[Callable[[], Awaitable[object]]] = [
            lambda: here.blocks.check(caller.uid),
            lambda: here.vaults[0].open(caller.uid),
            lambda: here.vaults[0].remove(caller.uid, Event.REVOCATION, by="user"),
            lambda: here.lifecycle.upkeep(),
            lambda: FirestoreCodes(behind.database).claim("code"),
            lambda: usage.take(caller.uid, "2026-11-29", 50),
            lambda: usage.users("2026-11-29"),
        ]
        for ask in asked:
            with pytest.raises(CallError) as away:
                await ask()
            assert isinstance(away.value, StoreUnavailable)
            assert away.value.reason is Reason.STORE_UNAVAILABLE
    finally:
        proxy.heal()
        await here.http.close()


async def test_a_request_to_firestore_has_three_seconds(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    documents = FirestoreDocuments(behind.database)
    behind.proxy.plan(Fault.HANGS, "BatchGetDocuments")
    began = asyncio.get_running_loop().time()
    with pytest.raises(StoreUnavailable):
        await documents.read(Uid("00D_nobody"))
    assert asyncio.get_running_loop().time() - began == pytest.approx(requests.RPC_SECONDS, abs=0.5)
    assert requests.RPC_SECONDS == 3


async def test_a_code_that_was_not_sent_is_good_again_although_giving_it_back_hung(behind: Behind) -> None:
    """A deletion that arrives late takes no later claim away."""
    codes, code = FirestoreCodes(behind.database), uuid4().hex
    assert await codes.claim(code)
    behind.proxy.plan(Fault.HANGS)
    await codes.give_back(code)  # the second try gets through
    assert await codes.claim(code)
    behind.proxy.heal()
    await arrived(behind.proxy)
    assert not await codes.claim(code)
