"""Who is blocked, how soon that is known, and what is recorded of it: the real parts on the store in memory, time that
is stepped.
"""

import asyncio
from datetime import timedelta

import pytest

from backend.connections.audit import Event
from backend.connections.blocks import BlockList
from backend.connections.store import Blocks
from contract.errors import ConnectionLost, Reason
from tests.functions.one_process import OTHER, STRANGER, UID, Backend, contended


@pytest.fixture
def here() -> Backend:
    return Backend()


@pytest.mark.parametrize("target", ["everyone", "00D000000000001EAA", UID])
async def test_who_is_blocked_and_who_is_not(here: Backend, target: str) -> None:
    await here.blocks.block(target, by="anna")
    for uid, blocked in ((UID, True), (OTHER, target != UID), (STRANGER, target == "everyone")):
        for check in (BlockList(here.store, here.clock).check, BlockList(here.store, here.clock).check_now):
            if blocked:
                with pytest.raises(ConnectionLost) as lost:
                    await check(uid)
                assert lost.value.reason is Reason.ACCESS_STOPPED
            else:
                await check(uid)


async def test_blocks_are_looked_up_beside_the_calls_after_two_seconds_and_before_them_after_ten(here: Backend) -> None:
    await here.blocks.check(UID)
    for wait in (1, 1):
        await here.clock.sleep(wait)
        await here.blocks.check(UID)
        await asyncio.sleep(0)
    assert here.documents.looks == 1
    await here.clock.sleep(0.1)
    here.documents.held = asyncio.Event()
    await here.blocks.check(UID)
    await here.blocks.check(UID)
    await asyncio.sleep(0)
    assert here.documents.looks == 2, "one look-up for all, and nobody waits"
    await here.clock.sleep(7.9)
    await here.blocks.check(UID)  # ten seconds: still trusted
    await here.clock.sleep(0.1)
    waits = asyncio.create_task(here.blocks.check(UID))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not waits.done()
    held, here.documents.held = here.documents.held, None
    held.set()
    await waits
    assert here.documents.looks == 2
    await here.blocks.check(UID)  # what was read is as old as the moment at which the look-up began
    await asyncio.sleep(0)
    assert here.documents.looks == 3


async def test_a_clock_that_is_set_back_keeps_no_block_from_being_seen(here: Backend) -> None:
    await here.blocks.check(UID)
    await BlockList(here.store, here.clock).block(str(UID), by="anna")
    here.clock._now -= timedelta(hours=1)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ConnectionLost) as lost:
        await here.blocks.check(UID)
    assert lost.value.reason is Reason.ACCESS_STOPPED


async def test_a_look_up_that_fails_is_made_again(here: Backend) -> None:
    class Away(Exception):
        pass

    async def away() -> Blocks:
        raise Away

    here.store.read_blocks, works = away, here.store.read_blocks
    with pytest.raises(Away):
        await here.blocks.check(UID)
    here.store.read_blocks = works
    await here.blocks.check(UID)


async def test_a_check_for_a_sign_in_always_reads_and_is_trusted_then(here: Backend) -> None:
    await here.blocks.check_now(UID)
    await here.blocks.check_now(UID)
    await here.blocks.check(UID)
    assert here.documents.looks == 2


async def test_an_older_list_that_comes_late_to_a_sign_in_lets_nobody_in_again(here: Backend) -> None:
    here.documents.held = held = asyncio.Event()
    late = asyncio.create_task(here.blocks.check_now(OTHER))
    await here.documents.reached()
    here.documents.held = None
    await Backend(here.documents).blocks.block(UID, by="anna")
    with pytest.raises(ConnectionLost):
        await here.blocks.check(UID)
    held.set()
    await late
    with pytest.raises(ConnectionLost):
        await here.blocks.check(UID)


async def test_what_a_sign_in_has_read_is_as_old_as_the_moment_at_which_it_began_to_read(here: Backend) -> None:
    here.documents.held = held = asyncio.Event()
    late = asyncio.create_task(here.blocks.check_now(OTHER))
    await here.documents.reached()
    await here.clock.sleep(9)
    here.documents.held = None
    held.set()
    await late
    await here.clock.sleep(2)
    await here.blocks.check(UID)
    assert here.documents.looks == 2


async def test_blocks_are_set_and_lifted_one_by_one_and_recorded_without_a_name(here: Backend) -> None:
    here.documents.before_write.append(contended)
    await here.blocks.block(UID, by="anna")
    await here.blocks.block("00D000000000002EAA", by="bert")
    assert (await here.documents.read_blocks()).targets == {UID, "00D000000000002EAA"}
    with pytest.raises(ValueError, match=f"{OTHER} is not blocked"):
        await here.blocks.unblock(OTHER, by="anna")
    await here.blocks.unblock(UID, by="carl")
    assert (await here.documents.read_blocks()).targets == {"00D000000000002EAA"}
    chain = (await here.documents.read_blocks()).chain
    assert chain is not None
    assert [(e.event, e.by, e.reason, e.generation) for e in reversed(await here.entries(chain.subject))] == [
        (Event.BLOCK, "anna", "one user", 0), (Event.BLOCK, "bert", "00D000000000002EAA", 0), (Event.UNBLOCK, "carl",
            "one user", 0),
    ]  # fmt: skip


async def test_a_block_that_is_set_or_lifted_twice_at_once_is_set_or_lifted(here: Backend) -> None:
    for _ in range(2):
        await here.blocks.block(UID, by="anna")
        assert (await here.documents.read_blocks()).targets == {UID}
    reads = here.store.read_blocks

    async def somebody_else_is_first() -> Blocks:
        here.store.read_blocks = reads
        found = await reads()
        await here.blocks.unblock(UID, by="bert")
        return found

    here.store.read_blocks = somebody_else_is_first
    await here.blocks.unblock(UID, by="anna")
    assert (await here.documents.read_blocks()).targets == frozenset()


@pytest.mark.parametrize("target", [
    "", "Everyone", "00D00000000001EAA", "00D0000000000001EAA", "01D000000000001EAA", UID + "A", UID[:-1],
    UID.replace("_005", "_001"), UID + "\n",
])  # fmt: skip
async def test_what_cannot_be_blocked(here: Backend, target: str) -> None:
    for work in (here.blocks.block(target, by="a"), here.blocks.unblock(target, by="a")):
        with pytest.raises(
            ValueError, match="name everyone, an org by its 18-character id, or a user by the uid ORG_USER"
        ):
            await work
