"""What is kept where a desktop's keyring is locked, was never made, or goes while the app runs."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from data.services.dbus import Bus, BusError, BusLate
from data.services.keyring import KeptInKeyring, Within
from data.services.storage import Storage, StorageRefused
from tests.device import Disk


class Locks:
    """A keyring that is locked or not; without `there` nobody answers to its name."""

    def __init__(self, *, there: bool = True, locked: bool = False, late: bool = False) -> None:
        self.there = there
        self.locked = locked
        self.late = late
        self.asked = 0
        self.was_asked = threading.Event()

    def is_locked(self) -> bool:
        if self.late:
            raise BusLate("no answer in time")
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


async def test_a_person_who_sent_the_question_for_the_password_away_can_have_it_again() -> None:
    keyring, told = Locks(locked=True), list[str]()
    kept = KeptInKeyring(Disk({"a": "1"}), keyring)
    opened = asyncio.create_task(kept.opened(lambda: told.append("locked")))
    await asyncio.to_thread(keyring.was_asked.wait, 20)
    keyring.was_asked.clear()
    kept.ask_again()
    assert await asyncio.to_thread(keyring.was_asked.wait, 20)
    keyring.locked = False
    await opened
    assert (told, keyring.asked, kept.forgets) == (["locked"], 2, False)


async def test_a_keyring_that_does_not_answer_in_time_is_waited_for_as_if_it_were_locked() -> None:
    """Else a slow desktop would sign the person out."""
    keyring, told = Locks(late=True), asyncio.Event()
    kept = KeptInKeyring(Disk({"a": "1"}), keyring)
    opened = asyncio.create_task(kept.opened(told.set))
    await told.wait()
    assert (opened.done(), keyring.asked) == (False, 0)
    keyring.late = False
    await opened
    assert (await kept.get("a"), kept.forgets) == ("1", False)
    keyring.late = True  # later nothing stands still for it
    with pytest.raises(BusLate):
        await kept.get("a")


def test_a_bus_that_takes_a_connection_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "bus"))
        silent.listen()
        with pytest.raises(BusLate):
            Bus(f"unix:path={tmp_path / 'bus'}", seconds=0.2)


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
