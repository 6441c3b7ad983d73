"""Whose a record is, as the app shows and changes it: taken out of a queue by one tap, given back, filtered by."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import (
    FieldShape,
    FindOwners,
    Objects,
    Owner,
    Owners,
    Record,
    Section,
    SobjectShape,
    Updated,
    UpdateRecord,
    User,
)
from contract.errors import NotFound, OrgUnavailable, Reason, RefusedRequest
from data.repositories.merge import Conflict
from tests import virtual_time
from tests.app.world import ACCOUNT, ADA, CONTACT, SAM, MemoryBackend, World
from tests.depth import examples
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import ListViewModel
from ui.records.owner_view_model import FindOwnerViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import values

pytestmark = pytest.mark.virtual_time

QUEUE = Owner("00G1", "Support", is_queue=True)
PEOPLE = (
    Owner(ADA.user_id, ADA.name, title="System Administrator"),
    Owner(SAM.user_id, SAM.name, title="Account Executive"),
)
CASE = SobjectShape(
    sobject="Case",
    label="Case",
    label_plural="Cases",
    key_prefix="500",
    fields=(
        FieldShape("Name", "Subject", "string", True, True, True, 255),
        FieldShape("Status", "Status", "string", False, True, True, 40),
        FieldShape(
            "OwnerId", "Owner ID", "reference", False, True, True, 18, refers_to=("Group", "User"),
            relationship="Owner", caption="Case Owner",
        ),
    ),
    owner="OwnerId",
    filters=("OwnerId",),
    listed=("Name", "Status"),
    sections=(Section("", ("Name", "Status", "OwnerId")),),
    creatable=True,
    editable=True,
)  # fmt: skip


class QueueBackend(MemoryBackend):
    """Records that belong to somebody: a user, or a queue."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects((ACCOUNT, CONTACT, CASE), "https://acme.my.salesforce.com")
        self.gone = False  # whether whoever changes a record may see it no more

    def queued(self, record_id: str = "500A", **fields: Any) -> Record:
        return self.add(record_id, **{"Name": "Delivery was late", **fields, **owned_by(QUEUE)})

    def _findOwners(self, request: FindOwners) -> Owners:
        text = (request.search or "").lower()
        return Owners(tuple(o for o in (QUEUE, *PEOPLE) if text in o.name.lower()))

    def _updateRecord(self, request: UpdateRecord) -> Updated:
        owner = next((o for o in (QUEUE, *PEOPLE) if o.id == request.fields.get("OwnerId")), None)
        told = {} if owner is None else owned_by(owner)
        updated = super()._updateRecord(replace(request, fields={**request.fields, **told}))
        if not self.gone:
            return updated
        del self.records[request.id]
        return Updated(Record(request.id, dict(request.fields)))


def owned_by(owner: Owner) -> dict[str, Any]:
    return {"OwnerId": owner.id, "Owner.Name": owner.name, "Owner.Type": "Queue" if owner.is_queue else "User"}


async def opened(world: World, user: User = SAM) -> RecordViewModel:
    app = await world.start("/records/Case/500A", user=user)
    assert isinstance(app.screen, RecordViewModel)
    return app.screen


async def taken() -> tuple[QueueBackend, World, RecordViewModel, Callable[[], Awaitable[None]]]:
    """A queue's record that Sam has taken over, and the way back that the notice offers."""
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    await page.ownership.take()
    notice = world.app.notices.newest
    assert notice is not None
    assert notice.run is not None
    return backend, world, page, notice.run


def said(world: World) -> str:
    return "" if world.app.notices.newest is None else world.app.notices.newest.text


def lines(page: RecordViewModel) -> dict[str, str]:
    return {line.label: line.text for group in page.groups for line in group.lines}


async def test_the_page_says_who_owns_it_in_salesforces_words_and_that_it_is_a_queue() -> None:
    world = World(QueueBackend())
    world.backend.add("500A", Name="Late", **owned_by(PEOPLE[0]))
    page = await opened(world)
    assert lines(page)["Case Owner"] == "Ada Admin"
    assert not page.ownership.can_take
    world.backend.add("500A", Name="Late", **owned_by(QUEUE))
    await page.load()
    assert lines(page)["Case Owner"] == "Support (queue)"
    assert page.ownership.can_take


async def test_one_tap_takes_it_and_it_can_be_given_back() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    await page.ownership.take()
    assert backend.records["500A"].fields["OwnerId"] == SAM.user_id
    assert lines(page)["Case Owner"] == "Sam Sales"
    assert not page.ownership.can_take
    assert said(world) == "Delivery was late is yours now."
    notice = world.app.notices.newest
    assert notice is not None
    assert notice.action == "Undo"
    assert notice.run is not None
    await world.pass_time(9.0)
    assert world.app.notices.newest is notice
    await notice.run()
    assert backend.records["500A"].fields["OwnerId"] == QUEUE.id
    assert said(world) == "Delivery was late is back in Support."
    assert page.ownership.can_take
    await notice.run()  # a second tap on a notice that is going
    await world.pass_time(10.0)
    assert world.app.notices.newest is None
    assert backend.records["500A"].fields["OwnerId"] == QUEUE.id


async def test_of_two_who_take_it_one_wins_and_the_other_reads_who_has_it() -> None:
    backend = QueueBackend()
    backend.queued()
    worlds = [World(backend), World(backend)]
    pages = [await opened(world, user) for world, user in zip(worlds, (SAM, ADA), strict=True)]
    await pages[1].ownership.take()
    await pages[0].ownership.take()
    assert backend.records["500A"].fields["OwnerId"] == ADA.user_id
    assert said(worlds[1]) == "Delivery was late is yours now."
    assert said(worlds[0]) == "Ada Admin has it now."
    assert lines(pages[0])["Case Owner"] == "Ada Admin"
    assert not pages[0].ownership.can_take


async def test_what_others_change_beside_the_owner_keeps_nobody_from_taking_it() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    backend.queued(Status="Escalated")
    await page.ownership.take()
    fields = backend.records["500A"].fields
    assert (fields["OwnerId"], fields["Status"]) == (SAM.user_id, "Escalated")
    assert said(world) == "Delivery was late is yours now."


async def test_who_has_it_already_from_another_window_is_told_that_it_is_theirs() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    backend.add("500A", Name="Delivery was late", **owned_by(PEOPLE[1]))
    await page.ownership.take()
    assert said(world) == "Delivery was late is yours now."
    assert lines(page)["Case Owner"] == "Sam Sales"


async def test_a_record_that_one_gave_back_and_may_see_no_more_leaves_the_page() -> None:
    """In an org with private sharing, for somebody who is no member of the queue any more."""
    backend, world, page, give_back = await taken()
    backend.gone = True
    await give_back()
    assert said(world) == "Delivery was late is back in Support."
    assert page.record is None


async def test_nobody_gives_back_what_the_user_before_has_taken() -> None:
    backend, world, _page, give_back = await taken()
    await world.sign_in(ADA)
    backend.asked.clear()
    await give_back()
    assert backend.records["500A"].fields["OwnerId"] == SAM.user_id
    assert [name for name, _ in backend.asked if name == "updateRecord"] == []


async def test_giving_it_back_takes_it_from_nobody_else() -> None:
    backend, world, _page, give_back = await taken()
    backend.add("500A", Name="Delivery was late", **owned_by(PEOPLE[0]))
    await give_back()
    assert backend.records["500A"].fields["OwnerId"] == ADA.user_id
    assert said(world) == "Ada Admin has it now."


@pytest.mark.parametrize("failure", [
    RefusedRequest(Reason.NOT_PERMITTED), OrgUnavailable(Reason.ORG_BUSY), NotFound(Reason.RECORD_NOT_FOUND),
])  # fmt: skip
async def test_what_is_refused_is_said_and_can_be_tried_again(failure: RefusedRequest | OrgUnavailable) -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    backend.fails["updateRecord"] = failure
    await page.ownership.take()
    assert said(world) == failure.message
    assert page.ownership.can_take
    await page.ownership.take()
    assert said(world) == "Delivery was late is yours now."


@pytest.mark.parametrize("shape", [
    replace(CASE, editable=False),
    replace(CASE, owner=""),
    replace(CASE, fields=(*CASE.fields[:2], replace(CASE.fields[2], editable=False))),
])  # fmt: skip
async def test_who_may_not_change_the_owner_is_not_offered_it(shape: SobjectShape) -> None:
    backend = QueueBackend()
    backend.objects = Objects((shape,), "https://x")
    backend.queued()
    assert not (await opened(World(backend))).ownership.can_take


async def test_a_second_tap_while_the_first_is_under_way_does_nothing() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    held = backend.holds["updateRecord"] = asyncio.Event()
    taps = [asyncio.create_task(page.ownership.take()) for _ in range(2)]
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(*taps)
    assert [name for name, _ in backend.asked].count("updateRecord") == 1


STEP = st.tuples(st.integers(0, 1), st.sampled_from(["take", "undo", "change", "look"]))


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(STEP, max_size=14))
def test_nobody_loses_a_record_that_they_took(steps: list[tuple[int, str]]) -> None:
    virtual_time.run(_two_take_and_give_back(steps))


async def _two_take_and_give_back(steps: list[tuple[int, str]]) -> None:
    """Two people take and give back in any order. Whoever is told that it is theirs has it until they give it back."""
    backend = QueueBackend()
    backend.queued(Status="0")
    people = (SAM, ADA)
    worlds = [World(backend), World(backend)]
    pages = [await opened(world, user) for world, user in zip(worlds, people, strict=True)]
    holder: int | None = None
    for number, (who, what) in enumerate(steps):
        world, page = worlds[who], pages[who]
        if what == "take" and page.ownership.can_take:
            await page.ownership.take()
            if holder is None:
                assert said(world) == "Delivery was late is yours now."
                holder = who
            else:
                assert said(world) == f"{people[holder].name} has it now." or holder == who
        elif what == "undo":
            notice = world.app.notices.newest
            if notice is not None and notice.run is not None:
                await notice.run()
                holder = None if holder == who else holder
        elif what == "change":
            fields: dict[str, Any] = backend.records["500A"].fields
            backend.add("500A", **{**fields, "Status": str(number)})
        else:
            await page.load()
        owner = backend.records["500A"].fields["OwnerId"]
        assert owner == (QUEUE.id if holder is None else people[holder].user_id)


# In lists and forms


async def test_a_list_is_filtered_by_somebody_else_or_a_queue_and_the_chip_says_whom() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    backend.add("500B", Name="Another", **owned_by(PEOPLE[0]))
    app = await world.start("/records/Case")
    assert isinstance(app.screen, ListViewModel)
    listed = app.screen
    await listed.choose_owner(QUEUE.id, QUEUE.name)
    assert [r.id for r in listed.items] == ["500A"]
    assert listed.owner_name == "Support"
    await listed.choose_filter("OwnerId", None)
    assert listed.owner_name == ""
    assert len(listed.items) == 2
    assert [name for name, _ in backend.asked].count("findOwners") == 0, "nobody has asked for a queue"


async def test_owners_are_looked_up_among_queues_and_users() -> None:
    backend = QueueBackend()
    world = World(backend)
    await world.start("/")
    model = FindOwnerViewModel(world.app.records, CASE)
    assert model.label == "Search users and queues"
    await model.search()
    assert model.records is not None
    assert [model.words(r) for r in model.records] == [
        ("Support", "Queue"), ("Ada Admin", "System Administrator"), ("Sam Sales", "Account Executive"),
    ]  # fmt: skip
    await model.type("sam")
    assert [r.id for r in model.records] == [SAM.user_id]
    of_users = replace(CASE, fields=(replace(CASE.fields[2], refers_to=("User",)),))
    assert FindOwnerViewModel(world.app.records, of_users).label == "Search users"
    backend.fails["findOwners"] = OrgUnavailable(Reason.ORG_BUSY)
    await model.search()
    assert model.problem is not None


async def editing(world: World) -> FormViewModel:
    app = await world.start("/records/Case/500A/edit")
    assert isinstance(app.screen, FormViewModel)
    return app.screen


async def test_the_form_of_a_record_changes_its_owner_and_never_leaves_it_without_one() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    form = await editing(world)
    owner = values.fields_of(CASE)["OwnerId"]
    assert form.name_of(owner) == "Support (queue)"
    form.choose("OwnerId", "", "")
    await form.save()
    assert form.errors == {"OwnerId": "This cannot be empty."}
    form.choose("OwnerId", ADA.user_id, ADA.name)
    assert form.name_of(owner) == "Ada Admin"
    await form.save()
    assert backend.records["500A"].fields["OwnerId"] == ADA.user_id


async def test_a_new_record_is_not_asked_for_an_owner() -> None:
    """Salesforce makes whoever creates it the owner."""
    world = World(QueueBackend())
    await world.start("/")
    await world.app.go(Place("new", "Case"))
    assert isinstance(world.app.screen, FormViewModel)
    assert [f.name for f in world.app.screen.fields] == ["Name", "Status"]


async def test_an_owner_whom_two_have_changed_is_asked_about_by_name() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    form = await editing(world)
    form.choose("OwnerId", SAM.user_id, SAM.name)
    backend.add("500A", Name="Delivery was late", **owned_by(PEOPLE[0]))
    await form.save()
    (conflict,) = form.conflicts
    assert conflict == Conflict("OwnerId", SAM.user_id, ADA.user_id)
    assert (form.text_of_mine(conflict), form.text_of_theirs(conflict)) == ("Sam Sales", "Ada Admin")


async def test_who_is_offline_when_they_give_it_back_may_try_again() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    await page.ownership.take()
    first = world.app.notices.newest
    assert first is not None
    assert first.run is not None
    backend.offline = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await first.run()
    assert said(world) == backend.offline.message
    backend.offline = None
    (again,) = [n for n in world.app.notices.all if n.run is not None]
    assert again.text == "Delivery was late is yours now."
    await world.pass_time(9.0)
    assert again.run is not None
    await again.run()
    assert backend.records["500A"].fields["OwnerId"] == QUEUE.id
    assert said(world) == "Delivery was late is back in Support."


async def test_an_answer_that_is_lost_leaves_it_with_whoever_took_it_and_a_second_tap_says_so() -> None:
    backend = QueueBackend()
    world = World(backend)
    backend.queued()
    page = await opened(world)
    backend.loses.add("updateRecord")
    await page.ownership.take()
    assert (page.ownership.changing, page.ownership.can_take) == (False, True)
    await page.ownership.take()
    assert said(world) == "Delivery was late is yours now."
    assert lines(page)["Case Owner"] == "Sam Sales"
