"""What is kept where a desktop's keyring is locked, was never made, or goes while the app runs."""

import asyncio
import threading

import pytest

from data.services.dbus import BusError
from data.services.keyring import KeptInKeyring, Within
from data.services.storage import Storage, StorageRefused
from tests.device import Disk


class Locks:
    """A keyring that is locked or not; without `there` nobody answers to its name."""

    def __init__(self, *, there: bool = True, locked: bool = False) -> None:
        self.there = there
        self.locked = locked
        self.asked = 0
        self.was_asked = threading.Event()

    def is_locked(self) -> bool:
        if not self.there:
            raise BusError("nobody has this name")
        return self.locked

    def ask(self) -> None:
        self.asked += 1
        self.was_asked.set()


async def test_an_unlocked_keyring_keeps_everything() -> None:
    disk = Disk()
    kept = KeptInKeyring(disk, Locks())
    await kept.set("a", "1")
    assert (disk.kept, await kept.get("a"), kept.forgets) == ({"a": "1"}, "1", False)


async def test_without_a_keyring_everything_is_kept_until_the_window_closes() -> None:
    disk, keyring = Disk(), Locks(there=False)
    kept = KeptInKeyring(disk, keyring)
    await kept.set("a", "1")
    await kept.set("b", "2")
    await kept.remove("b")
    keyring.there = True  # a keyring that comes later does not part what belongs together
    assert (await kept.get("a"), await kept.get_all(), disk.kept, kept.forgets) == ("1", {"a": "1"}, {}, True)


async def test_a_locked_keyring_is_waited_for_and_nobody_touches_the_storage_meanwhile() -> None:
    disk, keyring, told = Disk({"a": "1"}), Locks(locked=True), list[str]()
    kept = KeptInKeyring(disk, keyring)
    opened = asyncio.create_task(kept.opened(lambda: told.append("locked")))
    reading = asyncio.create_task(kept.get("a"))
    await asyncio.to_thread(keyring.was_asked.wait, 20)
    assert (told, opened.done(), reading.done()) == (["locked"], False, False)
    keyring.locked = False
    await opened
    assert (await reading, told, keyring.asked, kept.forgets) == ("1", ["locked"], 1, False)


async def test_one_may_go_on_without_unlocking_the_keyring() -> None:
    disk, keyring = Disk({"a": "1"}), Locks(locked=True)
    kept = KeptInKeyring(disk, keyring)
    await kept.opened(kept.go_without)
    assert (await kept.get("a"), kept.forgets, disk.kept) == (None, True, {"a": "1"})


async def test_a_keyring_that_goes_while_it_is_used_refuses_and_hides_nothing_behind_an_empty_memory() -> None:
    keyring = Locks()
    kept = KeptInKeyring(Disk(), keyring)
    storage = Storage(kept)
    await storage.write("a", "1")
    keyring.there = False
    with pytest.raises(StorageRefused):
        await storage.read("a")
    kept.go_without()
    keyring.there = True
    assert (await storage.read("a"), kept.forgets) == ("1", False)


async def test_apps_that_share_a_storage_do_not_see_each_other() -> None:
    disk = Disk({"sessions": "another app's"})
    mine = Within(disk, "mine/")
    await mine.set("sessions", "1")
    assert (await mine.get("sessions"), await mine.get_all()) == ("1", {"sessions": "1"})
    await mine.remove("sessions")
    assert (await mine.get("sessions"), disk.kept) == (None, {"sessions": "another app's"})
