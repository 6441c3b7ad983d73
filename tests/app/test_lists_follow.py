"""A list shows what was saved and deleted elsewhere in the app: without a reload, where it was scrolled to, and for no
more calls than needed.
"""

import asyncio

import pytest

from contract.calls import ListRecords
from contract.errors import OrgUnavailable, Reason
from tests.app.world import World
from ui.app import App
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.list_view_model import PAGE, ListViewModel


def full(count: int = 65) -> World:
    world = World()
    for n in range(count):
        world.backend.add(
            f"001{n:03d}", Name=f"Account {n:03d}", Industry="Media" if n % 2 else "Energy", Phone="+44 1"
        )
    return world


async def scrolled(world: World, pages: int = 2) -> ListViewModel:
    """A list of which some pages are loaded; from now on its calls are counted."""
    app = await world.start("/records/Account")
    listed = app.screen
    assert isinstance(listed, ListViewModel)
    for _ in range(pages - 1):
        await listed.more()
    listed.offset = 1500.0
    world.backend.asked.clear()
    return listed


async def form(app: App, record_id: str = "") -> FormViewModel:
    await app.go(Place("edit", "Account", record_id) if record_id else Place("new", "Account"))
    assert isinstance(app.screen, FormViewModel)
    return app.screen


async def painted(app: App) -> None:
    """A wide window is painted, with the list beside the record."""
    app.list_of("Account")
    await app.settle()


def asked(world: World) -> list[ListRecords]:
    return [request for call, request in world.backend.asked if call == "listRecords"]


def names(listed: ListViewModel) -> list[str]:
    return [str(r.fields["Name"]) for r in listed.items]


async def test_a_changed_row_that_keeps_its_place_costs_no_call() -> None:
    world = full()
    listed = await scrolled(world)
    edit = await form(world.app, "001007")
    edit.type("Phone", "+44 2")
    await edit.save()
    await painted(world.app)
    assert listed.items[7].fields["Phone"] == "+44 2"
    assert (len(listed.items), listed.offset, asked(world)) == (2 * PAGE, 1500.0, [])


@pytest.mark.parametrize("beside", [True, False], ids=["beside the record", "on a phone, on the way back"])
async def test_a_row_that_moves_and_a_new_one_find_their_place(beside: bool) -> None:
    world = full()
    listed = await scrolled(world)
    edit = await form(world.app, "001007")
    edit.type("Name", "Account 0305")
    await edit.save()
    new = await form(world.app)
    new.type("Name", "Account 0005")
    await new.save()
    if beside:
        await painted(world.app)
    else:
        await world.app.go(Place("list", "Account"))
    assert names(listed)[:3] == ["Account 000", "Account 0005", "Account 001"]
    assert "Account 007" not in names(listed)
    assert names(listed)[31] == "Account 0305"
    assert (len(listed.items), listed.offset) == (2 * PAGE, 1500.0)
    assert [(r.limit, r.cursor) for r in asked(world)] == [(2 * PAGE, None)]
    await painted(world.app)
    assert len(asked(world)) == 1


async def test_more_rows_than_one_call_brings_are_all_loaded_again() -> None:
    world = full(400)
    listed = await scrolled(world, pages=8)
    new = await form(world.app)
    new.type("Name", "Account 0005")
    await new.save()
    await painted(world.app)
    assert (len(listed.items), names(listed)[1], names(listed)[-1]) == (8 * PAGE, "Account 0005", "Account 238")
    assert [r.limit for r in asked(world)] == [200, 40]
    await listed.more()
    assert names(listed)[8 * PAGE] == "Account 239"


async def test_a_record_that_leaves_the_filter_leaves_the_list() -> None:
    world = full()
    listed = await scrolled(world, pages=1)
    await listed.choose_filter("Industry", "Media")
    edit = await form(world.app, "001001")
    edit.choose("Industry", "Energy")
    await edit.save()
    await painted(world.app)
    assert names(listed)[0] == "Account 003"


async def test_what_is_deleted_goes_at_once_and_undone_is_back_without_a_call() -> None:
    world = full()
    listed = await scrolled(world)
    await world.app.delete("Account", "001001", "Account 001")
    assert names(listed)[:2] == ["Account 000", "Account 002"]
    assert world.app.notices.newest is not None
    assert world.app.notices.newest.run is not None
    told: list[str] = []
    listed.listen(lambda: told.append(names(listed)[1]))
    await world.app.notices.newest.run()
    assert told[0] == "Account 001"
    await world.app.delete("Account", "001001", "Account 001")
    await world.pass_time(10)
    await painted(world.app)
    assert names(listed)[:2] == ["Account 000", "Account 002"]
    assert (len(listed.items), listed.offset, asked(world)) == (2 * PAGE - 1, 1500.0, [])


async def test_an_answer_that_was_asked_for_before_a_delete_does_not_bring_the_record_back() -> None:
    world = full()
    listed = await scrolled(world)
    await world.app.delete("Account", "001001", "Account 001")
    before = list(listed.items)
    held = world.backend.holds["listRecords"] = asyncio.Event()
    record = world.backend.records["001001"]
    coming = asyncio.create_task(listed.refresh())
    await asyncio.sleep(0)
    listed.note_deleted("001001")
    assert not listed.loading
    held.set()
    await coming
    assert listed.items == before
    assert record.id not in [r.id for r in listed.items]
    assert listed.stale


async def test_a_list_that_cannot_be_loaded_again_says_so_and_is_asked_once() -> None:
    world = full()
    listed = await scrolled(world)
    new = await form(world.app)
    new.type("Name", "Account 0005")
    await new.save()
    world.backend.fails["listRecords"] = OrgUnavailable(Reason.ORG_BUSY)
    for _ in range(3):
        await painted(world.app)
    assert (listed.problem is not None, len(listed.items), len(asked(world))) == (True, 2 * PAGE, 1)
    await world.app.go(Place("list", "Account"))
    assert names(listed)[1] == "Account 0005"
