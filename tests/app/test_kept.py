"""What stands on the device: bounded, per user, and no reason to stop when the device keeps nothing."""

import asyncio

import pytest

from contract.calls import Record, RecordDetail
from data.repositories import drafts as drafts_module
from data.repositories import shelf as shelf_module
from data.repositories.drafts import Draft, Drafts
from data.repositories.shelf import Shelf
from tests.device import Drawer


def detail(name: str) -> RecordDetail:
    return RecordDetail(Record("001", {"Name": name}, "v1"))


async def test_what_is_put_there_is_there_after_a_reload() -> None:
    device = Drawer()
    shelf = Shelf(device, lambda: 5.0)
    await shelf.open("sam")
    await shelf.put("record/001", detail("Acme"))
    again = Shelf(device)
    await again.open("sam")
    seen = await again.get("record/001", RecordDetail)
    assert seen is not None
    assert (seen.value, seen.at) == (detail("Acme"), 5.0)
    await again.open("ada")
    assert await again.get("record/001", RecordDetail) is None


async def test_what_has_not_changed_is_not_written_again() -> None:
    device, now = Drawer(), [5.0]
    shelf = Shelf(device, lambda: now[0])
    await shelf.open("sam")
    await shelf.put("record/001", detail("Acme"))
    device.kept["seen/sam/record/001"] += " "
    now[0] = 9.0
    await shelf.put("record/001", detail("Acme"))
    assert device.kept["seen/sam/record/001"].endswith(" ")
    again = Shelf(device)
    await again.open("sam")
    seen = await again.get("record/001", RecordDetail)
    assert seen is not None
    assert (seen.value, seen.at) == (detail("Acme"), 9.0)


async def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "MAX_ITEMS", 3)
    device = Drawer()
    shelf = Shelf(device)
    await shelf.open("sam")
    for n in range(5):
        await shelf.put(f"record/{n}", detail(str(n)))
    assert sorted(k for k in device.kept if k.startswith("seen/sam/record")) == ["seen/sam/record/2", "seen/sam/record/3", "seen/sam/record/4"]
    monkeypatch.setattr(shelf_module, "MAX_CHARACTERS", 150)
    await shelf.put("record/big", detail("x" * 100))
    assert [k for k in device.kept if k.startswith("seen/sam/record")] == ["seen/sam/record/big"]


async def test_what_cannot_be_read_counts_as_nothing() -> None:
    device = Drawer()
    device.kept = {"seen/sam/": "[1, 2", "seen/ada/": '{"a": [1, 2]}', "seen/ada/a": '{"record": 1}'}
    shelf = Shelf(device)
    await shelf.open("sam")
    assert await shelf.get("a", RecordDetail) is None
    await shelf.open("ada")
    assert await shelf.get("a", RecordDetail) is None


async def test_a_sign_out_clears_one_user_only() -> None:
    device = Drawer()
    shelf = Shelf(device)
    for user in ("sam", "ada"):
        await shelf.open(user)
        await shelf.put("record/001", detail(user))
    await shelf.clear("sam")
    assert {k.split("/")[1] for k in device.kept} == {"ada"}


async def test_without_storage_it_is_kept_in_memory() -> None:
    device = Drawer()
    device.refuses = True
    shelf = Shelf(device)
    await shelf.open("sam")
    await shelf.put("record/001", detail("Acme"))
    assert await shelf.get("record/001", RecordDetail) is not None
    assert device.kept == {}


async def test_drafts_are_written_when_the_person_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts_module, "WRITE_AFTER", 0.02)
    device = Drawer()
    drafts = Drafts(device)
    await drafts.open("sam")
    for n in range(5):
        drafts.put(Draft("Account", "001", entered={"Phone": str(n)}))
    assert device.kept == {}
    await asyncio.sleep(0.05)
    again = Drafts(device)
    await again.open("sam")
    assert [d.entered for d in again.all()] == [{"Phone": "4"}]
    again.drop("Account", "001")
    await again.settle()
    assert device.kept == {"drafts/sam": "[]"}


async def test_what_is_typed_while_it_is_written_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts_module, "WRITE_AFTER", 0.0)
    device = Drawer()
    drafts = Drafts(device)
    await drafts.open("sam")
    write = device.write

    async def slow(key: str, value: str) -> None:
        await asyncio.sleep(0.02)
        await write(key, value)

    device.write = slow  # type: ignore[method-assign]
    drafts.put(Draft("Account", "", entered={"Name": "A"}))
    await asyncio.sleep(0.01)
    drafts.put(Draft("Account", "", entered={"Name": "AB"}))
    await drafts.settle()
    await asyncio.sleep(0.1)
    again = Drafts(device)
    await again.open("sam")
    assert again.all()[0].entered == {"Name": "AB"}


async def test_another_user_does_not_see_them() -> None:
    device = Drawer()
    drafts = Drafts(device)
    await drafts.open("sam")
    drafts.put(Draft("Account", "001"))
    await drafts.open("ada")
    assert drafts.all() == ()
    await drafts.open("sam")
    assert len(drafts.all()) == 1
