"""How long a renewal waits for what, to the second, and what stands in the store while it does; one process, without
Salesforce.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backend import deadline
from backend.connections import connection as steps
from backend.connections.audit import Entry, Event
from backend.connections.connection import Connection, Credential, Lease, State
from backend.connections.renewal import Renewed
from backend.connections.tombstones import Tombstone
from backend.failures import Busy, GrantRefused, LimitReached, NotSent, OutcomeUnknown
from backend.values import Secret
from contract.errors import CallError, ConnectionLost, Misconfigured, Reason
from tests.altered import replace
from tests.functions.memory_store import MemoryDocuments
from tests.functions.one_process import HOST, SIGNED_IN, UID, URL, Backend, a_grant, contended, response

REJECTED = Credential(UID, Secret("access 1"), URL, SIGNED_IN, 1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def here() -> Backend:
    process = Backend()
    await process.sign_in()
    return process


async def renew(here: Backend) -> Renewed:
    """A renewal whose process has forgotten what it remembered."""
    here.remembered.forget(UID)
    return await here.renewal.renew(UID, REJECTED)


async def refused(here: Backend) -> Reason:
    with pytest.raises(CallError) as failed:
        await renew(here)
    return failed.value.reason


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


# The refresh itself


async def test_a_refresh_sends_the_stored_token_once_and_stores_the_answer(here: Backend) -> None:
    before, states = await here.stored(), list[tuple[State, Lease | None]]()
    here.salesforce.answers = [replace(response(n=2), instance_url="https://y.my.salesforce.com")]
    inner = here.documents.write

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        states.append((connection.state, connection.lease))
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    await here.clock.sleep(100)
    renewed = await renew(here)
    credential = Credential(UID, Secret("access 2"), "https://y.my.salesforce.com", SIGNED_IN, 2)
    assert renewed == Renewed(credential, refreshed=True)
    assert here.salesforce.refreshed == [(HOST, "refresh 1")]
    lease = Lease("me", here.clock.now() + seconds(20))
    assert states == [(State.REFRESHING, lease), (State.SENDING, lease), (State.FRESH, None)]
    after = await here.stored()
    assert (after.generation, after.refreshed, after.created) == (2, here.clock.now(), before.created)
    assert here.vault.unseal(after).refresh_token == Secret("refresh 2")
    assert (await here.entries("s1"))[0].event is Event.REFRESH
    assert (await here.entries("s1"))[0].by == "backend"
    assert here.clock.slept == [100]
    assert await here.renewal.renew(UID, REJECTED) == Renewed(credential, refreshed=False), "from memory"
    assert await renew(here) == Renewed(credential, refreshed=False), "from the store"
    assert len(here.salesforce.refreshed) == 1


async def test_without_rotation_the_token_in_use_stays(here: Backend) -> None:
    here.salesforce.answers = [replace(response(n=2), refresh_token=None)]
    await renew(here)
    assert here.vault.unseal(await here.stored()).refresh_token == Secret("refresh 1")


async def test_callers_share_a_renewal_and_its_credential(here: Backend) -> None:
    here.salesforce.answers = [response(n=2)]
    here.remembered.forget(UID)
    first, second, third = await asyncio.gather(
        here.renewal.renew(UID, REJECTED), here.renewal.renew(UID, REJECTED), here.renewal.get(UID)
    )
    assert first == second
    assert third == first.credential
    assert len(here.salesforce.refreshed) == 1
    assert (await here.renewal.get(UID)).generation == 2


@pytest.mark.parametrize("generation", [2, 5])
async def test_a_credential_is_handed_out_while_an_older_one_is_renewed(here: Backend, generation: int) -> None:
    here.documents.held = asyncio.Event()
    here.remembered.forget(UID)
    renewing = asyncio.create_task(here.renewal.renew(UID, REJECTED))
    await here.documents.reached()
    here.remembered.remember(replace(await here.stored(), generation=generation), a_grant(), None)
    assert (await here.renewal.get(UID)).generation == generation
    here.documents.held.set()
    with pytest.raises(Busy):
        await renewing


@pytest.mark.parametrize("generation", [0, 1])
async def test_the_rejected_credential_is_not_handed_out_while_it_is_renewed(here: Backend, generation: int) -> None:
    """Nor an older one, which this instance may remember."""
    here.salesforce.answers = [response(n=2)]
    here.documents.held = asyncio.Event()
    renewing = asyncio.create_task(here.renewal.renew(UID, REJECTED))
    await here.documents.reached()
    here.remembered.forget(UID)
    here.remembered.remember(replace(await here.stored(), generation=generation), a_grant(), None)
    asked = asyncio.create_task(here.renewal.get(UID))
    here.documents.held.set()
    assert (await asked).generation == (await renewing).credential.generation == 2


async def test_each_refresh_makes_the_next_generation(here: Backend) -> None:
    here.salesforce.answers = [response(n=2), response(n=3)]
    first = await here.renewal.renew(UID, REJECTED)
    second = await here.renewal.renew(UID, first.credential)
    assert (first.credential.generation, second.credential.generation) == (2, 3)
    here.remembered.forget(UID)
    assert await here.renewal.get(UID) == second.credential, "it is sealed as what it is"


async def test_what_is_stored_counts_also_where_a_backup_has_put_an_older_one_back(here: Backend) -> None:
    here.remembered.forget(UID)
    renewed = await here.renewal.renew(UID, replace(REJECTED, generation=7))
    assert (renewed.credential.generation, renewed.refreshed, here.salesforce.refreshed) == (1, False, [])


async def test_what_is_remembered_counts_only_when_it_is_newer_than_what_was_rejected(here: Backend) -> None:
    here.remembered.remember(await here.stored(), a_grant(7), None)
    renewed = await here.renewal.renew(UID, replace(REJECTED, generation=7))
    assert renewed.credential.access_token.reveal() == "access 1"


async def test_a_call_whose_time_is_over_leaves_the_renewal_alone(here: Backend) -> None:
    here.salesforce.answers = [response(n=2)]
    here.documents.held = asyncio.Event()
    here.remembered.forget(UID)
    with deadline.within(0.01), pytest.raises(NotSent) as left:
        await here.renewal.renew(UID, REJECTED)
    assert left.value.reason is Reason.ORG_TIMEOUT
    here.documents.held.set()
    assert (await here.renewal.renew(UID, REJECTED)).credential.generation == 2
    assert len(here.salesforce.refreshed) == 1


@pytest.mark.virtual_time
async def test_who_has_no_deadline_waits_for_a_renewal_as_long_as_it_may_take(here: Backend) -> None:
    here.documents.held, clock = asyncio.Event(), asyncio.get_running_loop()
    here.remembered.forget(UID)
    began = clock.time()
    with pytest.raises(NotSent) as left:
        await here.renewal.renew(UID, REJECTED)
    assert left.value.reason is Reason.ORG_TIMEOUT
    assert clock.time() - began == pytest.approx(35.0)
    here.documents.held.set()


# Faults


async def test_a_passing_fault_is_tried_twice_more_with_growing_pauses(here: Backend) -> None:
    assert await refused(here) is Reason.ORG_BUSY
    assert here.clock.slept == pytest.approx([0.3 * 0.75, 1.2 * 0.75])
    assert len(here.salesforce.refreshed) == 3
    stored = await here.stored()
    assert (stored.state, stored.lease, stored.generation) == (State.FRESH, None, 1)
    here.salesforce.answers = [Busy(), response(n=2)]
    assert (await renew(here)).refreshed


@pytest.mark.parametrize(("failure", "reason"), [
    (LimitReached(), Reason.ORG_LIMIT), (Misconfigured(Reason.MISCONFIGURED), Reason.MISCONFIGURED),
])  # fmt: skip
async def test_what_waiting_does_not_mend_is_told_at_once_and_ends_nothing(
    here: Backend, failure: CallError, reason: Reason
) -> None:
    here.salesforce.answers = [failure]
    assert await refused(here) is reason
    assert (here.clock.slept, len(here.salesforce.refreshed)) == ([], 1)
    assert ((await here.stored()).state, (await here.stored()).lease) == (State.FRESH, None)


@pytest.mark.parametrize(
    ("days", "reason"), [(29.99, Reason.ACCESS_REVOKED), (30, Reason.IDLE_TOO_LONG), (400, Reason.IDLE_TOO_LONG)]
)
async def test_a_refused_grant_ends_with_the_reason_that_its_age_tells(
    here: Backend, days: float, reason: Reason
) -> None:
    await here.clock.sleep(days * 86400)
    here.salesforce.answers = [GrantRefused()]
    assert await refused(here) is reason
    stored = await here.stored()
    assert (stored.state, stored.ended_reason, stored.lease) == (State.NEEDS_SIGN_IN, reason, None)
    newest = (await here.entries("s1"))[0]
    assert (newest.event, newest.by, newest.reason) == (Event.REFUSAL, "backend", reason.value)
    assert here.remembered.recall(UID) is None
    assert await refused(here) is reason
    assert len(here.salesforce.refreshed) == 1


async def test_what_a_look_up_read_before_the_grant_was_refused_is_not_remembered(here: Backend) -> None:
    here.remembered.forget(UID)
    here.documents.held = asyncio.Event()
    look_up = asyncio.create_task(here.vault.open(UID))
    await here.documents.reached()
    held, here.documents.held = here.documents.held, None
    here.salesforce.answers = [GrantRefused()]
    with pytest.raises(ConnectionLost):
        await here.renewal.renew(UID, REJECTED)
    held.set()
    await look_up
    await asyncio.sleep(0)
    assert here.remembered.recall(UID) is None


async def test_a_refusal_that_says_why_ends_with_that(here: Backend) -> None:
    here.salesforce.answers = [ConnectionLost(Reason.ACCESS_STOPPED)]
    assert await refused(here) is Reason.ACCESS_STOPPED
    assert (await here.stored()).ended_reason is Reason.ACCESS_STOPPED


@pytest.mark.parametrize(
    ("good", "outcome"), [(True, "refreshed"), (False, Reason.REFRESH_LOST), (Busy(), Reason.ORG_BUSY)]
)
async def test_after_a_lost_answer_salesforce_is_asked_before_the_token_goes_out_again(
    here: Backend, good: bool | Busy, outcome: str | Reason
) -> None:
    here.salesforce.good, here.salesforce.answers = good, [OutcomeUnknown(writes=True), response(n=2)]
    if outcome == "refreshed":
        assert (await renew(here)).refreshed
        assert len(here.salesforce.refreshed) == 2
        return
    assert await refused(here) is outcome
    assert len(here.salesforce.refreshed) == 1
    stored = await here.stored()
    assert (stored.state, stored.lease) == (
        State.NEEDS_SIGN_IN if outcome is Reason.REFRESH_LOST else State.SENT_UNKNOWN,
        None,
    )


async def test_a_token_that_went_out_before_is_asked_about_only_when_its_outcome_is_unknown(here: Backend) -> None:
    here.salesforce.good, here.salesforce.answers = False, [response(n=2)]
    assert (await renew(here)).refreshed


# Signed out and in again, in another process: generations begin anew


async def signed_in_again(here: Backend) -> Credential:
    """The new sign-in's credential, of the first generation."""
    there = Backend(here.documents)
    await there.vault.remove(UID, Event.REVOCATION, by="user")
    await there.clock.sleep(5)
    await there.sign_in()
    return (await there.vault.open(UID)).credential


async def test_what_is_remembered_of_the_sign_in_before_is_no_newer_credential(here: Backend) -> None:
    here.salesforce.answers = [response(n=2), response(n=4)]
    assert (await renew(here)).credential.generation == 2
    newest = await signed_in_again(here)
    renewed = await here.renewal.renew(UID, newest)
    assert (renewed.refreshed, renewed.credential.access_token) == (True, Secret("access 4"))
    assert renewed.credential.is_newer_than(newest)


async def test_the_token_of_the_sign_in_before_costs_no_refresh(here: Backend) -> None:
    newest = await signed_in_again(here)
    assert await here.renewal.renew(UID, REJECTED) == Renewed(newest, refreshed=False)
    assert here.salesforce.refreshed == []


async def test_who_has_signed_in_again_does_not_get_the_credential_from_before(here: Backend) -> None:
    """The one that was remembered is newer by its number, and not newer than the one that is being renewed."""
    here.salesforce.answers = [response(n=2), response(n=4)]
    await renew(here)
    newest = await signed_in_again(here)
    here.documents.held = asyncio.Event()
    renewing = asyncio.create_task(here.renewal.renew(UID, newest))
    await here.documents.reached()
    getting = asyncio.create_task(here.renewal.get(UID))
    await asyncio.sleep(0)
    here.documents.held.set()
    assert await getting == (await renewing).credential


# Leases of others


async def test_a_lease_of_another_is_waited_for_in_small_steps_and_taken_over_after_twenty_seconds(
    here: Backend,
) -> None:
    here.salesforce.answers = [response(n=2)]
    began = here.clock.now()
    await here.documents.write(
        replace(await here.stored(), state=State.REFRESHING, lease=Lease("other", began + seconds(20)))
    )
    assert (await renew(here)).refreshed
    assert here.clock.slept == pytest.approx([0.05 + 0.15 * 0.25] * len(here.clock.slept))
    assert seconds(20) <= here.clock.now() - began < seconds(20.1)


async def test_who_waits_takes_what_the_holder_has_stored(here: Backend) -> None:
    held = await here.documents.write(
        replace(await here.stored(), state=State.SENDING, lease=Lease("other", here.clock.now() + seconds(20)))
    )
    renewing = asyncio.create_task(renew(here))
    await asyncio.wait_for(here.clock.sleeps.wait(), 10)
    await here.documents.write(steps.renewed(held, here.vault.seal(UID, 2, a_grant(2)), here.clock.now()))
    assert await renewing == Renewed(Credential(UID, Secret("access 2"), URL, SIGNED_IN, 2), refreshed=False)
    assert here.salesforce.refreshed == []


@pytest.mark.parametrize(("late", "waits"), [(59.9, True), (60, True), (60.1, False)])
async def test_a_deadline_counts_once_no_clock_can_still_differ(here: Backend, late: float, waits: bool) -> None:
    here.salesforce.answers = [response(n=2)]
    await here.documents.write(
        replace(await here.stored(), state=State.REFRESHING, lease=Lease("other", here.clock.now() - seconds(late)))
    )
    assert (await renew(here)).refreshed
    assert bool(here.clock.slept) is waits


async def test_an_own_lease_is_not_waited_for(here: Backend) -> None:
    here.salesforce.answers = [response(n=2)]
    await here.documents.write(
        replace(await here.stored(), state=State.REFRESHING, lease=Lease("me", here.clock.now() + seconds(20)))
    )
    assert (await renew(here)).refreshed
    assert here.clock.slept == []


async def test_a_renewal_gives_up_after_twenty_five_seconds_of_others_work(here: Backend) -> None:
    """Somebody writes all the time, so nobody watches one revision for a whole lease."""
    began, inner = here.clock.now(), here.documents.read

    async def read(uid: object) -> Connection | None:
        found = await here.stored()
        await here.documents.write(
            replace(found, state=State.SENDING, lease=Lease("other", here.clock.now() + seconds(20)))
        )
        return await inner(UID)

    here.store.read = read
    assert await refused(here) is Reason.ORG_BUSY
    assert seconds(25) <= here.clock.now() - began < seconds(25.1)
    assert here.salesforce.refreshed == []


async def test_who_loses_the_race_for_a_lease_looks_again(here: Backend) -> None:
    here.salesforce.answers = [response(n=2)]
    here.documents.before_write.append(contended)
    assert (await renew(here)).refreshed
    assert here.clock.slept == []


@pytest.mark.parametrize(("pause", "sent"), [(8.0, 1), (8.1, 0)])
async def test_a_holder_that_stood_still_for_more_than_eight_seconds_does_not_send(
    here: Backend, pause: float, sent: int
) -> None:
    inner, stands_still = here.documents.write, [True]
    here.salesforce.answers = [response(n=2)]

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.state is State.SENDING and stands_still:
            stands_still.clear()
            await here.clock.sleep(pause)
            here.salesforce.during_refresh = lambda: times.append(len(here.clock.slept))
        elif not stands_still and connection.state is State.FRESH and connection.generation == 1:
            returned.append(connection.lease)
        return await inner(connection, entry, tombstone)

    times, returned = list[int](), list[Lease | None]()
    here.documents.write = write
    assert (await renew(here)).refreshed
    assert len(here.salesforce.refreshed) == 1
    assert returned == ([] if sent else [None]), "the lease is given back, the token is as good as before"
    assert here.clock.slept == pytest.approx([pause] if sent else [pause, 0.3 * 0.75])


# The store


async def test_a_store_that_fails_is_tried_again_while_the_lease_lasts(here: Backend) -> None:
    inner, fails = here.documents.write, [1, 1, 1, 1]
    here.salesforce.answers = [response(n=2)]

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2 and fails:
            fails.pop()
            raise ConnectionError("the store is away")
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    assert (await renew(here)).refreshed
    assert here.clock.slept == [0.1, 0.5, 2.0, 5.0]
    assert here.vault.unseal(await here.stored()).refresh_token == Secret("refresh 2")


async def test_a_store_that_stays_away_ends_the_renewal(here: Backend) -> None:
    inner = here.documents.write
    here.salesforce.answers = [response(n=2)]

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2:
            raise ConnectionError("the store is away")
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    with pytest.raises(ConnectionError):
        await renew(here)
    assert here.clock.slept == [0.1, 0.5, 2.0, 5.0]
    assert (await here.stored()).state is State.SENDING


@pytest.mark.parametrize(
    ("meanwhile", "revoked"),
    [("setting", False), ("verdict", False), ("block", True), ("sign-in", True), ("removal", True)],
)
async def test_new_tokens_are_stored_over_what_others_changed_or_revoked_when_they_are_nobodys(
    here: Backend, meanwhile: str, revoked: bool
) -> None:
    inner, busy = here.documents.write, list[bool]()
    here.salesforce.answers = [response(n=2)]

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        if connection.generation == 2 and not busy:
            busy.append(True)
            here.documents.write = inner
            found = await here.stored()
            if meanwhile == "setting":
                await inner(steps.staying_signed_in(found, True))
            elif meanwhile == "verdict":
                await inner(steps.ended(found, Reason.REFRESH_LOST))
            elif meanwhile == "block":
                await here.vault.change(UID, steps.blocked)
            elif meanwhile == "sign-in":
                await here.clock.sleep(1)
                await here.vault.save(UID, a_grant(7), steps.Device("tablet"))
            else:
                await here.vault.remove(UID, Event.REVOCATION, by="user")
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    here.remembered.forget(UID)
    if meanwhile in ("block", "removal"):
        with pytest.raises(ConnectionLost):
            await here.renewal.renew(UID, REJECTED)
    else:
        renewed = await here.renewal.renew(UID, REJECTED)
        assert (renewed.credential.generation, renewed.refreshed) == (2, not revoked)
    assert here.salesforce.revoked == ([(HOST, "refresh 2")] if revoked else [])
    found = await MemoryDocuments.read(here.documents, UID)
    if meanwhile == "setting":
        assert found is not None
        assert found.stay_signed_in
    if meanwhile == "verdict":
        assert found is not None
        assert (found.state, found.ended_reason) == (State.FRESH, None)


async def test_a_late_answer_without_a_new_refresh_token_revokes_nothing(here: Backend) -> None:
    here.salesforce.answers = [replace(response(n=2), refresh_token=None)]
    here.salesforce.during_refresh = lambda: here.documents.before_write.append(lambda: here.documents.vanish(UID))
    with pytest.raises(ConnectionLost):
        await renew(here)
    assert here.salesforce.revoked == []


async def test_a_write_that_had_arrived_already_is_the_renewal_itself(here: Backend) -> None:
    """The commit arrived and its answer did not: the second try finds the new generation in the store."""
    inner, arrived = here.documents.write, list[bool]()
    here.salesforce.answers = [response(n=2)]

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        written = await inner(connection, entry, tombstone)
        if connection.generation == 2 and not arrived:
            arrived.append(True)
            raise ConnectionError("no answer")
        return written

    here.documents.write = write
    renewed = await renew(here)
    assert renewed == Renewed(Credential(UID, Secret("access 2"), URL, SIGNED_IN, 2), refreshed=False)
    assert here.salesforce.revoked == []
    assert len(here.salesforce.refreshed) == 1


# A holder's other writes, when somebody wrote first


def writes_first(here: Backend, change: Callable[[Connection], Connection], at: int) -> list[State]:
    """Lets somebody else change the connection before the holder's write number `at`; the states that the holder
    wrote.
    """
    inner, states = here.documents.write, list[State]()

    async def write(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        states.append(connection.state)
        if len(states) == at:
            await inner(change(await here.stored()))
        return await inner(connection, entry, tombstone)

    here.documents.write = write
    return states


@pytest.mark.parametrize(("answer", "state"), [(LimitReached(), State.FRESH), (GrantRefused(), State.NEEDS_SIGN_IN)])
async def test_a_holder_writes_the_outcome_over_what_others_changed_beside_it(
    here: Backend, answer: CallError, state: State
) -> None:
    here.salesforce.answers = [answer]
    states = writes_first(here, lambda c: steps.staying_signed_in(c, True), at=3)
    assert await refused(here) is answer.reason
    stored = await here.stored()
    assert (stored.state, stored.lease, stored.stay_signed_in) == (state, None, True)
    assert states == [State.REFRESHING, State.SENDING, state, state]


@pytest.mark.parametrize("change", [
    {"lease": Lease("other", LONG_AGO)}, {"lease": None}, {"state": State.REFRESHING}, {"generation": 2},
    {"created": LONG_AGO},
])  # fmt: skip
async def test_a_holder_that_holds_no_more_writes_nothing(here: Backend, change: dict[str, Any]) -> None:
    """What stands there by then is another's: another lease, another state, another token pair, another sign-in."""
    here.salesforce.answers = [LimitReached()]
    states = writes_first(here, lambda c: replace(c, **change), at=3)
    here.salesforce.good = Busy()
    with suppress(CallError):  # another sign-in's credential is handed out
        await renew(here)
    assert states[:3] == [State.REFRESHING, State.SENDING, State.FRESH]
    assert states[3:4] != [State.FRESH], "the outcome was not written over it"


async def test_a_connection_that_is_gone_gets_no_outcome(here: Backend) -> None:
    here.salesforce.answers = [GrantRefused()]
    here.salesforce.during_refresh = lambda: here.documents.vanish(UID)
    assert await refused(here) is Reason.NOT_CONNECTED
