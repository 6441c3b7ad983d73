"""The device's storage on bad days: full, slow, silent, and carrying things out too late."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from data.services.storage import ANSWER_SECONDS, Storage, StorageRefused
from tests.device import Disk

pytestmark = pytest.mark.virtual_time
NEVER = None


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long something takes until it is done or refused."""
    begun = asyncio.get_running_loop().time()
    try:
        await work()
    except StorageRefused:
        pass
    return asyncio.get_running_loop().time() - begun


async def test_one_slow_answer_does_not_condemn_the_storage() -> None:
    disk = Disk()
    storage = Storage(disk)
    disk.delays = [4.0]
    with pytest.raises(StorageRefused):
        await storage.write("a", "1")
    await asyncio.sleep(1.1)
    assert disk.kept == {"a": "1"}
    await storage.write("b", "2")
    assert await storage.read("b") == "2"


async def test_a_storage_that_never_answers_is_waited_for_once() -> None:
    disk = Disk(delay=NEVER)
    storage = Storage(disk)
    assert await seconds(lambda: storage.read("a")) == ANSWER_SECONDS
    for _ in range(100):
        assert await seconds(lambda: storage.read("a")) == 0.0
        await asyncio.sleep(0.5)


async def test_calls_at_once_wait_together() -> None:
    storage = Storage(Disk(delay=NEVER))
    asked = [seconds(lambda: storage.read("a")) for _ in range(10)]
    assert await seconds(lambda: asyncio.gather(*asked)) == ANSWER_SECONDS


@pytest.mark.parametrize("silence", [0.0, 0.7, 2.0, 3.1, 61.3])
async def test_a_storage_that_answers_again_is_used_again_within_five_seconds(silence: float) -> None:
    """Although nothing that was asked during the silence is ever answered."""
    disk = Disk(delay=NEVER)
    storage = Storage(disk)
    await seconds(lambda: storage.write("a", "1"))
    begun = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() - begun < silence:
        await seconds(lambda: storage.write("a", "1"))
        await asyncio.sleep(1.0)
    disk.delay = 0.0
    answers_since = asyncio.get_running_loop().time()
    while "a" not in disk.kept:
        await seconds(lambda: storage.write("a", "1"))
        await asyncio.sleep(1.0)
    assert asyncio.get_running_loop().time() - answers_since <= 5.0


async def test_a_storage_that_always_takes_four_seconds_keeps_things_all_the_same() -> None:
    disk = Disk(delay=4.0)
    storage = Storage(disk)
    for n in range(3):
        await seconds(lambda n=n: storage.write("a", str(n)))
        await asyncio.sleep(5.0)
        assert disk.kept == {"a": str(n)}


async def test_what_is_carried_out_too_late_does_not_undo_what_came_after() -> None:
    disk = Disk()
    storage = Storage(disk)
    disk.delays = [4.5, 3.5, 0.0]
    await asyncio.gather(seconds(lambda: storage.write("a", "1")), seconds(lambda: storage.write("b", "x")))
    await asyncio.sleep(0.6)  # the second has answered, the first has not
    await storage.write("a", "2")
    assert disk.kept["a"] == "2"
    await asyncio.sleep(2.0)
    assert disk.kept["a"] == "2"
    disk.delays = [4.5, 3.5, 0.0]
    await asyncio.gather(seconds(lambda: storage.write("a", "3")), seconds(lambda: storage.write("b", "x")))
    await asyncio.sleep(0.6)
    await storage.remove("a")
    await asyncio.sleep(2.0)
    assert "a" not in disk.kept


async def test_a_full_storage_refuses_at_once_and_is_asked_again_at_once() -> None:
    disk = Disk()
    storage = Storage(disk)
    disk.full = True
    with pytest.raises(StorageRefused):
        await storage.write("a", "1")
    disk.full = False
    await storage.write("a", "1")
    assert await storage.values("") == {"a": "1"}
    assert await storage.values("b") == {}


async def test_somebody_who_stops_waiting_does_not_keep_it_from_being_kept() -> None:
    disk = Disk(delay=1.0)
    storage = Storage(disk)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await storage.write("a", "1")
    await asyncio.sleep(1.0)
    assert disk.kept == {"a": "1"}
