"""Answers of the store that go astray, in memory; the same at Firestore is in tests/functions/adapters/
test_lost_answers.py and tests/integration/test_lost_answers.py.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from backend import deadline
from backend.connections.audit import Entry, Event
from backend.connections.blocks import BlockList
from backend.connections.connection import Connection, State, staying_signed_in
from backend.connections.store import Blocks, Criteria
from backend.connections.tombstones import Tombstone
from backend.connections.writes import Contended, Unanswered, once
from backend.failures import NotSent, StoreUnavailable
from backend.records.creations import Creations
from backend.values import Attachment, Uid
from contract.calls import Created, CreateRecord
from contract.errors import CallError, Reason
from tests.functions.line import Fate
from tests.functions.memory_store import MemoryCreations
from tests.functions.one_process import CIPHER, UID, Backend, a_grant, response

pytestmark = pytest.mark.virtual_time
ASTRAY = pytest.mark.parametrize("fate", list(Fate))


@ASTRAY
async def test_a_sign_in_never_revokes_what_it_has_just_stored(fate: Fate) -> None:
    here = Backend()
    here.documents.line.fates = [fate]
    assert await here.sign_in() is None  # it replaces nothing
    here.documents.line.fates = [fate]
    replaced = await here.sign_in()
    assert replaced is not None
    assert replaced.connection.generation == 1
    here.documents.line.recover()
    assert (await here.stored()).generation == 2
    assert [e.event for e in await here.entries("s1")] == [Event.SIGN_IN, Event.SIGN_IN]


@ASTRAY
async def test_a_sign_out_whose_answer_is_lost_says_what_it_has_removed(fate: Fate) -> None:
    here = Backend()
    await here.sign_in()
    here.documents.line.fates = [fate]
    removed = await here.vault.remove(UID, Event.REVOCATION, by="user")
    assert removed is not None
    assert removed.connection.generation == 1
    here.documents.line.recover()
    assert await here.vault.read(UID) is None
    assert await here.vault.remove(UID, Event.REVOCATION, by="user") is None  # now there is nothing


@ASTRAY
async def test_a_write_that_arrived_and_was_written_over_is_known_by_its_entry(fate: Fate) -> None:
    """Between the commit and the question somebody else has changed a setting: the sign-in stands all the same."""
    here = Backend()
    inner = here.documents.read

    async def read(uid: Uid) -> Connection | None:
        found = await inner(uid)
        if found is not None and not found.stay_signed_in:
            await here.documents.write(staying_signed_in(found, True))
            return await inner(uid)
        return found

    here.documents.read = read
    here.documents.line.fates = [fate]
    assert await here.sign_in() is None
    stored = await here.stored()
    assert (stored.generation, len(await here.entries("s1"))) == (1, 1)


@ASTRAY
async def test_a_setting_an_attachment_and_a_block_are_written_once(fate: Fate) -> None:
    here = Backend()
    await here.sign_in()
    here.documents.line.fates = [fate]
    changed = await here.vault.change(UID, lambda c: staying_signed_in(c, not c.stay_signed_in))
    assert changed is not None
    assert changed.stay_signed_in
    assert changed.revision == (await here.stored()).revision
    here.documents.line.fates = [fate]
    await here.vault.attach(UID, Attachment(b"describes", here.clock.now()))
    assert (await here.stored()).attachment is not None
    here.documents.line.fates = [fate]
    await here.blocks.block("everyone", by="anna")
    blocks = await here.documents.read_blocks()
    assert blocks.targets == {"everyone"}
    assert blocks.chain is not None
    assert blocks.chain.sequence == 1
    here.documents.line.recover()
    assert (await here.stored()).stay_signed_in


async def test_a_real_lost_race_is_still_lost() -> None:
    here = Backend()
    await here.sign_in()
    before = await here.stored()
    await here.vault.change(UID, lambda c: staying_signed_in(c, True))
    with pytest.raises(Contended):
        await here.store.write(before)


async def test_a_store_that_never_answers_is_tried_for_a_bounded_time_and_is_not_salesforces_fault() -> None:
    here, tries = Backend(), list[int]()
    time = asyncio.get_running_loop().time
    began = time()

    async def write() -> bool:
        tries.append(1)
        await asyncio.sleep(3)
        raise Unanswered

    async def arrived() -> bool | None:
        await asyncio.sleep(3)
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable) as away:
        await once(write, arrived)
    assert (away.value.reason, away.value.status) == (Reason.STORE_UNAVAILABLE, "UNAVAILABLE")
    assert len(tries) == 1
    assert time() - began == pytest.approx(6)

    async def blip() -> bool:
        tries.append(1)
        raise Unanswered

    async def asked() -> bool | None:
        return None

    with pytest.raises(StoreUnavailable):
        await once(blip, asked)
    assert len(tries) == 1 + 4  # at once, and after each pause
    here.documents.line.fates = [Fate.LATE] * 4
    with pytest.raises(StoreUnavailable):
        await here.sign_in()
    assert here.documents.line.recover() == 4
    assert (await here.stored()).generation == 1  # of four tries with one id, one is stored


@ASTRAY
async def test_a_tombstone_that_is_claimed_has_another_revision_than_before(fate: Fate) -> None:
    """Whoever gives a grant up claims its tombstone first, so that a sign-in still on its way comes too late."""
    here = Backend()
    held = await here.vault.revocation.hold(a_grant())
    here.documents.line.fates = [fate]
    claimed = await here.store.write_tombstone(held.claimed())
    assert claimed.revision not in (None, held.revision)
    here.documents.line.recover()
    assert await here.store.tombstone(held.id) == claimed


# Idempotency keys

REQUEST = CreateRecord("Account", {"Name": "Acme"})


@ASTRAY
async def test_a_record_is_made_once_however_the_claim_and_its_end_are_answered(fate: Fate) -> None:
    store = MemoryCreations()
    creations, made = Creations(store, CIPHER), list[str]()

    async def create() -> Created:
        made.append("001")
        return Created("001")

    store.line.fates = [fate, fate]
    assert await creations.once(UID, "key", REQUEST, create) == Created("001")
    assert await creations.once(UID, "key", REQUEST, create) == Created("001")
    store.line.recover()
    assert made == ["001"]


async def test_a_record_that_was_made_is_the_answer_although_nobody_could_write_that_down() -> None:
    store = MemoryCreations()
    creations = Creations(store, CIPHER)

    async def create() -> Created:
        store.line.fates = [Fate.LATE] * 4
        return Created("001")

    assert await creations.once(UID, "key", REQUEST, create) == Created("001")
    with pytest.raises(CallError) as unknown:
        await creations.once(UID, "key", REQUEST, create)
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN
    store.line.recover()
    assert await creations.once(UID, "key", REQUEST, create) == Created("001")


@ASTRAY
async def test_a_key_that_is_given_back_late_takes_no_later_claim_away(fate: Fate) -> None:
    store = MemoryCreations()
    creations = Creations(store, CIPHER)

    async def refused() -> Created:
        store.line.fates = [fate]
        raise NotSent

    async def create() -> Created:
        return Created("002")

    with pytest.raises(NotSent):
        await creations.once(UID, "key", REQUEST, refused)
    assert await creations.once(UID, "key", REQUEST, create) == Created("002")
    store.line.recover()
    assert await creations.once(UID, "key", REQUEST, create) == Created("002")


# Reads that hang


class Hanging:
    """Reads nothing until it is let go on, and counts who asks."""

    def __init__(self, here: Backend) -> None:
        self.asked, self.hangs = 0, True
        self._inner, self._blocks = here.documents.read, here.documents.read_blocks
        here.documents.read, here.documents.read_blocks = self.read, self.read_blocks

    async def read(self, uid: Uid) -> Connection | None:
        await self._reached()
        return await self._inner(uid)

    async def read_blocks(self) -> Blocks:
        await self._reached()
        return await self._blocks()

    async def _reached(self) -> None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()


async def seconds_until_unavailable(work: Coroutine[Any, Any, object]) -> float:
    time = asyncio.get_running_loop().time
    began = time()
    with pytest.raises(StoreUnavailable):
        await work
    return time() - began


async def test_a_hung_read_of_blocks_holds_its_callers_for_five_seconds_and_later_ones_not_at_all() -> None:
    here = Backend()
    blocks, hanging = BlockList(here.store, here.clock), Hanging(here)
    waited = await asyncio.gather(*(seconds_until_unavailable(blocks.check(UID)) for _ in range(20)))
    assert waited == [pytest.approx(5)] * 20
    assert hanging.asked == 1
    hanging.hangs = False
    await blocks.check(UID)
    assert hanging.asked == 2


async def test_a_hung_look_up_of_a_connection_holds_nobody_who_comes_later() -> None:
    here = Backend()
    await here.sign_in()
    here.remembered.forget(UID)
    hanging = Hanging(here)
    waited = await asyncio.gather(*(seconds_until_unavailable(here.vault.open(UID)) for _ in range(20)))
    assert waited == [pytest.approx(5)] * 20
    assert hanging.asked == 1
    hanging.hangs = False
    assert (await here.vault.open(UID)).credential.generation == 1
    assert hanging.asked == 2
    assert here.vault.recall(UID) is not None


# A renewal


async def test_an_answer_of_salesforce_is_stored_although_the_store_was_away_for_a_while() -> None:
    here = Backend()
    await here.sign_in()
    credential = (await here.vault.open(UID)).credential
    here.salesforce.answers = [response(n=2)]

    def away() -> None:
        here.documents.line.fates = [Fate.LATE] * 6

    here.salesforce.during_refresh = away
    renewed = await here.renewal.renew(UID, credential)
    assert renewed.credential.generation == 2
    here.documents.line.recover()
    stored = await here.stored()
    assert (stored.generation, stored.state) == (2, State.FRESH)
    assert here.salesforce.revoked == []


async def test_callers_of_a_renewal_that_cannot_be_stored_hear_that_it_is_the_store() -> None:
    here = Backend()
    await here.sign_in()
    credential = (await here.vault.open(UID)).credential
    here.salesforce.answers = [response(n=2)]
    reached = asyncio.Event()

    async def hangs(
        connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
    ) -> Connection:
        reached.set()
        await asyncio.Event().wait()
        return connection

    def away() -> None:
        here.documents.write = hangs

    here.salesforce.during_refresh = away
    with deadline.within(25), pytest.raises(StoreUnavailable):
        await here.renewal.renew(UID, credential)
    assert reached.is_set()


async def test_a_store_that_cannot_be_written_sends_no_refresh_token() -> None:
    here = Backend()
    await here.sign_in()
    credential = (await here.vault.open(UID)).credential
    here.documents.line.fates = [Fate.LATE] * 4
    with pytest.raises(StoreUnavailable):
        await here.renewal.renew(UID, credential)
    assert here.salesforce.refreshed == []
    assert len(here.documents.line.fates) == 0  # four tries of one write, and nothing on top


# The upkeep


async def test_a_phase_of_the_upkeep_that_fails_skips_no_other() -> None:
    here = Backend()
    await here.sign_in()
    stored = await here.stored()
    await here.clock.sleep(200 * 86400)
    inner, searched = here.documents.find, list[object]()

    async def find(criteria: Criteria) -> AsyncIterator[Connection]:
        searched.append(criteria)
        async for connection in inner(criteria):
            yield connection

    async def tombstones() -> AsyncIterator[Tombstone]:
        raise StoreUnavailable
        yield

    here.documents.find = find
    here.documents.tombstones = tombstones
    with pytest.raises(StoreUnavailable):
        await here.lifecycle.upkeep()
    assert len(searched) == 2
    assert stored.state is State.FRESH
    assert await here.vault.read(UID) is None  # not used for 180 days: the second phase has run
