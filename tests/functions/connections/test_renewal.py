"""Renewal with the real adapters for Salesforce and sealing, against the real local org; storage in memory."""

import asyncio
from datetime import timedelta

import pytest

from backend.connections.audit import Entry, Event
from backend.connections.connection import Connection, State
from backend.connections.credentials import REMEMBER_SECONDS
from backend.connections.renewal import LEASE_SECONDS
from backend.connections.tombstones import Tombstone
from contract.errors import ConnectionLost, Misconfigured, OrgUnavailable, Reason
from devtools.clients import SALES, control
from localorg import EmbeddedOrg
from tests.functions.instances import Instances


async def test_of_two_hundred_callers_in_four_instances_one_refreshes(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    renewed = await asyncio.gather(*(instances.renewals[n % 4].renew(uid, rejected) for n in range(200)))
    assert instances.refreshes() == 1
    assert {r.credential.generation for r in renewed} == {2}
    assert len({r.credential.access_token for r in renewed}) == 1


async def test_a_second_caller_takes_the_winners_token(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    first = await instances.renewals[0].renew(uid, rejected)
    second = await instances.renewals[1].renew(uid, rejected)
    assert first.refreshed
    assert not second.refreshed
    assert second.credential == first.credential
    assert instances.refreshes() == 1


async def test_generations_grow_over_many_refreshes_under_rotation(instances: Instances) -> None:
    uid, credential = await instances.connect()
    for expected in range(2, 8):
        credential = (await instances.renewals[expected % 4].renew(uid, credential)).credential
        assert credential.generation == expected
    stored = await instances.stored(uid)
    assert (stored.generation, stored.state, stored.lease) == (7, State.FRESH, None)


async def test_a_refused_refresh_ends_the_connection_once(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "revoke", {"username": SALES})
    for renewal in instances.renewals:
        with pytest.raises(ConnectionLost) as lost:
            await renewal.renew(uid, rejected)
        assert lost.value.reason is Reason.ACCESS_REVOKED
    assert instances.refreshes() == 1
    stored = await instances.stored(uid)
    assert stored.state is State.NEEDS_SIGN_IN


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 500}, {"cut": "before"}])
async def test_a_passing_fault_is_got_over_within_the_call(instances: Instances, fault: dict[str, object]) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", **fault})
    assert (await instances.renewals[0].renew(uid, rejected)).credential.generation == 2


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": "before"}])
async def test_a_fault_that_stays_keeps_the_connection(instances: Instances, fault: dict[str, object]) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "times": 20, **fault})
    begun = instances.clock.now()
    with pytest.raises(OrgUnavailable):
        await instances.renewals[0].renew(uid, rejected)
    assert instances.refreshes() == 3
    assert instances.clock.now() - begun < timedelta(seconds=30)
    control(instances.org.url, "faults/clear")
    assert (await instances.renewals[1].renew(uid, rejected)).credential.generation == 2


async def test_a_lost_answer_is_never_followed_by_the_same_token_again(instances: Instances) -> None:
    """Under rotation, sending a used refresh token again makes Salesforce revoke the whole grant."""
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "after"})
    for renewal in instances.renewals:
        with pytest.raises(ConnectionLost) as lost:
            await renewal.renew(uid, rejected)
        assert lost.value.reason is Reason.REFRESH_LOST
        assert lost.value.details == {"state": "needs-sign-in"}
    assert (State.SENT_UNKNOWN, None) in instances.noticed
    assert instances.refreshes() == 1


async def test_a_store_that_fails_for_a_moment_loses_no_new_token(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    inner, failures = instances.documents.write, 3

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        nonlocal failures
        if connection.generation == 2 and failures:
            failures -= 1
            raise ConnectionError("the store is away")
        return await inner(connection, entry, tombstone)

    instances.documents.write = write
    assert (await instances.renewals[0].renew(uid, rejected)).credential.generation == 2
    assert failures == 0
    assert instances.refreshes() == 1


async def test_a_request_that_never_arrived_is_sent_again_after_asking(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "before"})
    assert (await instances.renewals[1].renew(uid, rejected)).credential.generation == 2
    assert control(instances.org.url, "counters")["introspect"] == 1


async def test_an_unknown_outcome_stays_unknown_while_salesforce_cannot_be_asked(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "cut": "before"})
    control(instances.org.url, "faults", {"kind": "introspect", "status": 503, "times": 20})
    with pytest.raises(OrgUnavailable):
        await instances.renewals[0].renew(uid, rejected)
    assert (await instances.stored(uid)).state is State.SENT_UNKNOWN
    assert instances.refreshes() == 1
    control(instances.org.url, "faults/clear")
    assert (await instances.renewals[0].renew(uid, rejected)).credential.generation == 2


async def test_a_wrong_consumer_secret_is_no_reason_to_end_a_connection(org: EmbeddedOrg) -> None:
    instances = Instances(org, secret="wrong")
    uid, rejected = await instances.connect()
    with pytest.raises(Misconfigured):
        await instances.renewals[0].renew(uid, rejected)
    stored = await instances.stored(uid)
    assert stored.state is State.FRESH
    await instances.http.close()


async def test_a_lease_whose_holder_died_is_taken_over_after_its_deadline(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    stored = await instances.stored(uid)
    await instances.renewals[0]._take_lease(stored)  # and dies
    before = instances.clock.now()
    renewed = await instances.renewals[1].renew(uid, rejected)
    assert renewed.credential.generation == 2
    assert instances.clock.now() - before >= timedelta(seconds=LEASE_SECONDS - 1)


async def test_a_holder_that_comes_too_late_does_not_write_over_a_new_sign_in(instances: Instances) -> None:
    uid, rejected = await instances.connect()
    answered, go_on = instances.hold_generation(2)
    late = asyncio.create_task(instances.renewals[1].renew(uid, rejected))
    await answered.wait()
    uid_again, _ = await instances.connect()
    assert uid_again == uid
    go_on.set()
    assert (await late).credential.generation == 2
    stored = await instances.stored(uid)
    assert stored.generation == 2
    assert await instances.is_active(stored)


async def test_what_others_write_during_a_refresh_costs_no_token(instances: Instances) -> None:
    """A sign-out of another device, a re-sealing, a setting: the holder of the lease takes them over."""
    uid, rejected = await instances.connect()
    answered, go_on = instances.hold_generation(2)
    renewal = asyncio.create_task(instances.renewals[1].renew(uid, rejected))
    await answered.wait()
    assert (await instances.stored(uid)).state is State.SENDING
    await instances.vaults[0].reseal(uid)
    await instances.stay_signed_in(uid, True)
    go_on.set()
    assert (await renewal).credential.generation == 2
    stored = await instances.stored(uid)
    assert (stored.generation, stored.state, stored.stay_signed_in) == (2, State.FRESH, True)
    assert await instances.is_active(stored)


async def test_an_answer_that_was_given_up_still_counts_when_it_comes(instances: Instances) -> None:
    """The holder's process stood still for longer than its lease; another one asked Salesforce and gave the token
    up.
    """
    uid, rejected = await instances.connect()
    inner, slow, given_up = instances.documents.write, asyncio.Event(), asyncio.Event()

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2 and not slow.is_set():
            slow.set()
            await given_up.wait()
        return await inner(connection, entry, tombstone)

    instances.documents.write = write
    frozen = asyncio.create_task(instances.renewals[0].renew(uid, rejected))
    await slow.wait()
    with pytest.raises(ConnectionLost) as lost:
        await instances.renewals[1].renew(uid, rejected)
    assert lost.value.reason is Reason.REFRESH_LOST
    given_up.set()
    assert (await frozen).credential.generation == 2
    stored = await instances.stored(uid)
    assert (stored.state, stored.ended_reason) == (State.FRESH, None)
    assert await instances.is_active(stored)
    assert instances.refreshes() == 1


@pytest.mark.parametrize("drowsy", [False, True])
async def test_a_holder_that_stood_still_does_not_send(instances: Instances, drowsy: bool) -> None:
    """Its process got no processor between taking the lease and sending, until another one had taken over.

    Found by the state machine; a vault that does not look at the clock before it sends makes Salesforce revoke
    everything.
    """
    uid, rejected = await instances.connect()
    inner, still = instances.documents.write, True

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        nonlocal still
        written = await inner(connection, entry, tombstone)
        if connection.state is State.SENDING and still:
            still = False
            assert (await instances.renewals[1].renew(uid, rejected)).refreshed
        return written

    instances.documents.write = write
    if drowsy:
        instances.renewals[0]._stood_still = lambda since: False
    renewed = await instances.renewals[0].renew(uid, rejected)
    assert not renewed.refreshed
    assert instances.refreshes() == (2 if drowsy else 1)
    assert await instances.is_active(await instances.stored(uid)) is not drowsy


@pytest.mark.parametrize("how", ["kill", "sign-out"])
async def test_a_token_that_comes_after_the_end_is_revoked(instances: Instances, how: str) -> None:
    """Killed or signed out between Salesforce's answer and the write: the new grant is nobody's, so Salesforce is
    told.
    """
    uid, rejected = await instances.connect()
    inner, answered, ended = instances.documents.write, asyncio.Event(), asyncio.Event()
    given: list[Connection] = []

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2:
            given.append(connection)
            answered.set()
            await ended.wait()
        return await inner(connection, entry, tombstone)

    instances.documents.write = write
    renewal = asyncio.create_task(instances.renewals[1].renew(uid, rejected))
    await answered.wait()
    assert await instances.is_active(given[0])
    if how == "kill":
        await instances.lifecycle.block(uid, by="anna")
    else:
        await instances.sign_out(uid, "phone", everywhere=True)
    ended.set()
    with pytest.raises(ConnectionLost):
        await renewal
    assert not await instances.is_active(given[0])


async def test_a_generation_that_begins_anew_is_told_from_the_old_one(instances: Instances) -> None:
    """After sign-out and sign-in another instance still remembers a higher generation; it takes the stored one."""
    uid, credential = await instances.connect()
    for _ in range(3):
        credential = (await instances.renewals[1].renew(uid, credential)).credential
    await instances.sign_out(uid, "phone", everywhere=True)
    await instances.clock.sleep(1)
    _, new = await instances.connect()
    assert new.generation == 1
    before = instances.refreshes()
    renewed = await instances.renewals[1].renew(uid, credential)
    assert renewed.credential == new
    assert await instances.renewals[1].get(uid) == new
    assert instances.refreshes() == before


async def test_a_credential_is_remembered_and_looked_up_again_after_a_while(instances: Instances) -> None:
    uid, credential = await instances.connect()
    await instances.vaults[1].remove(uid, Event.REVOCATION, by="user")
    assert await instances.renewals[0].get(uid) == credential
    await instances.clock.sleep(REMEMBER_SECONDS + 1)
    with pytest.raises(ConnectionLost):
        await instances.renewals[0].get(uid)
