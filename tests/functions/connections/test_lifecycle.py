"""What becomes of a connection after sign-in, against the real local org; storage in memory."""

import asyncio
from datetime import timedelta

import pytest

from backend.connections.audit import Entry, Event, Recorded
from backend.connections.blocks import TRUST_SECONDS
from backend.connections.connection import Connection, State
from backend.connections.credentials import REMEMBER_SECONDS
from backend.connections.lifecycle import UpkeepReport
from backend.connections.renewal import IDLE_DAYS
from backend.connections.tombstones import Tombstone
from backend.values import Caller, Uid
from contract.errors import ConnectionLost, Reason
from devtools.clients import ADMIN, SALES, control
from tests.altered import replace
from tests.functions.instances import Instances


async def records(instances: Instances, uid: Uid | None) -> list[Recorded]:
    return [r async for r, whose in instances.documents.recorded() if whose == uid]


async def events(instances: Instances, uid: Uid | None) -> list[tuple[Event, str, int, str]]:
    """What is recorded of a user; the record is whole."""
    found: list[tuple[Event, str, int, str]] = []
    for record in await records(instances, uid):
        assert instances.audit.flaw(record) is None
        found += [(e.event, e.by, e.generation, e.reason) for e in record.entries]
    return found


# Sign-out


async def test_the_last_device_that_signs_out_ends_the_grant(instances: Instances) -> None:
    uid, _ = await instances.connect()
    connection = await instances.stored(uid)
    await instances.sign_out(uid, "phone", everywhere=False)
    assert await instances.store.read(uid) is None
    assert not await instances.is_active(connection)
    assert instances.firebase.ended == [uid]
    assert await events(instances, uid) == [(Event.SIGN_IN, "user", 1, ""), (Event.REVOCATION, "user", 1, "signed-out")]


async def test_one_device_of_two_signs_out_alone(instances: Instances) -> None:
    uid, _ = await instances.connect(device="phone")
    await instances.connect(device="tablet")
    assert (await instances.status(uid)).devices == 2
    vault = instances.vaults[1]
    assert await vault.admits(Caller(uid, "phone"))
    await instances.sign_out(uid, "phone", everywhere=False)
    assert await instances.is_active(await instances.stored(uid))
    assert instances.firebase.ended == []
    assert not await instances.vaults[0].admits(Caller(uid, "phone"))  # at once where it was done
    await instances.clock.sleep(REMEMBER_SECONDS)
    assert not await vault.admits(Caller(uid, "phone"))  # elsewhere after a minute at most
    assert await vault.admits(Caller(uid, "tablet"))
    await instances.sign_out(uid, "tablet", everywhere=False)
    assert await instances.store.read(uid) is None


async def test_signing_out_everywhere_leaves_no_device(instances: Instances) -> None:
    uid, _ = await instances.connect(device="phone")
    await instances.connect(device="tablet")
    await instances.sign_out(uid, "phone", everywhere=True)
    assert await instances.store.read(uid) is None
    assert instances.firebase.ended == [uid]
    await instances.sign_out(uid, "phone", everywhere=True)  # once more is no error


async def test_two_devices_that_sign_out_at_once_leave_nothing_behind(instances: Instances) -> None:
    uid, _ = await instances.connect(device="phone")
    await instances.connect(device="tablet")
    await asyncio.gather(*(instances.sign_out(uid, s, everywhere=False) for s in ("phone", "tablet")))
    assert await instances.store.read(uid) is None


async def test_a_device_of_another_instances_sign_in_is_known_at_once(instances: Instances) -> None:
    uid, _ = await instances.connect(device="phone")
    await instances.renewals[1].get(uid)
    await instances.connect(device="tablet")
    assert await instances.vaults[1].admits(Caller(uid, "tablet"))
    assert not await instances.vaults[1].admits(Caller(uid, "stolen"))


async def test_a_user_has_twenty_devices_at_most(instances: Instances) -> None:
    uid = Uid()
    for n in range(22):
        uid, _ = await instances.connect(device=f"device {n}")
        await instances.clock.sleep(1)
    devices = (await instances.stored(uid)).devices
    assert len(devices) == 20
    assert {"device 0", "device 1"}.isdisjoint(devices)


# Erasure


async def test_erasure_leaves_a_record_that_names_nobody(instances: Instances) -> None:
    uid, _ = await instances.connect()
    connection = await instances.stored(uid)
    erased = await instances.erase(uid)
    assert erased.revoked_at_salesforce
    assert not await instances.is_active(connection)
    assert instances.firebase.deleted == [uid]
    assert await instances.store.read(uid) is None
    assert await records(instances, uid) == []
    nameless = await events(instances, None)
    assert nameless[-1] == (Event.ERASURE, "user", 1, "")
    assert uid not in repr(await records(instances, None))
    ends = [r.end.hash for r in await records(instances, None) if r.end]
    assert erased.receipt in ends
    again = await instances.erase(uid)
    assert (again.receipt, again.revoked_at_salesforce) == ("", True)


async def test_erasure_takes_the_name_off_earlier_records_too(instances: Instances) -> None:
    uid, _ = await instances.connect()
    await instances.sign_out(uid, "phone", everywhere=True)
    await instances.connect()
    assert len(await records(instances, uid)) == 2
    await instances.erase(uid)
    assert await records(instances, uid) == []


async def test_erasure_goes_through_when_salesforce_does_not_answer_and_says_so(instances: Instances) -> None:
    uid, _ = await instances.connect()
    control(instances.org.url, "faults", {"kind": "revoke", "status": 503, "times": 5})
    assert not (await instances.erase(uid)).revoked_at_salesforce
    assert await instances.store.read(uid) is None
    assert instances.firebase.deleted == [uid]


# Blocks


@pytest.mark.parametrize("target", ["user", "org", "everyone"])
async def test_a_block_ends_the_connections_here_and_at_salesforce(instances: Instances, target: str) -> None:
    uid, credential = await instances.connect()
    other, _ = await instances.connect(ADMIN)
    before = await instances.stored(uid)
    blocked = await instances.lifecycle.block(
        {"user": uid, "org": uid.partition("_")[0], "everyone": "everyone"}[target], by="anna"
    )
    assert (blocked.ended, blocked.unconfirmed) == (1 if target == "user" else 2, 0)
    stored = await instances.stored(uid)
    assert (stored.state, instances.grant(stored).is_live) == (State.REVOKED, False)
    assert not instances.documents.graves
    assert not await instances.is_active(before)
    with pytest.raises(ConnectionLost) as lost:
        await instances.renewals[1].renew(uid, credential)
    assert (lost.value.reason, lost.value.details) == (Reason.ACCESS_STOPPED, {"state": "revoked"})
    for instance in instances.each:
        instance.remembered.forget(uid)
        with pytest.raises(ConnectionLost):
            await instance.renewal.get(uid)
    assert (await events(instances, uid))[-1] == (Event.BLOCK, "anna", 1, "access-stopped")
    assert uid in instances.firebase.ended
    assert (await instances.status(uid)).state == "revoked"
    if target == "user":
        assert await instances.is_active(await instances.stored(other))


async def test_a_block_is_known_everywhere_within_seconds_and_lifted_again(instances: Instances) -> None:
    uid, _ = await instances.connect()
    await instances.blocks.check(uid)
    await instances.blocks.block(uid, by="anna")
    await instances.clock.sleep(TRUST_SECONDS + 0.1)
    for _ in range(2):
        with pytest.raises(ConnectionLost) as lost:
            await instances.blocks.check(uid)
        assert lost.value.reason is Reason.ACCESS_STOPPED
    await instances.blocks.check(Uid("00D5e0000000002EAA_0055e0000000002AAA"))
    with pytest.raises(ValueError, match="not blocked"):
        await instances.blocks.unblock("everyone", by="anna")
    await instances.blocks.unblock(uid, by="bert")
    await instances.clock.sleep(TRUST_SECONDS + 0.1)
    await instances.blocks.check(uid)
    record = next(r for r in await records(instances, None))
    assert [(e.event, e.by, e.reason) for e in record.entries] == [
        (Event.BLOCK, "anna", "one user"),
        (Event.UNBLOCK, "bert", "one user"),
    ]
    assert instances.audit.flaw(record) is None


async def test_under_load_a_block_is_looked_up_beside_the_calls(instances: Instances) -> None:
    uid = Uid("00D5e0000000001EAA_0055e0000000001AAA")
    await instances.blocks.check(uid)
    await instances.blocks.block("everyone", by="anna")
    await instances.blocks.check(uid)  # two seconds' trust
    await instances.clock.sleep(3)
    await instances.blocks.check(uid)  # this one goes through and makes it look
    await asyncio.sleep(0)
    with pytest.raises(ConnectionLost):
        await instances.blocks.check(uid)


@pytest.mark.parametrize("target", ["", "all", "00D", "sales@localorg.test", "00D5e0000000001EAA_", "everyone "])
async def test_a_block_of_nobody_in_particular_is_refused(instances: Instances, target: str) -> None:
    with pytest.raises(ValueError, match="18-character"):
        await instances.lifecycle.block(target, by="anna")


async def test_a_block_that_salesforce_did_not_confirm_is_made_good(instances: Instances) -> None:
    uid, _ = await instances.connect()
    connection = await instances.stored(uid)
    control(instances.org.url, "faults", {"kind": "revoke", "status": 503})
    assert (await instances.lifecycle.block(uid, by="anna")).unconfirmed == 1
    assert await instances.is_active(connection)
    assert not instances.grant(await instances.stored(uid)).is_live
    await instances.clock.sleep(3600)
    assert await instances.lifecycle.upkeep() == UpkeepReport(revoked=1)
    assert not await instances.is_active(connection)
    assert not instances.documents.graves
    assert (await instances.lifecycle.block(uid, by="anna")).ended == 0


async def test_one_connection_that_cannot_be_ended_keeps_no_other_alive(instances: Instances) -> None:
    uid, _ = await instances.connect()
    other, _ = await instances.connect(ADMIN)
    inner = instances.documents.write

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.uid == uid:
            raise ConnectionError("the store is away")
        return await inner(connection, entry, tombstone)

    instances.documents.write = write
    with pytest.raises(ConnectionError):
        await instances.lifecycle.block("everyone", by="anna")
    instances.documents.write = inner
    assert (await instances.stored(other)).state is State.REVOKED
    assert (await instances.lifecycle.block("everyone", by="anna")).ended == 1


# Upkeep


async def test_a_grant_is_kept_alive_for_a_user_who_wants_it(instances: Instances) -> None:
    uid, _ = await instances.connect()
    other, _ = await instances.connect(ADMIN)
    assert (await instances.stay_signed_in(uid, True)).stay_signed_in
    await instances.clock.sleep(19 * 86400)
    assert await instances.lifecycle.upkeep() == UpkeepReport()
    await instances.clock.sleep(2 * 86400)
    assert await instances.lifecycle.upkeep() == UpkeepReport(kept_alive=1)
    assert (await instances.stored(uid)).generation == 2
    assert (await instances.stored(other)).generation == 1
    assert await instances.lifecycle.upkeep() == UpkeepReport()


async def test_upkeep_puts_off_what_salesforce_cannot_answer_and_records_what_it_refuses(instances: Instances) -> None:
    uid, _ = await instances.connect()
    await instances.stay_signed_in(uid, True)
    await instances.clock.sleep(21 * 86400)
    control(instances.org.url, "faults", {"kind": "token.refresh_token", "status": 503, "times": 20})
    assert await instances.lifecycle.upkeep() == UpkeepReport(postponed=1)
    control(instances.org.url, "faults/clear")
    control(instances.org.url, "revoke", {"username": SALES})
    assert await instances.lifecycle.upkeep() == UpkeepReport(refused=1)
    assert await instances.lifecycle.upkeep() == UpkeepReport()
    assert (await events(instances, uid))[-1][0] is Event.REFUSAL


async def test_a_connection_that_nobody_uses_is_deleted_and_revoked(instances: Instances) -> None:
    uid, _ = await instances.connect()
    used, _ = await instances.connect(ADMIN)
    await instances.clock.sleep(100 * 86400)
    await instances.renewals[2].get(used)
    connection = await instances.stored(uid)
    await instances.clock.sleep(81 * 86400)
    assert await instances.lifecycle.upkeep() == UpkeepReport(deleted=1)
    assert await instances.store.read(uid) is None
    assert not await instances.is_active(connection)
    assert (await events(instances, uid))[-1] == (Event.REVOCATION, "schedule", 1, "not-used")
    assert await instances.is_active(await instances.stored(used))


async def test_a_refusal_after_a_month_of_silence_says_so(instances: Instances) -> None:
    """Salesforce's words are the same for every dead token; how long it lay tells the reason."""
    for days, reason in ((1, Reason.ACCESS_REVOKED), (IDLE_DAYS, Reason.IDLE_TOO_LONG)):
        uid, credential = await instances.connect()
        control(instances.org.url, "revoke", {"username": SALES})
        await instances.clock.sleep(days * 86400)
        with pytest.raises(ConnectionLost) as lost:
            await instances.renewals[0].renew(uid, credential)
        assert lost.value.reason is reason
        status = await instances.status(uid)
        assert (status.state, status.ended_reason) == ("needs-sign-in", reason.value)


async def test_the_day_of_the_last_use_is_written_once_a_day(instances: Instances) -> None:
    uid, _ = await instances.connect()
    revision = (await instances.stored(uid)).revision
    await instances.clock.sleep(3600)
    await instances.renewals[1].get(uid)
    assert (await instances.stored(uid)).revision == revision
    await instances.clock.sleep(86400)
    await instances.renewals[1].get(uid)
    assert (await instances.stored(uid)).used == instances.clock.now()


async def test_resealing_goes_on_beside_everything_and_a_lost_key_is_told(instances: Instances) -> None:
    uid, _ = await instances.connect()
    before = await instances.stored(uid)
    await instances.vaults[0].reseal(uid)
    after = await instances.stored(uid)
    assert before.sealed != after.sealed
    assert await instances.is_active(after)
    assert (await events(instances, uid)) == [(Event.SIGN_IN, "user", 1, "")]
    await instances.documents.write(replace(after, generation=after.generation + 1))
    with pytest.raises(ConnectionLost) as lost:
        await instances.vaults[0].reseal(uid)
    assert lost.value.reason is Reason.CONNECTION_TAMPERED
    assert timedelta(0) <= instances.clock.now() - after.created


async def test_a_connection_restored_from_a_backup_goes_on_with_a_new_record(instances: Instances) -> None:
    """Its record is longer than it says: that shows in a verification, and stops nobody's work."""
    uid, credential = await instances.connect()
    backup = await instances.stored(uid)
    await instances.renewals[0].renew(uid, credential)
    restored = await instances.documents.write(replace(backup, revision=(await instances.stored(uid)).revision))
    before = restored.chain
    await instances.connect()
    await instances.lifecycle.block(uid, by="anna")
    after = (await instances.stored(uid)).chain
    assert before is not None
    assert after is not None
    assert before.subject != after.subject
    flaws = {r.subject: instances.audit.flaw(r) for r in await records(instances, uid)}
    assert flaws[before.subject] is not None
    assert flaws[after.subject] is None
