"""What is saved without a network waits on the device, and comes to Salesforce once, in order."""

import asyncio
from dataclasses import replace

import pytest

from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from data.repositories.queue import MAX_EDITS, Edit, is_temporary
from data.repositories.sending import WAIT_SECONDS
from tests.app.forms import acme, editing, sent, text
from tests.app.world import ACCOUNT, ADA, SAM, World
from ui.access.view_model import AccessViewModel
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.look_up_view_model import LookUpViewModel
from ui.records.record_view_model import RecordViewModel
from ui.waiting.view_model import WaitingViewModel

pytestmark = pytest.mark.virtual_time
OFFLINE = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
DAY = 24 * 3600.0


async def offline(route: str = "/records/Account") -> World:
    """Somebody whose network has gone since they looked at Acme."""
    world = acme()
    await world.start("/records/Account/001")
    await world.app.go(Place("list", "Account"))
    world.backend.offline = OFFLINE
    await world.app.show(route)
    await world.app.again()
    await world.app.settle()
    assert world.data.network.offline
    return world


async def form_of(world: World, place: Place) -> FormViewModel:
    await world.app.go(place)
    form = world.app.screen
    assert isinstance(form, FormViewModel)
    assert form.draft is not None
    return form


async def saved(world: World, place: Place, **texts: str) -> None:
    form = await form_of(world, place)
    for name, entered in texts.items():
        form.type(name, entered)
    await form.save()
    assert form.draft is None, (form.problem, form.errors)


async def online(world: World) -> None:
    """The network is back, and the device says so."""
    world.backend.offline = None
    await world.data.sending.run()
    await world.app.settle()


def waiting(world: World) -> list[tuple[str, str]]:
    return [(e.kind, e.state) for e in world.data.queue.all()]


def names(world: World) -> list[str]:
    return sorted(str(r.fields["Name"]) for r in world.backend.records.values())


EDIT, NEW = Place("edit", "Account", "001"), Place("new", "Account")


async def test_a_change_waits_is_shown_as_it_will_be_and_is_sent_once() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    assert world.app.notices.newest is not None
    assert world.app.notices.newest.text == "Saved on this device. It is sent when you are online again."
    assert world.drafts.all() == ()
    record = world.app.screen
    assert isinstance(record, RecordViewModel)
    assert record.record is not None
    assert (record.record.fields["Phone"], len(record.waiting)) == ("+44 2", 1)
    listed = world.app.list_of("Account")
    assert listed is not None
    assert [(r.fields["Phone"], listed.waits(r.id)) for r in listed.items] == [("+44 2", True)]
    await saved(world, EDIT, Website="acme.example")  # what waits already takes it up
    assert waiting(world) == [("change", "waiting")]
    await online(world)
    assert waiting(world) == []
    fields = world.backend.records["001"].fields
    assert (fields["Phone"], fields["Website"], len(sent(world))) == ("+44 2", "acme.example", 1)
    shown = world.app.screen
    assert isinstance(shown, RecordViewModel)
    assert shown.record is not None
    assert shown.record.fields["Phone"] == "+44 2"
    assert world.app.notices.newest.text == "1 change was sent."


async def test_it_is_tried_again_by_itself() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    world.backend.offline = None
    loop = world.data.sending._loop  # pyright: ignore[reportPrivateUsage]
    assert loop is not None
    await loop
    assert (waiting(world), world.backend.records["001"].fields["Phone"]) == ([], "+44 2")


async def test_a_save_that_finds_no_network_waits_and_a_record_that_may_be_made_is_made_once() -> None:
    world = acme()
    await world.start("/records/Account/new")
    form = await form_of(world, NEW)
    form.type("Name", "Once Ltd")
    world.backend.loses.add("createRecord")
    await form.save()
    assert form.problem is not None
    world.backend.offline = OFFLINE
    form.type("Phone", "+44 3")
    await form.save()
    assert form.draft is None
    assert waiting(world) == [("create", "waiting"), ("change", "waiting")]
    await online(world)
    assert waiting(world) == []
    assert [r.fields.get("Phone") for r in world.backend.records.values() if r.fields["Name"] == "Once Ltd"] == [
        "+44 3"
    ]


async def test_a_record_made_without_a_network_can_be_opened_edited_and_referred_to() -> None:
    world = await offline()
    await saved(world, NEW, Name="Far Ltd")
    account = world.app.place.record_id
    assert is_temporary(account)
    assert isinstance(world.app.screen, RecordViewModel)
    assert world.app.screen.title == "Far Ltd"
    await saved(world, Place("edit", "Account", account), Phone="+44 4")  # it was never sent: it becomes part of it
    assert waiting(world) == [("create", "waiting")]
    found = LookUpViewModel(world.records, ["Account"], world.data.queue)
    await found.search()
    assert [r.id for r in found.records or ()] == [account]
    child = await form_of(world, NEW)
    child.type("Name", "Near Ltd")
    child.choose("ParentId", account, "Far Ltd")
    await child.save()
    assert waiting(world) == [("create", "waiting")] * 2
    again = world.again()
    await again.start(f"/records/Account/{account}", user=None)
    assert [e.title for e in again.data.queue.all()] == ["Far Ltd", "Near Ltd"]
    again.backend.offline = None
    await again.data.sending.run()
    await again.app.settle()
    records = {str(r.fields["Name"]): r for r in world.backend.records.values()}
    assert records["Near Ltd"].fields["ParentId"] == records["Far Ltd"].id
    assert records["Far Ltd"].fields["Phone"] == "+44 4"
    assert again.app.place == Place("record", "Account", records["Far Ltd"].id)
    # What a form that was left open has chosen has an id by now.
    await saved(again, Place("edit", "Account", account), Website="far.example")
    assert again.backend.records[records["Far Ltd"].id].fields["Website"] == "far.example"


async def test_what_refers_to_a_discarded_record_says_so_and_the_rest_goes_on() -> None:
    world = await offline()
    await saved(world, NEW, Name="Far Ltd")
    account = world.app.place.record_id
    child = await form_of(world, NEW)
    child.type("Name", "Near Ltd")
    child.choose("ParentId", account, "Far Ltd")
    await child.save()
    await saved(world, EDIT, Phone="+44 5")
    await saved(world, Place("edit", "Account", account), Phone="+44 6")
    assert await world.data.queue.discard(world.data.queue.all()[0].id)
    await online(world)
    assert waiting(world) == [("create", "refused")]
    assert world.data.queue.all()[0].why.startswith("It refers to a record that was discarded.")
    assert (names(world), world.backend.records["001"].fields["Phone"]) == (["Acme"], "+44 5")


async def test_the_same_field_asks_in_the_form_and_the_rest_goes_on() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 mine")
    await saved(world, NEW, Name="Next Ltd")
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Phone": "+44 theirs"})
    await online(world)
    assert (waiting(world), names(world)) == ([("change", "conflict")], ["Acme", "Next Ltd"])
    await world.app.go(Place("waiting"))
    page = world.app.screen
    assert isinstance(page, WaitingViewModel)
    form = await form_of(world, await page.open(page.edits[0]))
    assert [c.field for c in form.conflicts] == ["Phone"]
    form.decide("Phone", "mine")
    await form.save_decided()
    assert (waiting(world), world.backend.records["001"].fields["Phone"]) == ([], "+44 mine")


async def test_different_fields_go_together() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 mine")
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Industry": "Energy"})
    await online(world)
    fields = world.backend.records["001"].fields
    assert (waiting(world), fields["Phone"], fields["Industry"]) == ([], "+44 mine", "Energy")


async def test_ones_own_change_whose_answer_was_lost_is_no_conflict() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 7")
    world.backend.offline = None
    world.backend.loses.add("updateRecord")
    await world.data.sending.run()
    assert world.backend.records["001"].fields["Phone"] == "+44 7"
    assert waiting(world) == [("change", "waiting")]
    world.backend.offline = OFFLINE
    await world.app.again()
    await saved(world, EDIT, Phone="+44 8")
    await online(world)
    assert (waiting(world), world.backend.records["001"].fields["Phone"]) == ([], "+44 8")


async def test_what_salesforce_refuses_waits_for_the_person() -> None:
    world = await offline()
    await saved(world, NEW, Name="Wrong Ltd")
    world.backend.fails["createRecord"] = RefusedRequest(Reason.INVALID_VALUE, "No such name.")
    world.backend.offline = None
    await world.data.sending.run()
    assert [(e.state, e.why) for e in world.data.queue.all()] == [("refused", "No such name.")]
    page = WaitingViewModel(world.data, world.app.catalogue)
    place = await page.open(page.edits[0])
    form = await form_of(world, place)
    assert text(form, "Name") == "Wrong Ltd"
    form.type("Name", "Right Ltd")
    await form.save()
    await world.data.sending.run()
    assert (waiting(world), names(world)) == ([], ["Acme", "Right Ltd"])


async def test_a_deletion_waits_and_asks_when_somebody_has_changed_the_record() -> None:
    world = await offline()
    await world.app.delete("Account", "001", "Acme")
    await world.pass_time(11)
    assert waiting(world) == [("delete", "waiting")]
    assert isinstance(world.app.screen, ListViewModel)
    assert world.app.screen.items == []
    world.backend.add("001", by="Ada Admin", **{**world.backend.records["001"].fields, "Phone": "+44 9"})
    await online(world)
    assert (waiting(world), names(world)) == ([("delete", "conflict")], ["Acme"])
    page = WaitingViewModel(world.data, world.app.catalogue)
    assert page.retry_words(page.edits[0]) == "Delete anyway"
    await page.insist(page.edits[0])
    await world.data.sending.run()
    assert (waiting(world), names(world)) == ([], [])


async def test_a_record_that_was_never_sent_is_deleted_here() -> None:
    world = await offline()
    await saved(world, NEW, Name="Never Ltd")
    await world.app.delete("Account", world.app.place.record_id, "Never Ltd")
    await world.pass_time(11)
    assert waiting(world) == []
    await online(world)
    assert names(world) == ["Acme"]


async def test_a_record_that_is_gone_says_so() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    world.backend.records.clear()
    world.backend.offline = None
    world.backend.fails["updateRecord"] = NotFound(Reason.RECORD_NOT_FOUND)
    await world.data.sending.run()
    assert waiting(world) == [("change", "gone")]


async def test_after_a_day_nobody_knows_and_after_a_month_the_person_is_asked() -> None:
    world = await offline()
    await saved(world, NEW, Name="Sent Ltd")
    world.backend.offline = None
    world.backend.loses.add("createRecord")
    await world.data.sending.run()
    world.backend.offline = OFFLINE
    await world.app.again()
    await saved(world, EDIT, Phone="+44 2")
    world.time += DAY
    await online(world)
    assert waiting(world) == [("create", "unsure")]
    assert names(world) == ["Acme", "Sent Ltd"]
    world.backend.offline = OFFLINE
    await world.app.again()
    await saved(world, EDIT, Phone="+44 3")
    world.time += WAIT_SECONDS + 1
    await online(world)
    assert waiting(world) == [("create", "unsure"), ("change", "old")]
    await world.data.queue.retry(world.data.queue.all()[1].id)
    await world.data.sending.run()
    assert world.backend.records["001"].fields["Phone"] == "+44 3"


async def test_a_device_that_keeps_nothing_and_a_full_queue_refuse_before_they_accept() -> None:
    world = await offline()
    form = await form_of(world, EDIT)
    form.type("Phone", "+44 2")
    world.device.refuses = True
    await form.save()
    assert form.draft is not None
    assert form.problem is not None
    assert form.problem.message.startswith("You are offline, and this device keeps nothing")
    world.device.refuses = False
    for n in range(MAX_EDITS):
        await world.data.queue.create(ACCOUNT, {"Name": f"{n}"}, f"key{n}", title=f"{n}")
    await form.save()
    assert form.draft is not None
    assert form.problem is not None
    assert form.problem.message.startswith("Too many changes are waiting")
    assert len(world.data.queue.all()) == MAX_EDITS


async def test_it_waits_for_its_own_user_and_a_sign_out_asks() -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    page = AccessViewModel(world.data.access, world.data.queue, world.data.sending)
    assert not await page.ask_to_leave(world.app.handover.waits, everywhere=False)
    assert (page.asks_to_leave, page.waiting) == (True, 1)
    assert not await page.send_first()
    page.stay()
    world.backend.offline = None
    await world.sign_in(ADA)
    await world.data.queue.open(ADA.uid)
    assert world.data.queue.all() == ()
    await world.app.handover.switch("00D_005")
    assert await page.send_first()
    assert world.backend.records["001"].fields["Phone"] == "+44 2"


@pytest.mark.parametrize("way", ["discard", "erase"])
async def test_nothing_stays_of_who_throws_it_away(way: str) -> None:
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    world.backend.holds.clear()
    if way == "discard":
        await world.app.handover.sign_out(discards=True)
    else:
        world.backend.offline = None
        world.backend.fails["updateRecord"] = OFFLINE
        await world.app.handover.erase()
    assert not [key for key in world.device.kept if key.startswith("queue/")]


async def test_one_tap_on_a_record_is_saved_at_once_or_waits() -> None:
    """Such as a task that is done, or another stage."""
    world = await offline()
    record = world.backend.records["001"]
    assert await world.data.sending.change(ACCOUNT, record, {"Industry": "Media"}, title="Acme") is None
    await online(world)
    changed = await world.data.sending.change(ACCOUNT, world.backend.records["001"], {"Phone": "+44 2"}, title="Acme")
    assert changed is not None
    assert (changed.fields["Industry"], changed.fields["Phone"], waiting(world)) == ("Media", "+44 2", [])


async def test_two_windows_send_once_and_see_the_same() -> None:
    world = await offline()
    beside = world.beside()
    await beside.start("/records/Account", user=None)
    await saved(world, NEW, Name="One Ltd")
    await beside.data.queue.look()
    assert [e.title for e in beside.data.queue.all()] == ["One Ltd"]
    world.backend.offline = None
    beside.data.sending.begin()
    world.data.sending.begin()
    await beside.pass_time(0)
    await world.data.sending.run()
    await beside.data.queue.look()
    assert (waiting(world), waiting(beside), names(world)) == ([], [], ["Acme", "One Ltd"])
    assert len(sent(world, "createRecord")) == 1


async def test_an_edit_is_read_as_it_was_kept() -> None:
    world = await offline()
    await saved(world, NEW, Name="Kept Ltd")
    before: tuple[Edit, ...] = world.data.queue.all()
    again = world.again()
    await again.start("/", user=None)
    assert again.data.queue.all() == before


async def test_a_form_as_it_was_left_is_refused_by_nobody() -> None:
    """Nothing waits: a save goes to Salesforce as ever."""
    world = acme()
    form = await editing(world)
    form.type("Phone", "+44 2")
    await form.save()
    assert (waiting(world), world.backend.records["001"].fields["Phone"]) == ([], "+44 2")


async def test_what_one_saves_while_the_network_goes_is_not_kept_for_the_next_user() -> None:
    """The window is handed over while the answer is awaited, and then there is no network."""
    world = acme()
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    await world.start("/records/Account/001", user=None)
    form = await form_of(world, EDIT)
    form.type("Phone", "+44 2")
    held = world.backend.holds["updateRecord"] = asyncio.Event()
    saving = asyncio.create_task(form.save())
    await asyncio.sleep(0.1)
    await world.app.handover.switch(ADA.uid)
    world.backend.offline = OFFLINE
    held.set()
    await saving
    await world.app.settle()
    assert (world.data.queue.uid, world.data.queue.all()) == (ADA.uid, ())


async def test_what_waits_is_never_sent_as_the_next_user() -> None:
    """They take over while it is written down that it is about to leave."""
    world = await offline()
    await saved(world, EDIT, Phone="+44 2")
    world.backend.offline = None
    write = world.data.queue.write

    async def handed_over(edit: Edit) -> None:
        await write(edit)
        world.data.sending._present = lambda: ADA.uid  # pyright: ignore[reportPrivateUsage]

    world.data.queue.write = handed_over
    world.backend.asked.clear()
    await world.data.sending.run()
    assert "updateRecord" not in [name for name, _ in world.backend.asked]
    assert world.backend.records["001"].fields["Phone"] != "+44 2"


async def test_a_completion_that_was_refused_is_accepted_anew() -> None:
    world = await offline()
    queue = world.data.queue
    first = await queue.complete("Task", "00T1", title="Call back")
    await queue.keep(replace(first, state="refused", why="not now"))
    assert not queue.is_completed("00T1")
    await queue.complete("Task", "00T1", title="Call back")
    assert queue.is_completed("00T1")
    assert waiting(world) == [("complete", "waiting")]
