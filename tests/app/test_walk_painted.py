"""What a salesperson sees who changes their mind, and whose picklists come late or not at all."""

import asyncio

import flet as ft

from contract.errors import OrgUnavailable, Reason
from tests.app.test_guard import Screen
from tests.app.test_owner_views import controls, tap_words
from tests.app.test_people import BUSINESS, PERSON, people
from tests.app.test_record_types import NEW, RENEWAL, deals
from tests.app.test_record_types_painted import Form
from tests.app.world import World
from ui.records import offers

LATE = "The values of this record type are still on their way. You can begin already."
MISSING = "The values of this record type did not come. Salesforce checks yours when you save."


async def _screen(world: World) -> Screen:
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()
    return screen


async def test_a_form_says_that_its_values_are_late_and_that_they_did_not_come() -> None:
    world = deals()
    offers.PATIENCE, patience = 0.01, offers.PATIENCE
    try:
        screen = await _screen(world)
        form = Form(screen)
        held = world.backend.holds["getPicklists"] = asyncio.Event()
        world.backend.fails["getPicklists"] = OrgUnavailable(Reason.ORG_BUSY)
        opening = asyncio.create_task(screen.show("/records/Opportunity/new"))
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if LATE in form.texts():
                break
        assert LATE in form.texts()
        assert form.values("StageName *") == ["First", "Second", "Won"]
        held.set()
        await opening
        assert MISSING in form.texts()
        assert LATE not in form.texts()
        await tap_words(screen, "Try again")
        assert MISSING not in form.texts()
        assert form.values("StageName *") == ["First", "Second"]
        assert screen.window.crashed == []
        await screen.close()
    finally:
        offers.PATIENCE = patience


async def test_a_type_changed_back_is_painted_as_it_was() -> None:
    screen = await _screen(deals())
    await screen.show("/records/Opportunity/new")
    form = Form(screen)
    await form.select("Kind", "Bus")
    await form.select("Record type *", RENEWAL)
    removed = "“Bus” was removed: records of this type do not have it."
    assert (form.choice("Kind").value, removed in form.texts()) == ("", True)
    await form.select("Record type *", NEW)
    assert (form.choice("Kind").value, removed in form.texts()) == ("Bus", False)
    await form.select("Kind", "")
    assert form.choice("Load").disabled
    assert screen.window.crashed == []
    await screen.close()


async def test_what_is_typed_for_a_business_is_there_again_after_a_look_at_a_person() -> None:
    screen = await _screen(people())
    await screen.show("/records/Account/new")
    form = Form(screen)

    def box(label: str) -> ft.TextField:
        (found,) = [c for c in screen.controls() if isinstance(c, ft.TextField) and c.label == label]
        return found

    async def write(label: str, text: str) -> None:
        screen.session.apply_patch(box(label)._i, {"value": text})  # pyright: ignore[reportPrivateUsage]
        await screen.tap(box(label), "change")
        await screen.painted()

    await write("Account Name *", "Ruiz Ltd")
    await form.select("Record type *", PERSON)
    await write("Last Name *", "Ruiz")
    await form.select("Record type *", BUSINESS)
    assert box("Account Name *").value == "Ruiz Ltd"
    await form.select("Record type *", PERSON)
    assert box("Last Name *").value == "Ruiz"
    assert screen.window.crashed == []
    await screen.close()


async def test_what_stands_below_a_field_may_take_several_lines() -> None:
    """Flutter gives it one, and cuts off the rest: German is long."""
    screen = await _screen(people())
    await screen.show("/records/Account/new")
    boxes = [c for c in controls(screen) if isinstance(c, ft.TextField)]
    choices = [c for c in controls(screen) if isinstance(c, ft.Dropdown)]
    assert boxes
    assert choices
    assert all((b.error_max_lines or 0) > 1 and (b.helper_max_lines or 0) > 1 for b in boxes)
    assert not any(c.helper_text or c.error_text for c in choices), "a drop-down has no way to say how many"
    await screen.close()
