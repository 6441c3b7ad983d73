"""What stands on the device: bounded, per user, and no reason to stop when the device keeps nothing."""

import asyncio
import json
from typing import cast

import pytest

from contract.calls import FieldValue, ListRecords, Record, RecordDetail
from data.repositories import shelf as shelf_module
from data.repositories.drafts import KEY_SECONDS, WRITE_AFTER, Draft, Drafts
from data.repositories.shelf import Shelf
from data.services.storage import PROBE_SECONDS
from tests.app.world import ADA, SAM, World
from tests.device import Beside, Drawer, StallingDrawer
from ui.records.form_view_model import FormViewModel

pytestmark = pytest.mark.virtual_time


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


async def test_what_is_put_there_again_is_as_young_as_that() -> None:
    device, now = Drawer(), [5.0]
    shelf = Shelf(device, lambda: now[0])
    await shelf.open("sam")
    await shelf.put("record/001", detail("Acme"))
    now[0] = 9.0
    await shelf.put("record/001", detail("Acme"))
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
    assert sorted(k for k in device.kept if k.startswith("seen/sam/record")) == [
        "seen/sam/record/2",
        "seen/sam/record/3",
        "seen/sam/record/4",
    ]
    monkeypatch.setattr(shelf_module, "MAX_CHARACTERS", 150)
    await shelf.put("record/big", detail("x" * 100))
    assert [k for k in device.kept if k.startswith("seen/sam/record")] == ["seen/sam/record/big"]


async def test_what_cannot_be_read_counts_as_nothing() -> None:
    device = Drawer()
    device.kept = {
        "seen/sam/": "[1, 2",
        "seen/sam/a": '{"record": 1}',
        "seen/sam/b": '1.0 {"record": 1}',
        "seen/sam/c": "1.0 {",
    }
    shelf = Shelf(device)
    await shelf.open("sam")
    for key in ("", "a", "b", "c"):
        assert await shelf.get(key, RecordDetail) is None
    assert device.kept == {}


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


async def test_what_one_window_keeps_no_other_loses() -> None:
    device = Drawer()
    shelves = [Shelf(Drawer(device.kept), lambda at=at: float(at)) for at in range(3)]
    for shelf in shelves:
        await shelf.open("sam")
    for n, shelf in enumerate(shelves):
        await shelf.put(f"visits/{n}", str(n), folder_size=10)
    again = Shelf(device)
    await again.open("sam")
    assert await again.all("visits", str) == ["2", "1", "0"]
    await shelves[0].clear("sam")
    assert device.kept == {}


async def test_a_folder_keeps_its_newest() -> None:
    device = Drawer()
    shelf = Shelf(device)
    await shelf.open("sam")
    for n in (1, 2, 3, 1):
        await shelf.put(f"searches/{n}", str(n), folder_size=2)
    assert await shelf.all("searches", str) == ["1", "3"]
    assert sorted(device.kept) == ["seen/sam/searches/1", "seen/sam/searches/3"]


async def test_a_shelf_that_could_not_be_cleared_is_cleared_when_the_device_answers_again() -> None:
    device = StallingDrawer(stalls="seen/")
    shelf = Shelf(device)
    await shelf.open("sam")
    await shelf.put("record/001", detail("Acme"))
    device.disk.delay = None
    await shelf.clear("sam")
    await asyncio.sleep(60)
    assert device.kept != {}
    device.disk.delay = 0.0
    await asyncio.sleep(5)
    assert device.kept == {}


async def test_whoever_signs_in_again_is_not_cleared_late() -> None:
    device = StallingDrawer(stalls="seen/")
    shelf = Shelf(device)
    await shelf.open("sam")
    device.disk.delay = None
    await shelf.clear("sam")
    await shelf.open("sam")
    device.disk.delay = 0.0
    for _ in range(2):
        await asyncio.sleep(2)
        await shelf.put("record/001", detail("Acme"))
    await asyncio.sleep(60)
    assert list(device.kept) == ["seen/sam/record/001"]


async def test_drafts_are_written_when_the_person_rests() -> None:
    device = Drawer()
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    for n in range(5):
        drafts.put(Draft("d", "Account", "001", typed={"Phone": str(n)}))
    assert device.kept == {}
    await asyncio.sleep(WRITE_AFTER + 0.01)
    again = Drafts(device, Beside())
    await again.open("sam")
    assert [d.typed for d in again.all()] == [{"Phone": "4"}]
    again.drop("Account", "001")
    await again.settle()
    assert device.kept == {}


async def test_what_is_typed_while_it_is_written_is_written_too() -> None:
    device = StallingDrawer()
    device.disk.delay = 0.5
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    drafts.put(Draft("d", "Account", typed={"Name": "A"}))
    await asyncio.sleep(WRITE_AFTER + 0.1)
    drafts.put(Draft("d", "Account", typed={"Name": "AB"}))
    await asyncio.sleep(5)
    again = Drafts(device, Beside())
    await again.open("sam")
    assert again.all()[0].typed == {"Name": "AB"}


async def test_another_user_does_not_see_them() -> None:
    device = Drawer()
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    drafts.put(Draft("d", "Account", "001"))
    await drafts.open("ada")
    assert drafts.all() == ()
    await drafts.open("sam")
    assert len(drafts.all()) == 1


async def test_what_was_kept_for_one_user_while_the_device_refused_is_there_when_they_are_back() -> None:
    device = Drawer()
    device.refuses = True
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    drafts.put(Draft("a", "Account", typed={"Name": "Acme"}))
    await asyncio.sleep(1)
    await drafts.open("ada")
    assert drafts.all() == ()
    await drafts.open("sam")
    assert [d.typed for d in drafts.all()] == [{"Name": "Acme"}]
    device.refuses = False
    await asyncio.sleep(5)
    assert '"Acme"' in device.kept["draft/sam/a"]


class _TellsLate(Drawer):
    """Takes a second to say what it kept when it was asked."""

    async def values(self, prefix: str) -> dict[str, str]:
        kept = await super().values(prefix)
        await asyncio.sleep(1)
        return kept


async def test_a_draft_that_goes_while_the_device_tells_what_it_keeps_stays_away() -> None:
    drafts = Drafts(_TellsLate(), Beside())
    await drafts.open("sam")
    draft = drafts.put(Draft("a", "Account", typed={"Name": "Acme"}))
    await drafts.settle()
    looking = asyncio.create_task(drafts.look())
    await asyncio.sleep(0.1)
    drafts.throw_away(draft)
    await drafts.settle()
    await looking
    assert drafts.all() == ()


async def test_an_erasure_leaves_no_draft_of_any_window() -> None:
    device = Drawer()
    window = Beside()
    here, there = Drafts(device, window), Drafts(Drawer(device.kept), Beside(window))
    for drafts, name in ((here, "a"), (there, "b")):
        await drafts.open("sam")
        await drafts.note_sent(Draft(name, "Account", typed={"Name": name}, key=f"key-{name}"), {"Name": name})
    await here.clear("sam")
    assert device.kept == {}


@pytest.mark.parametrize("silence", [0.5, 2.0, 7.3, 600.0])
async def test_what_a_silent_device_did_not_keep_is_kept_within_five_seconds_of_its_answering_again(
    silence: float,
) -> None:
    device, changes = StallingDrawer(), list[bool]()
    drafts = Drafts(device, Beside())
    drafts.changed = lambda: changes.append(drafts.refused)
    await drafts.open("sam")
    device.disk.delay = None
    drafts.put(Draft("d", "Account", typed={"Name": "A"}))
    await asyncio.sleep(WRITE_AFTER + 3.1)
    assert drafts.refused
    drafts.put(Draft("d", "Account", typed={"Name": "AB"}))
    drafts.put(Draft("e", "Contact", typed={"LastName": "C"}))
    await asyncio.sleep(silence)
    device.disk.delay = 0.0
    await asyncio.sleep(5)
    again = Drafts(Drawer(device.kept), Beside())
    await again.open("sam")
    assert sorted(str(d.typed) for d in again.all()) == ["{'LastName': 'C'}", "{'Name': 'AB'}"]
    assert (drafts.refused, changes) == (False, [True, False])


async def test_drafts_that_could_not_be_read_at_the_start_are_there_when_the_device_answers() -> None:
    device, changes = StallingDrawer(), list[int]()
    before = Drafts(Drawer(device.kept), Beside())
    await before.open("sam")
    before.put(Draft("d", "Account", "001", typed={"Phone": "1"}))
    await before.settle()
    device.disk.delay = None
    drafts = Drafts(device, Beside())
    drafts.changed = lambda: changes.append(len(drafts.all()))
    await drafts.open("sam")
    assert drafts.all() == ()
    device.disk.delay = 0.0
    await asyncio.sleep(5)
    assert [d.typed for d in drafts.all()] == [{"Phone": "1"}]
    assert changes == [1]


async def test_a_removal_that_the_device_does_not_carry_out_is_carried_out_when_it_answers_again() -> None:
    device = StallingDrawer()
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    draft = drafts.put(Draft("d", "Account", "001", typed={"Phone": "1"}))
    await drafts.settle()
    device.disk.delay = None
    drafts.throw_away(draft)
    await asyncio.sleep(30)
    assert device.kept != {}
    device.disk.delay = 0.0
    await asyncio.sleep(5)
    assert device.kept == {}


OLD: dict[str, dict[str, object]] = {
    "Account/001": {
        "sobject": "Account", "recordId": "001", "seen": {"Name": "Acme"}, "version": "v1",
        "entered": {"Name": "Acme Ltd"}, "names": {},
    },
    "Account/new": {
        "sobject": "Account", "recordId": "", "seen": {}, "version": "the-key", "entered": {"Name": "New"},
        "names": {"ParentId": "Holding"},
    },
}  # fmt: skip


async def test_drafts_of_an_older_app_are_read_and_what_is_none_is_passed_over() -> None:
    device = Drawer()
    device.kept = {f"draft/sam/{name}": json.dumps(draft) for name, draft in OLD.items()}
    device.kept |= {
        "drafts/sam": json.dumps(list(OLD)),
        "draft/sam/a": "[1",
        "draft/sam/b": "{}",
        "draft/sam/sent/c": '"x"',
    }
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    change, new = drafts.get("Account", "001"), drafts.get("Account", "")
    assert change is not None
    assert new is not None
    assert (change.raw, change.version, change.key, change.seen) == ({"Name": "Acme Ltd"}, "v1", "", {"Name": "Acme"})
    assert (new.raw, new.version, new.key, new.names) == ({"Name": "New"}, None, "the-key", {"ParentId": "Holding"})
    assert len(drafts.all()) == 2
    for draft in drafts.all():
        drafts.throw_away(draft)
    await drafts.settle()
    assert not [name for name in device.kept if name.startswith("draft/sam/Account")]


# What was sent of a new record


async def test_what_was_sent_is_read_again_exactly() -> None:
    device = Drawer()
    drafts = Drafts(device, Beside())
    await drafts.open("sam")
    fields: dict[str, FieldValue] = {
        "Name": "Ä\u202f",
        "AnnualRevenue": 1234.0,
        "Employees": 3,
        "Share": 0.1,
        "Active__c": True,
        "Phone": None,
    }
    await drafts.note_sent(Draft("d", "Account", typed=fields, key="k"), fields)
    again = Drafts(device, Beside())
    await again.open("sam")
    sent = await again.sent("k")
    assert sent is not None
    assert [(name, type(value), value) for name, value in sent.fields.items()] == [
        (n, type(v), v) for n, v in fields.items()
    ]


async def test_what_was_sent_and_made_is_forgotten_when_its_key_is() -> None:
    device, now = Drawer(), [0.0]
    drafts = Drafts(device, Beside(), lambda: now[0])
    await drafts.open("sam")
    draft = Draft("d", "Account", typed={"Name": "A"}, key="k")
    drafts.note_made(await drafts.note_sent(draft, {"Name": "A"}), "001")
    drafts.throw_away(draft)
    await drafts.settle()
    assert list(device.kept) == ["draft/sam/sent/k"]
    now[0] = KEY_SECONDS + 1
    await drafts.look()
    await drafts.settle()
    assert device.kept == {}


# An erasure


@pytest.mark.parametrize("stalls", [False, True], ids=["a quick device", "a device that is silent for a while"])
async def test_an_erasure_leaves_no_draft_when_another_window_signs_out_meanwhile(stalls: bool) -> None:
    one = World(device=StallingDrawer())
    device = cast(StallingDrawer, one.device)
    one.backend.add("001", Name="Acme")
    app = await one.start("/records/Account/001/edit")
    assert isinstance(app.screen, FormViewModel)
    app.screen.type("Name", "Acme Secret")
    await one.drafts.settle()
    other = one.beside()
    await other.app.start("/")
    held = one.backend.holds["eraseMe"] = asyncio.Event()
    erasing = asyncio.create_task(app.handover.erase())
    await asyncio.sleep(0.01)
    await other.app.handover.sign_out()
    await asyncio.sleep(0.01)
    await one.app.settle()
    assert one.session.user is None
    assert "Acme Secret" in str(device.kept)
    if stalls:
        device.disk.delay = None
    held.set()
    await erasing
    assert one.session.erased is not None
    if stalls:
        device.disk.delay = 0.0
        await asyncio.sleep(5 * PROBE_SECONDS)
    assert "Acme Secret" not in str(device.kept)
    assert app.drafts.all() == ()
    assert app.screen is not None


async def test_an_erasure_does_not_erase_what_the_user_types_after_signing_in_again() -> None:
    world = World(device=StallingDrawer())
    device = cast(StallingDrawer, world.device)
    app = await world.start()
    world.drafts.put(Draft("old", "Account", typed={"Name": "Old secret"}))
    await world.drafts.settle()
    device.disk.delay = None
    await app.handover.erase()
    device.disk.delay = 0.0
    await world.sign_in()
    await world.drafts.open(SAM.uid)
    world.drafts.put(Draft("one", "Account", typed={"Name": "Begun anew"}))
    await asyncio.sleep(5 * PROBE_SECONDS)
    assert "Old secret" not in str(device.kept)
    assert [draft.typed for draft in world.drafts.all()] == [{"Name": "Begun anew"}]
    assert "Begun anew" in str(device.kept)


# Another user takes over


class SlowToForget(Drawer):
    """Answers only once it is let, when it is to forget why a session ended."""

    def __init__(self) -> None:
        super().__init__()
        self.let: asyncio.Event | None = None

    async def remove(self, key: str) -> bool:
        if key == "ended-session" and self.let is not None:
            await self.let.wait()
        return await super().remove(key)


async def test_what_is_fetched_as_one_user_is_never_kept_for_another() -> None:
    device = SlowToForget()
    world = World(device=device)
    world.backend.add("001", Name="Ada's")
    app = await world.start("/records/Account", user=ADA)
    await app.handover.add_user()
    device.let = asyncio.Event()
    signing_in = asyncio.create_task(world.sign_in(SAM))
    await asyncio.sleep(0.01)
    assert world.session.user == SAM
    world.backend.records.clear()
    world.backend.add("001", Name="Sam's")
    page = await world.records.page(ListRecords("Account")).get()
    assert page.records[0].fields["Name"] == "Sam's"
    assert await world.records.page(ListRecords("Account")).seen() is None
    device.let.set()
    await signing_in
    assert not [key for key, text in device.kept.items() if key.startswith(f"seen/{ADA.uid}/") and "Sam's" in text]
