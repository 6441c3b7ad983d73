"""The vault with the real adapters for Salesforce and sealing, against the real local org; storage in memory."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from backend.adapters.cipher import TinkCipher, new_keyset
from backend.adapters.memory import MemoryConnections
from backend.adapters.salesforce_http import Http
from backend.adapters.salesforce_oauth import SalesforceOAuth
from backend.core.connection import Connection, Credential, Secret, State
from backend.core.vault import LEASE_SECONDS, Vault
from contract.errors import ConnectionLost, Misconfigured, OrgUnavailable, Reason
from localorg import EmbeddedOrg
from tests.clients import CALLBACK, CONSUMER_KEY, CONSUMER_SECRET, SALES, authorize, control


class SteppedClock:
    """Time that passes when someone sleeps."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 24, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0.001)


class Instances:
    """Several processes of the function in one: a vault each, over one store."""

    def __init__(self, org: EmbeddedOrg, secret: str = CONSUMER_SECRET) -> None:
        self.org = org
        self.host = f"127.0.0.1:{org.port}"
        self.clock = SteppedClock()
        self.store = MemoryConnections()
        self.cipher = TinkCipher(Secret(new_keyset()))
        self.http = Http()
        self.oauth = SalesforceOAuth(self.http, CONSUMER_KEY, Secret(secret), local=True)
        self.vaults = [self.vault(str(n)) for n in range(4)]

    def vault(self, owner: str) -> Vault:
        return Vault(self.store, self.cipher, self.oauth, self.clock, random.Random(owner).random, owner)

    async def connect(self) -> tuple[str, Credential]:
        """A new sign-in through the org's pages."""
        authorization = await asyncio.to_thread(authorize, self.org.url)
        honest = SalesforceOAuth(self.http, CONSUMER_KEY, Secret(CONSUMER_SECRET), local=True)
        grant = await honest.exchange_code(self.host, Secret(authorization.code), Secret(authorization.verifier), CALLBACK)
        uid = f"{grant.org_id}_{grant.user_id}"
        await self.vaults[0].save(grant, uid, self.host)
        return uid, await self.vaults[0].open_connection(uid)

    def refreshes(self) -> int:
        return control(self.org.url, "counters").get("token.refresh_token", 0)


@pytest.fixture
async def instances(org: EmbeddedOrg) -> AsyncIterator[Instances]:
    made = Instances(org)
    control(org.url, "faults/clear")
    control(org.url, "counters/reset")
    yield made
    await made.http.close()


async def test_of_two_hundred_callers_in_four_instances_one_refreshes(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    renewed = await asyncio.gather(*(instances.vaults[n % 4].renew(uid, rejected) for n in range(200)))
    assert instances.refreshes() == 1
    assert {r.credential.generation for r in renewed} == {2}
    assert len({r.credential.access_token for r in renewed}) == 1


async def test_a_second_caller_takes_the_winners_token(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    first = await instances.vaults[0].renew(uid, rejected)
    second = await instances.vaults[1].renew(uid, rejected)
    assert first.refreshed
    assert not second.refreshed
    assert second.credential == first.credential
    assert instances.refreshes() == 1


async def test_generations_grow_over_many_refreshes_under_rotation(instances: Instances) -> None:
    uid, credential = await instances.connect()
    for expected in range(2, 8):
        credential = (await instances.vaults[expected % 4].renew(uid, credential)).credential
        assert credential.generation == expected
    stored = await instances.store.read(uid)
    assert stored is not None
    assert (stored.generation, stored.state, stored.lease) == (7, State.FRESH, None)


async def test_a_refused_refresh_ends_the_connection_once(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "revoke", {"username": SALES})
    for vault in instances.vaults:
        with pytest.raises(ConnectionLost) as lost:
            await vault.renew(uid, rejected)
        assert lost.value.reason is Reason.ACCESS_REVOKED
    assert instances.refreshes() == 1
    stored = await instances.store.read(uid)
    assert stored is not None
    assert stored.state is State.NEEDS_SIGN_IN


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"cut": "before"}])
async def test_a_passing_fault_keeps_the_connection(instances: Instances, fault: dict[str, object]) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", **fault})
    with pytest.raises(OrgUnavailable):
        await instances.vaults[0].renew(uid, rejected)
    assert (await instances.vaults[1].renew(uid, rejected)).credential.generation == 2


async def test_a_lost_answer_is_never_followed_by_the_same_token_again(instances: Instances) -> None:
    """Under rotation, sending a used refresh token again makes Salesforce revoke the whole grant."""
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "after"})
    with pytest.raises(OrgUnavailable) as busy:
        await instances.vaults[0].renew(uid, rejected)
    assert busy.value.reason is Reason.ORG_BUSY
    stored = await instances.store.read(uid)
    assert stored is not None
    assert stored.state is State.SENT_UNKNOWN
    for vault in instances.vaults:
        with pytest.raises(ConnectionLost) as lost:
            await vault.renew(uid, rejected)
        assert lost.value.reason is Reason.REFRESH_LOST
    assert instances.refreshes() == 1


async def test_a_store_that_fails_for_a_moment_loses_no_new_token(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    inner, failures = instances.store.write, 3

    async def write(connection: Connection) -> Connection:
        nonlocal failures
        if connection.generation == 2 and failures:
            failures -= 1
            raise ConnectionError("the store is away")
        return await inner(connection)

    instances.store.write = write
    assert (await instances.vaults[0].renew(uid, rejected)).credential.generation == 2
    assert failures == 0
    assert instances.refreshes() == 1


async def test_a_request_that_never_arrived_is_sent_again_after_asking(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "before"})
    with pytest.raises(OrgUnavailable):
        await instances.vaults[0].renew(uid, rejected)
    assert (await instances.vaults[1].renew(uid, rejected)).credential.generation == 2
    assert control(instances.org.url, "counters")["introspect"] == 1


async def test_an_unknown_outcome_stays_unknown_while_salesforce_cannot_be_asked(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "before"})
    control(instances.org.url, "faults", {"kind": "introspect", "status": 503})
    for _ in range(2):
        with pytest.raises(OrgUnavailable):
            await instances.vaults[0].renew(uid, rejected)
    assert (await instances.vaults[0].renew(uid, rejected)).credential.generation == 2


async def test_a_wrong_consumer_secret_is_no_reason_to_end_a_connection(org: EmbeddedOrg) -> None:
    instances = Instances(org, secret="wrong")
    uid, rejected = await instances.connect()
    with pytest.raises(Misconfigured):
        await instances.vaults[0].renew(uid, rejected)
    stored = await instances.store.read(uid)
    assert stored is not None
    assert stored.state is State.FRESH
    await instances.http.close()


async def test_a_lease_whose_holder_died_is_taken_over_after_its_deadline(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    stored = await instances.store.read(uid)
    assert stored is not None
    await instances.vaults[0]._take_lease(stored)  # and dies
    before = instances.clock.now()
    renewed = await instances.vaults[1].renew(uid, rejected)
    assert renewed.credential.generation == 2
    assert instances.clock.now() - before >= timedelta(seconds=LEASE_SECONDS - 1)


async def test_a_holder_that_comes_too_late_does_not_write_over_a_new_sign_in(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "delayMs": 300})
    late = asyncio.create_task(instances.vaults[1].renew(uid, rejected))
    await asyncio.sleep(0.1)
    uid_again, _ = await instances.connect()
    assert uid_again == uid
    assert (await late).credential.generation == 2
    stored = await instances.store.read(uid)
    assert stored is not None
    assert stored.generation == 2


async def test_sign_out_forgets_and_hands_back_the_refresh_token(instances: Instances) -> None:
    uid, _ = await instances.connect()
    forgotten = await instances.vaults[0].forget(uid)
    assert forgotten is not None
    await instances.oauth.revoke(instances.host, forgotten[0])
    with pytest.raises(ConnectionLost) as lost:
        await instances.vaults[0].open_connection(uid)
    assert lost.value.reason is Reason.NOT_CONNECTED
    assert await instances.vaults[0].forget(uid) is None


async def test_a_credential_is_remembered_and_looked_up_again_after_a_while(instances: Instances) -> None:
    uid, credential = await instances.connect()
    stored = await instances.store.read(uid)
    assert stored is not None
    await instances.store.delete(stored)
    assert await instances.vaults[0].open_connection(uid) == credential
    await instances.clock.sleep(301)
    with pytest.raises(ConnectionLost):
        await instances.vaults[0].open_connection(uid)
