"""Forms of objects with record types and dependent picklists, without a screen."""

import asyncio
from dataclasses import replace

import pytest

from contract.calls import FieldShape, Objects, Section, SobjectShape
from contract.errors import OrgUnavailable, Reason, RefusedRequest
from contract.picklists import Picklist, Picklists, RecordType
from tests.app.forms import editing, sent, text
from tests.app.world import ACCOUNT, World
from ui.records.form_view_model import FormViewModel
from ui.records.record_view_model import RecordViewModel

pytestmark = pytest.mark.virtual_time
NEW, RENEWAL = "012000000000001AAA", "012000000000002AAA"
TYPE = FieldShape("RecordTypeId", "Record Type ID", "reference", False, True, True, 18, refers_to=("RecordType",),
                  relationship="RecordType", caption="Record Type")  # fmt: skip


def picklist(name: str, *values: str, required: bool = False, **more: object) -> FieldShape:
    return replace(FieldShape(name, name, "picklist", required, True, True, 0, values), **more)  # type: ignore[arg-type]


DEAL = SobjectShape(
    "Opportunity",
    "Deal",
    "Deals",
    (
        FieldShape("Name", "Name", "string", True, True, True, 80),
        TYPE,
        picklist("StageName", "First", "Second", "Won", required=True, labels={"First": "Erste"}),
        picklist("Type", "New", "Old", default="Old"),
        FieldShape("Rush", "Rush", "boolean", False, True, True),
        picklist("Ship", "Truck", "Plane", controller="Rush",
                 valid_for={"Truck": ("false", "true"), "Plane": ("true",)}),
        picklist("Kind", "Car", "Van", "Bus"),
        picklist("Load", "Small", "Large", controller="Kind", valid_for={"Small": ("Car", "Van"), "Large": ("Van",)}),
        replace(picklist("Extras", "Hook", "Rack", controller="Load",
                         valid_for={"Hook": ("Small", "Large"), "Rack": ("Large",)}), type="multipicklist"),
    ),
    sections=(
        Section("", ("Name", "StageName", "Type", "Rush", "Ship", "Kind", "Load", "Extras")),
        Section("System", ("RecordTypeId",)),
    ),
    listed=("Name",),
    creatable=True,
    editable=True,
    key_prefix="006",
    record_type="RecordTypeId",
    record_types=(RecordType(NEW, "New Business", True), RecordType(RENEWAL, "Renewal")),
)  # fmt: skip
HELD = {
    NEW: Picklists({"StageName": Picklist(("First", "Second"), {}, "First"), "Type": Picklist(("New",), {}, "New")}),
    RENEWAL: Picklists({"StageName": Picklist(("Second", "Won")), "Type": Picklist(("Old", "New"), {}, "Old"),
                        "Kind": Picklist(("Car", "Van")),
                        "Load": Picklist(("Small",), valid_for={"Small": ("Car",)})}),
}  # fmt: skip


def deals(shape: SobjectShape = DEAL) -> World:
    world = World()
    world.backend.objects = Objects((ACCOUNT, shape), "https://acme.my.salesforce.com")
    world.backend.picklists = dict(HELD)
    return world


def offered(form: FormViewModel, name: str) -> tuple[str, ...]:
    return form.offered(next(f for f in form.fields if f.name == name))


def waits(form: FormViewModel, name: str) -> str | None:
    field = form.waits_for(next(f for f in form.fields if f.name == name))
    return None if field is None else field.name


async def new_deal(world: World, query: str = "") -> FormViewModel:
    return await editing(world, f"/records/Opportunity/new{query}")


# The type of a new record


async def test_the_default_type_is_chosen_and_its_defaults_are_filled_in() -> None:
    world = deals()
    form = await new_deal(world)
    assert [t.name for t in form.record_types] == ["New Business", "Renewal"]
    assert (form.record_type, form.dirty) == (NEW, False)
    assert (text(form, "StageName"), offered(form, "StageName")) == ("First", ("First", "Second"))
    assert (text(form, "Type"), offered(form, "Type")) == ("New", ("New",))
    assert "RecordTypeId" not in [f.name for f in form.fields]
    form.type("Name", "One")
    await form.save()
    (made,) = sent(world, "createRecord")
    assert made.fields == {
        "RecordTypeId": NEW, "Name": "One", "StageName": "First", "Type": "New", "Rush": False,
    }  # fmt: skip


async def test_another_type_has_other_picklists_and_what_it_does_not_have_is_removed_and_said() -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    form.choose("Kind", "Bus")
    await form.choose_type(RENEWAL)
    assert offered(form, "StageName") == ("Second", "Won")
    assert [text(form, n) for n in ("Name", "StageName", "Type", "Kind")] == ["One", "", "Old", ""]
    assert form.hints == {"Kind": "“Bus” was removed: records of this type do not have it."}
    await form.save()
    assert form.errors == {"StageName": "This cannot be empty."}
    form.choose("StageName", "Won")
    form.choose("Kind", "Van")
    assert form.hints == {}
    await form.save()
    (made,) = sent(world, "createRecord")
    assert (made.fields["RecordTypeId"], made.fields["StageName"], made.fields["Type"]) == (RENEWAL, "Won", "Old")


async def test_the_picklists_of_a_type_are_fetched_once_and_shown_at_once_on_the_next_visit() -> None:
    world = deals()
    form = await new_deal(world)
    for record_type in (RENEWAL, NEW, RENEWAL):
        await form.choose_type(record_type)
    assert [r.record_type for r in sent(world, "getPicklists")] == [NEW, RENEWAL]
    again = world.again()
    again.backend.asked.clear()
    held = again.backend.holds["getPicklists"] = asyncio.Event()
    opening = asyncio.create_task(new_deal(again))
    shown = asyncio.Event()
    again.app.listen(lambda: shown.set() if isinstance(again.app.screen, FormViewModel) else None)
    await asyncio.wait_for(shown.wait(), 5)
    screen = again.app.screen
    assert isinstance(screen, FormViewModel)
    if screen.draft is None:
        painted = asyncio.Event()
        screen.listen(lambda: painted.set() if screen.draft is not None else None)
        await asyncio.wait_for(painted.wait(), 5)
    assert offered(screen, "StageName") == ("First", "Second"), "as the device kept it"
    held.set()
    await opening


async def test_the_address_of_a_form_may_say_the_type() -> None:
    form = await new_deal(deals(), f"?RecordTypeId={RENEWAL[:15]}")
    assert (form.record_type, form.dirty) == (RENEWAL, False)
    form = await new_deal(deals(), "?RecordTypeId=012000000000009AAA")
    assert form.record_type == NEW


async def test_a_draft_keeps_its_type() -> None:
    world = deals()
    form = await new_deal(world)
    await form.choose_type(RENEWAL)
    assert form.dirty
    form.choose("StageName", "Won")
    await world.drafts.settle()
    again = await new_deal(world.again())
    assert (again.record_type, text(again, "StageName"), offered(again, "Type")) == (RENEWAL, "Won", ("Old", "New"))


async def test_without_a_default_the_type_is_asked_for_first() -> None:
    types = tuple(replace(t, default=False) for t in DEAL.record_types)
    world = deals(replace(DEAL, record_types=types))
    form = await new_deal(world)
    assert (form.record_type, form.sections, form.dirty) == ("", [], False)
    await form.save()
    assert form.errors["RecordTypeId"] == "This cannot be empty."
    assert sent(world, "createRecord") == sent(world, "getPicklists") == []
    await form.choose_type(RENEWAL)
    assert "RecordTypeId" not in form.errors
    assert form.sections


async def test_who_has_one_type_only_is_not_asked() -> None:
    world = deals(replace(DEAL, record_types=(RecordType(RENEWAL, "Renewal"),)))
    form = await new_deal(world)
    assert (form.record_types, form.record_type) == ((), RENEWAL)
    form.type("Name", "One")
    form.choose("StageName", "Won")
    await form.save()
    assert sent(world, "createRecord")[0].fields["RecordTypeId"] == RENEWAL


async def test_where_the_picklists_cannot_be_had_the_fields_own_values_stay() -> None:
    world = deals()
    world.backend.fails["getPicklists"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    form = await new_deal(world)
    assert (form.record_type, offered(form, "StageName")) == (NEW, ("First", "Second", "Won"))


async def test_an_object_without_types_asks_for_nothing() -> None:
    world = deals()
    form = await editing(world, "/records/Account/new")
    assert (form.record_types, form.record_type) == ((), "")
    form.type("Name", "Acme")
    await form.save()
    assert "RecordTypeId" not in sent(world, "createRecord")[0].fields
    assert sent(world, "getPicklists") == []


async def test_a_type_that_salesforce_refuses_is_said_beside_the_choice_and_another_one_saves() -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    refused = RefusedRequest(Reason.RECORD_TYPE_NOT_AVAILABLE, details={"fields": ["RecordTypeId"]})
    world.backend.fails["createRecord"] = refused
    await form.save()
    assert form.errors == {"RecordTypeId": refused.message}
    await form.choose_type(RENEWAL)
    assert form.errors == {}
    form.choose("StageName", "Won")
    await form.save()
    assert sent(world, "createRecord")[-1].fields["RecordTypeId"] == RENEWAL


@pytest.mark.parametrize("reason", [Reason.VALUE_NOT_IN_PICKLIST, Reason.RECORD_TYPE_NOT_AVAILABLE])
async def test_a_refusal_after_a_lost_answer_is_corrected_and_sent_anew(reason: Reason) -> None:
    """The backend looks for what the key was used for before Salesforce refuses a value: nothing was made."""
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    world.backend.fails["createRecord"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    await form.save()
    form.type("Name", "Two")
    world.backend.fails["createRecord"] = RefusedRequest(reason, details={"fields": ["Type"]})
    await form.save()
    assert [r.fields["Name"] for r in sent(world, "createRecord")] == ["One", "One", "Two"]
    assert not form.unsure


# A record that is there


async def test_a_record_is_edited_with_the_picklists_of_its_own_type() -> None:
    world = deals()
    world.backend.add("0061", Name="One", StageName="Old stage", Type="New", Kind="Bus", RecordTypeId=RENEWAL,
                      **{"RecordType.Name": "Renewal"})  # fmt: skip
    form = await editing(world, "/records/Opportunity/0061/edit")
    assert (form.record_types, form.record_type) == ((), RENEWAL)
    assert (text(form, "StageName"), offered(form, "StageName")) == ("Old stage", ("Second", "Won"))
    assert (text(form, "Kind"), form.dirty, form.hints) == ("Bus", False, {})
    form.choose("StageName", "Won")
    await form.save()
    assert sent(world)[0].fields == {"StageName": "Won"}


async def test_the_page_of_a_record_names_its_type() -> None:
    world = deals()
    world.backend.add("0061", Name="One", RecordTypeId=RENEWAL, **{"RecordType.Name": "Renewal"})
    app = await world.start("/records/Opportunity/0061")
    assert isinstance(app.screen, RecordViewModel)
    lines = {line.label: line.text for group in app.screen.groups for line in group.lines}
    assert lines["Record Type"] == "Renewal"


async def test_a_record_of_the_master_type_has_the_fields_own_values() -> None:
    world = deals()
    world.backend.add("0061", Name="One", RecordTypeId=None)
    form = await editing(world, "/records/Opportunity/0061/edit")
    assert (form.record_type, offered(form, "StageName")) == ("", ("First", "Second", "Won"))
    assert sent(world, "getPicklists") == []


async def test_a_type_changed_after_a_lost_save_becomes_a_change_of_the_record() -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    world.backend.loses.add("createRecord")
    await form.save()
    await form.choose_type(RENEWAL)
    form.choose("StageName", "Won")
    await form.save()
    (record,) = world.backend.records.values()
    assert (record.fields["RecordTypeId"], record.fields["StageName"]) == (RENEWAL, "Won")


# What depends on what


async def test_a_dependent_picklist_waits_for_its_controlling_field_and_follows_it() -> None:
    form = await new_deal(deals())
    assert (waits(form, "Load"), offered(form, "Load")) == ("Kind", ())
    form.choose("Kind", "Van")
    assert (waits(form, "Load"), offered(form, "Load"), waits(form, "Extras")) == (None, ("Small", "Large"), "Load")
    form.choose("Load", "Large")
    form.choose("Extras", "Hook;Rack")
    form.choose("Kind", "Car")
    assert [text(form, n) for n in ("Kind", "Load", "Extras")] == ["Car", "", ""]
    assert form.hints == {
        "Load": "“Large” was removed: it does not go with Kind.",
        "Extras": "“Hook, Rack” was removed: it does not go with Load.",
    }
    form.choose("Load", "Small")
    assert form.hints == {"Extras": "“Hook, Rack” was removed: it does not go with Load."}
    form.choose("Kind", "Bus")
    assert (waits(form, "Load"), offered(form, "Load")) == (None, ())


async def test_of_several_values_those_that_go_stay() -> None:
    form = await new_deal(deals())
    form.choose("Kind", "Van")
    form.choose("Load", "Large")
    form.choose("Extras", "Hook;Rack")
    form.choose("Load", "Small")
    assert text(form, "Extras") == "Hook"
    assert form.hints == {"Extras": "“Hook, Rack” was removed: it does not go with Load."}


async def test_a_checkbox_controls_too_and_is_never_empty() -> None:
    form = await new_deal(deals())
    assert (waits(form, "Ship"), offered(form, "Ship")) == (None, ("Truck",))
    form.choose("Rush", "true")
    assert offered(form, "Ship") == ("Truck", "Plane")
    form.choose("Ship", "Plane")
    form.choose("Rush", "")
    assert (text(form, "Ship"), form.hints) == ("", {"Ship": "“Plane” was removed: it does not go with Rush."})


async def test_a_type_narrows_what_goes_together() -> None:
    form = await new_deal(deals())
    form.choose("Kind", "Van")
    form.choose("Load", "Large")
    await form.choose_type(RENEWAL)
    assert (text(form, "Kind"), text(form, "Load"), offered(form, "Load")) == ("Van", "", ())
    assert form.hints == {"Load": "“Large” was removed: records of this type do not have it."}


async def test_a_value_from_before_that_does_not_go_stays_until_its_controlling_field_is_changed() -> None:
    world = deals()
    world.backend.add("0061", Name="One", StageName="Won", Kind="Car", Load="Large", Extras=None)
    form = await editing(world, "/records/Opportunity/0061/edit")
    assert (text(form, "Load"), form.dirty) == ("Large", False)
    form.choose("StageName", "First")
    assert text(form, "Load") == "Large"
    form.choose("Kind", "Bus")
    assert text(form, "Load") == ""
    await form.save()
    assert sent(world)[0].fields == {"StageName": "First", "Kind": "Bus", "Load": None}


async def test_without_its_controlling_field_a_picklist_is_free() -> None:
    fields = tuple(f for f in DEAL.fields if f.name != "Kind")
    form = await new_deal(deals(replace(DEAL, fields=fields)))
    assert (waits(form, "Load"), offered(form, "Load")) == (None, ("Small", "Large"))


async def test_a_default_that_does_not_go_with_the_others_is_left_out() -> None:
    fields = tuple(replace(f, default={"Kind": "Car", "Load": "Large", "Extras": "Hook"}.get(f.name, f.default))
                   for f in DEAL.fields)  # fmt: skip
    form = await new_deal(deals(replace(DEAL, fields=fields)))
    assert [text(form, n) for n in ("Kind", "Load", "Extras")] == ["Car", "", ""]
    assert (form.dirty, form.hints) == (False, {})


async def test_a_required_picklist_with_nothing_to_choose_from_does_not_hold_the_save_back() -> None:
    fields = tuple(replace(f, required=True) if f.name == "Load" else f for f in DEAL.fields)
    world = deals(replace(DEAL, fields=fields))
    form = await new_deal(world)
    form.type("Name", "One")
    form.choose("Kind", "Car")
    await form.save()
    assert form.errors == {"Load": "This cannot be empty."}
    form.choose("Kind", "Bus")
    await form.save()
    assert [r.fields["Kind"] for r in sent(world, "createRecord")] == ["Bus"]


async def test_nothing_is_saved_while_the_picklists_of_a_chosen_type_are_on_their_way() -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    held = world.backend.holds["getPicklists"] = asyncio.Event()
    choosing = asyncio.create_task(form.choose_type(RENEWAL))
    await asyncio.sleep(0)
    await form.save()
    assert sent(world, "createRecord") == []
    held.set()
    await choosing
    assert (text(form, "StageName"), text(form, "Type")) == ("", "Old")


async def test_a_form_that_is_left_while_its_picklists_are_on_their_way_stays_left() -> None:
    world = deals()
    form = await new_deal(world)
    held = world.backend.holds["getPicklists"] = asyncio.Event()
    choosing = asyncio.create_task(form.choose_type(RENEWAL))
    await asyncio.sleep(0)
    form.throw_away()
    held.set()
    await choosing
    assert (form.draft, world.drafts.all()) == (None, ())


@pytest.mark.parametrize(("left", "goes_on_with"), [((NEW,), NEW), ((), "")])
async def test_a_draft_of_a_type_that_is_there_no_more_goes_on_with_another(
    left: tuple[str, ...], goes_on_with: str
) -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    await form.choose_type(RENEWAL)
    await world.drafts.settle()
    types = tuple(t for t in DEAL.record_types if t.id in left)
    world.backend.objects = Objects((ACCOUNT, replace(DEAL, record_types=types)), "https://acme.my.salesforce.com")
    again = world.again()
    form = await new_deal(again)
    form.choose("StageName", "First")
    assert form.record_type == goes_on_with
    await form.save()
    assert [r.fields.get("RecordTypeId", "") for r in sent(again, "createRecord")] == [goes_on_with]
