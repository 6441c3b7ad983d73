"""What the app and an administrator are told of a connection and what they do to it, as whole values, without
Salesforce.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import astuple

from backend.connections import connection as steps
from backend.connections.audit import Entry, hash_of
from backend.connections.connection import Connection, Device, Grant, State
from backend.connections.store import Criteria
from backend.connections.tombstones import Tombstone
from backend.values import Caller, Uid
from contract.calls import (
    Access,
    ConnectionStatus,
    Empty,
    Erased,
    HistoryLine,
    SignedInDevice,
    SignOut,
    UpdateConnection,
)
from contract.errors import ConnectionLost, Reason
from tests.altered import replace
from tests.functions.memory_store import MemoryDocuments
from tests.functions.one_process import HOST, OTHER, STRANGER, UID, Backend, a_grant


@pytest.fixture
def here() -> Backend:
    return Backend()


async def test_what_the_app_is_told_of_a_connection(here: Backend) -> None:
    for work in (here.lifecycle.get_connection, here.lifecycle.get_access):
        with pytest.raises(ConnectionLost) as lost:
            await work(Caller(UID, "phone"), Empty())
        assert lost.value.reason is Reason.NOT_CONNECTED
    await here.sign_in(name="Phone")
    at = here.clock.now().isoformat(timespec="seconds")
    status = ConnectionStatus("fresh", 1, at, at, HOST, 1, False, None)
    assert await here.lifecycle.get_connection(Caller(UID, "phone"), Empty()) == status
    assert await here.lifecycle.get_access(Caller(UID, "phone"), Empty()) == Access(
        status, (SignedInDevice("phone", "Phone", at, True),), (HistoryLine(at, "sign-in", "user", ""),)
    )
    stays = replace(status, stay_signed_in=True)
    assert await here.lifecycle.update_connection(Caller(UID, "phone"), UpdateConnection(True)) == stays
    assert (await here.stored()).stay_signed_in
    await here.documents.write(steps.ended(await here.stored(), Reason.IDLE_TOO_LONG))
    assert await here.lifecycle.get_connection(Caller(UID, "x"), Empty()) == replace(
        stays, state="needs-sign-in", ended_reason="idle-too-long"
    )


async def test_access_shows_the_newest_device_first_and_twenty_lines_of_history(here: Backend) -> None:
    for n in range(22):
        await here.sign_in(device=f"d{n % 3}")
        await here.clock.sleep(60)
    access = await here.lifecycle.get_access(Caller(UID, "d1"), Empty())
    assert [(d.id, d.name, d.current) for d in access.devices] == [
        ("d0", "", False),
        ("d2", "", False),
        ("d1", "", True),
    ]
    assert len(access.history) == 20
    assert access.history[0].at > access.history[-1].at
    await here.documents.write(replace(await here.stored(), chain=None))
    assert (await here.lifecycle.get_access(Caller(UID, "d1"), Empty())).history == ()


@pytest.mark.parametrize(("request_", "left", "ended"), [
    (SignOut(), {"tablet"}, 0), (SignOut(device="tablet"), {"phone"}, 0),
    (SignOut(everywhere=True), None, 1), (SignOut(device="gone"), {"phone", "tablet"}, 0),
    (SignOut(device="".join(["tab", "let"])), {"phone"}, 0),
])  # fmt: skip
async def test_signing_out(here: Backend, request_: SignOut, left: set[str] | None, ended: int) -> None:
    await here.sign_in()
    await here.sign_in(device="tablet")
    assert await here.lifecycle.sign_out(Caller(UID, "phone"), request_) == Empty()
    found = await MemoryDocuments.read(here.documents, UID)
    assert (None if found is None else set(found.devices)) == left
    assert (len(here.firebase.ended), len(here.salesforce.revoked)) == (ended, ended)


async def test_with_the_last_device_the_connection_ends(here: Backend) -> None:
    await here.sign_in()
    await here.lifecycle.sign_out(Caller(UID, "".join(["pho", "ne"])), SignOut())
    assert await MemoryDocuments.read(here.documents, UID) is None
    assert (here.firebase.ended, here.salesforce.revoked) == ([UID], [(HOST, "refresh 1")])


async def test_signing_out_of_what_has_ended_already_ends_the_firebase_sessions(here: Backend) -> None:
    await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut())
    assert (here.firebase.ended, here.salesforce.revoked) == ([UID], [])


async def test_an_erasure_revokes_the_newest_grant_and_says_whether_salesforce_has_confirmed(here: Backend) -> None:
    nothing = await here.lifecycle.erase_me(Caller(UID, "phone"), Empty())
    at = here.clock.now().isoformat(timespec="seconds")
    assert nothing == Erased("", at, revoked_at_salesforce=True)
    await here.sign_in()
    here.salesforce.away = True
    erased = await here.lifecycle.erase_me(Caller(UID, "phone"), Empty())
    assert (erased.receipt, erased.revoked_at_salesforce) == (hash_of((await here.entries("s1"))[0]), False)
    await here.sign_in()
    here.salesforce.away = False
    assert (await here.lifecycle.erase_me(Caller(UID, "phone"), Empty())).revoked_at_salesforce
    assert here.salesforce.revoked == [(HOST, "refresh 1")], "once for one grant"
    assert here.firebase.deleted == [UID] * 3
    assert await here.unburied() == [a_grant()], "the first, which Salesforce has not confirmed"


async def test_a_sign_in_in_between_is_erased_too(here: Backend) -> None:
    await here.sign_in()
    inner = here.documents.delete

    async def delete(connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        here.documents.delete = inner
        await here.vault.save(UID, a_grant(2), Device("phone"))
        await inner(connection, entry, tombstone)

    here.documents.delete = delete
    assert (await here.lifecycle.erase_me(Caller(UID, "phone"), Empty())).revoked_at_salesforce
    assert here.salesforce.revoked == [(HOST, "refresh 2")]
    assert await here.unburied() == [a_grant()], "of the sign-in that was replaced, which is for that sign-in to settle"


@pytest.mark.parametrize("at", range(4))
async def test_an_erasure_that_was_interrupted_is_done_when_it_is_asked_for_again(here: Backend, at: int) -> None:
    await here.sign_in()
    done: list[str] = []

    def interrupted(what: str) -> None:
        done.append(what)
        if len(done) == at + 1:
            raise ConnectionError(what)

    erase, delete_user, delete = here.documents.erase, here.firebase.delete_user, here.documents.delete
    revoke = here.salesforce.revoke

    async def erases(uid: Uid) -> None:
        interrupted("erase")
        await erase(uid)

    async def deletes_user(uid: Uid) -> None:
        interrupted("user")
        await delete_user(uid)

    async def deletes(connection: Connection, entry: Entry, tombstone: Tombstone | None = None) -> None:
        interrupted("connection")
        await delete(connection, entry, tombstone)

    async def revokes(grant: Grant) -> None:
        interrupted("revoke")
        await revoke(grant)

    here.documents.erase, here.firebase.delete_user = erases, deletes_user
    here.documents.delete, here.salesforce.revoke = deletes, revokes
    phone = Caller(UID, "phone")
    with pytest.raises(ConnectionError):
        await here.lifecycle.erase_me(phone, Empty())
    if at < 3:
        assert await here.vault.admits(phone), "the device may ask again"
        erased = await here.lifecycle.erase_me(phone, Empty())
        assert (bool(erased.receipt), erased.revoked_at_salesforce) == (True, True)
    else:
        assert await here.unburied() == [a_grant()], "only Salesforce's yes is missing, and the upkeep asks for it"
        await here.clock.sleep(3600)
        assert (await here.lifecycle.upkeep()).revoked == 1
    assert UID in here.firebase.deleted
    assert await MemoryDocuments.read(here.documents, UID) is None
    assert (await here.unburied(), here.salesforce.revoked) == ([], [(HOST, "refresh 1")])


async def test_a_block_counts_what_it_ended_and_what_salesforce_has_not_confirmed(here: Backend) -> None:
    for uid in (UID, OTHER, STRANGER):
        await here.sign_in(uid)
    here.salesforce.away = True
    assert astuple(await here.lifecycle.block("00D000000000001EAA", by="anna")) == (2, 2)
    assert astuple(await here.lifecycle.block("everyone", by="anna")) == (1, 1), "what is ended stays so"
    here.salesforce.away = False
    assert astuple(await here.lifecycle.block(UID, by="anna")) == (0, 0)
    assert here.firebase.ended.count(UID) == 3, "an earlier run may have been interrupted before"
    assert astuple(await here.lifecycle.block(Uid.of("00D000000000001EAA", "005000000000009AAA"), by="anna")) == (0, 0)
    assert len(await here.unburied()) == 3
    await here.clock.sleep(3600)
    assert (await here.lifecycle.upkeep()).revoked == 3
    assert (here.salesforce.revoked, await here.unburied()) == ([(HOST, "refresh 1")] * 3, [])


@pytest.mark.parametrize("state", [State.FRESH, State.NEEDS_SIGN_IN, State.SENDING, State.SENT_UNKNOWN])
async def test_a_block_ends_a_connection_in_whatever_state_it_is(here: Backend, state: State) -> None:
    await here.sign_in()
    await here.documents.write(replace(await here.stored(), state=state))
    await here.lifecycle.block(UID, by="anna")
    assert (await here.stored()).state is State.REVOKED


@pytest.mark.parametrize("target", ["everyone", "00D000000000001EAA", UID])
async def test_the_upkeep_ends_what_was_stored_behind_the_back_of_a_block(here: Backend, target: str) -> None:
    """A sign-in whose commit landed late, or a connection whose plain fields a thief has changed."""
    await here.blocks.block(target, by="anna")
    for uid in (UID, STRANGER):
        await here.sign_in(uid)
    find = here.documents.find

    async def hidden(criteria: Criteria) -> AsyncIterator[Connection]:
        async for connection in find(criteria):
            if criteria.org_id is None:
                yield connection

    here.documents.find = hidden
    await here.lifecycle.upkeep()
    assert (await here.stored()).state is State.REVOKED
    everyone = target == "everyone"
    assert (await here.stored(STRANGER)).state is (State.REVOKED if everyone else State.FRESH)
    assert here.salesforce.revoked == [(HOST, "refresh 1")] * (2 if everyone else 1)
    assert set(here.firebase.ended) == ({UID, STRANGER} if everyone else {UID})
    await here.lifecycle.upkeep()
    assert len(here.firebase.ended) == len(here.salesforce.revoked), "once"


async def test_a_block_that_nobody_can_read_stops_nothing_else_of_the_upkeep(here: Backend) -> None:
    await here.sign_in()
    await here.clock.sleep(181 * 86400)
    here.documents.fails = ConnectionError("the store is away")
    with pytest.raises(ConnectionError):
        await here.lifecycle.upkeep()
    assert await here.documents.read(UID) is None


async def test_a_connection_that_comes_into_use_while_it_is_looked_for_is_not_deleted(here: Backend) -> None:
    await here.sign_in()
    await here.clock.sleep(181 * 86400)

    def used() -> None:
        here.documents._documents[UID] = replace(here.documents._documents[UID], used=here.clock.now())  # pyright: ignore[reportPrivateUsage]

    find = here.documents.find

    async def find_and_be_late(criteria: Criteria) -> AsyncIterator[Connection]:
        async for connection in find(criteria):
            used()
            yield connection

    here.documents.find = find_and_be_late
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 0, 0, 0, 0)
    assert (await here.stored()).used == here.clock.now()


async def test_the_upkeep_reports_each_kind_and_boundaries_are_whole_days(here: Backend) -> None:
    for uid in (UID, OTHER, STRANGER):
        await here.sign_in(uid)
    await here.vault.change(UID, lambda c: steps.staying_signed_in(c, True))
    await here.clock.sleep(20 * 86400)
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 0, 0, 0, 0)
    await here.clock.sleep(1)
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 1, 0, 0, 0), "kept alive as soon as Salesforce answers"
    here.salesforce.away = True
    await here.lifecycle.block(OTHER, by="anna")
    await here.clock.sleep(3600)
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 2, 0, 0, 0)
    await here.documents.write(steps.ended(await here.stored(), Reason.IDLE_TOO_LONG))
    here.salesforce.away = False
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 0, 0, 1, 0)
    assert astuple(await here.lifecycle.upkeep()) == (0, 0, 0, 0, 0, 0)
    opened = await here.stored(STRANGER)
    await here.clock.sleep(160 * 86400 - 7200)
    before = astuple(await here.lifecycle.upkeep())
    await here.clock.sleep(3600)
    assert (before, astuple(await here.lifecycle.upkeep())) == ((0, 0, 0, 0, 0, 0), (0, 0, 0, 3, 0, 0))
    assert opened.used < here.clock.now() - timedelta(days=180)


async def test_one_piece_of_work_that_fails_stops_no_other_and_is_raised_last(here: Backend) -> None:
    users = [Uid.of("00D000000000001EAA", f"0050000000{n:05}AAA") for n in range(40)]
    for uid in users:
        await here.sign_in(uid)
    at_once, most, order = 0, 0, list[str]()

    async def end(uid: Uid) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        order.append(uid)
        await asyncio.sleep(0.001)
        at_once -= 1
        if uid in (users[3], users[30]):
            raise ConnectionError(uid)

    here.firebase.end_firebase_sessions = end
    with pytest.raises(ConnectionError, match=users[3]):
        await here.lifecycle.block("everyone", by="anna")
    assert (len(order), most) == (40, 16)
