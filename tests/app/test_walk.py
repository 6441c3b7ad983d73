"""A salesperson who changes their mind: record types to and fro, people and businesses, countries, currencies, while
the picklists come late, never or not at all, and while somebody else saves.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from contract.calls import FieldShape, Objects
from contract.errors import OrgUnavailable, Reason
from tests.app.forms import editing, sent, text
from tests.app.test_currencies import rich
from tests.app.test_people import BUSINESS, PERSON, names, people, with_people
from tests.app.test_record_types import DEAL, NEW, RENEWAL, deals, new_deal, offered
from tests.app.world import ACCOUNT, CONTACT, World
from ui.places import Place
from ui.records.form_view_model import FormViewModel
from ui.records.offers import PATIENCE
from ui.shared import values
from ui.shared.words import use_language

pytestmark = pytest.mark.virtual_time


# Record types


async def test_a_type_that_is_changed_back_gives_back_what_it_took_and_takes_back_its_words() -> None:
    form = await new_deal(deals())
    form.choose("Kind", "Bus")
    form.choose("Rush", "true")
    form.choose("Ship", "Plane")
    await form.choose_type(RENEWAL)
    assert (text(form, "Kind"), list(form.hints)) == ("", ["Kind"])
    await form.choose_type(NEW)
    assert (text(form, "Kind"), form.hints, text(form, "Ship")) == ("Bus", {}, "Plane")
    await form.choose_type(RENEWAL)
    form.choose("Kind", "Van")
    await form.choose_type(NEW)
    assert text(form, "Kind") == "Van", "what was chosen since counts"


async def test_what_depends_on_what_a_type_took_comes_back_with_it() -> None:
    form = await new_deal(deals())
    for name, value in (("Kind", "Van"), ("Load", "Large"), ("Extras", "Hook;Rack")):
        form.choose(name, value)
    await form.choose_type(RENEWAL)
    assert [text(form, n) for n in ("Kind", "Load", "Extras")] == ["Van", "", ""]
    await form.choose_type(NEW)
    assert [text(form, n) for n in ("Kind", "Load", "Extras")] == ["Van", "Large", "Hook;Rack"]
    assert form.hints == {}


async def test_a_draft_that_is_only_looked_at_in_another_tab_is_not_kept_twice() -> None:
    world = deals()
    form = await new_deal(world)
    form.type("Name", "One")
    await world.drafts.settle()
    beside = world.beside()
    await beside.start("/", user=None)
    (draft,) = beside.drafts.all()
    beside.drafts.want(draft.id)
    await beside.app.go(Place("new", "Opportunity"))
    assert isinstance(beside.app.screen, FormViewModel)
    assert text(beside.app.screen, "Name") == "One"
    await beside.drafts.settle()
    await beside.app.go(Place("home"))
    assert len(beside.drafts.all()) == 1


async def test_a_draft_whose_type_is_there_no_more_says_so() -> None:
    world = deals()
    form = await new_deal(world)
    await form.choose_type(RENEWAL)
    form.choose("StageName", "Won")
    await world.drafts.settle()
    third = replace(DEAL.record_types[1], id="012000000000003AAA", name="Third")
    types = (DEAL.record_types[0], third)
    world.backend.objects = Objects((ACCOUNT, replace(DEAL, record_types=types)), "https://acme.my.salesforce.com")
    form = await new_deal(world.again())
    assert form.record_type == NEW
    assert form.hints["RecordTypeId"] == "The record type chosen before is not available any more."
    assert form.hints["StageName"] == "“Won” was removed: records of this type do not have it."
    await form.choose_type(third.id)
    assert "RecordTypeId" not in form.hints


# Picklists that come late, never, or not at all


async def _opening(world: World) -> "asyncio.Task[FormViewModel]":
    world.backend.holds["getPicklists"] = asyncio.Event()
    opening = asyncio.create_task(new_deal(world))
    await asyncio.sleep(PATIENCE + 1)
    return opening


def _form(world: World) -> FormViewModel:
    assert isinstance(world.app.screen, FormViewModel)
    return world.app.screen


async def test_a_form_whose_picklists_are_late_can_be_filled_in_and_takes_them_over() -> None:
    world = deals()
    opening = await _opening(world)
    form = _form(world)
    assert form.draft is not None
    assert (form.lacks_picklists, offered(form, "StageName")) == (None, ("First", "Second", "Won"))
    form.type("Name", "One")
    form.choose("StageName", "Won")
    world.backend.holds["getPicklists"].set()
    await opening
    assert form.lacks_picklists is False
    assert (text(form, "Name"), text(form, "StageName"), text(form, "Type")) == ("One", "", "New")
    assert form.hints == {"StageName": "“Won” was removed: records of this type do not have it."}


async def test_a_form_whose_picklists_never_come_can_be_saved() -> None:
    world = deals()
    opening = await _opening(world)
    form = _form(world)
    form.type("Name", "One")
    form.choose("StageName", "First")
    choosing = asyncio.create_task(form.choose_type(RENEWAL))
    await asyncio.sleep(0)
    assert form.choosing
    await asyncio.sleep(PATIENCE + 1)
    assert (form.choosing, form.record_type) == (0, RENEWAL)
    await form.save()
    assert [(r.fields["RecordTypeId"], r.fields["StageName"]) for r in sent(world, "createRecord")] == [
        (RENEWAL, "First")
    ]
    world.backend.holds["getPicklists"].set()
    await choosing
    with suppress(AssertionError):  # the form that it opens is saved and gone
        await opening
    assert (form.draft, world.drafts.all()) == (None, ())


async def test_a_form_whose_picklists_fail_says_so_and_tries_again() -> None:
    world = deals()
    world.backend.fails["getPicklists"] = OrgUnavailable(Reason.ORG_UNREACHABLE)
    form = await new_deal(world)
    form.type("Name", "One")
    assert form.lacks_picklists is True
    await form.renew_picklists()
    assert form.lacks_picklists is False
    assert (text(form, "StageName"), text(form, "Type"), offered(form, "Type")) == ("First", "New", ("New",))


async def test_a_record_whose_picklists_never_come_can_be_changed() -> None:
    world = deals()
    world.backend.add("0061", Name="One", StageName="Second", RecordTypeId=RENEWAL)
    world.backend.holds["getPicklists"] = asyncio.Event()
    opening = asyncio.create_task(editing(world, "/records/Opportunity/0061/edit"))
    await asyncio.sleep(PATIENCE + 1)
    form = _form(world)
    form.choose("StageName", "First")
    world.backend.holds["getPicklists"].set()
    await opening
    assert (text(form, "StageName"), offered(form, "StageName")) == ("First", ("Second", "Won"))


async def test_the_picklists_of_two_visits_do_not_throw_away_what_was_typed_between_them() -> None:
    world = deals()
    world.backend.holds["getPicklists"] = asyncio.Event()
    first = asyncio.create_task(new_deal(world))
    await asyncio.sleep(0.5)
    second = asyncio.create_task(world.app.go(Place("new", "Opportunity")))
    await asyncio.sleep(0.5)
    world.backend.holds["getPicklists"].set()
    await asyncio.sleep(0)
    form, painted = _form(world), asyncio.Event()
    form.listen(lambda: painted.set() if form.draft is not None else None)
    await painted.wait()
    form.type("Name", "One")
    await asyncio.gather(first, second)
    assert text(form, "Name") == "One"


async def test_of_two_types_the_one_that_was_chosen_last_counts_however_late_the_first_comes() -> None:
    world = deals()
    form = await new_deal(world)
    held = world.backend.holds["getPicklists"] = asyncio.Event()
    late = asyncio.create_task(form.choose_type(RENEWAL))
    await asyncio.sleep(0)
    await form.choose_type(NEW)
    held.set()
    await late
    assert (form.record_type, text(form, "StageName"), form.choosing) == (NEW, "First", 0)
    assert form.draft is not None
    assert form.draft.seen["RecordTypeId"] == NEW


# People and businesses


async def test_what_was_typed_for_a_business_is_not_sent_for_a_person_and_comes_back() -> None:
    world = people()
    form = await editing(world, "/records/Account/new")
    form.type("Name", "Ruiz Ltd")
    form.choose("Industry", "Media")
    form.type("AnnualRevenue", "12x")
    await form.choose_type(PERSON)
    assert "Name" not in names(form)
    form.type("LastName", "Ruiz")
    await form.choose_type(BUSINESS)
    assert [text(form, n) for n in ("Name", "Industry", "AnnualRevenue")] == ["Ruiz Ltd", "Media", "12x"]
    await form.choose_type(PERSON)
    assert text(form, "LastName") == "Ruiz"
    await form.save()
    assert [r.fields for r in sent(world, "createRecord")] == [{"RecordTypeId": PERSON, "LastName": "Ruiz"}]


async def test_a_person_has_the_defaults_of_the_fields_that_only_people_have() -> None:
    shape = with_people()
    assert shape.persons is not None
    mail = FieldShape("NoMail", "No mail", "boolean", False, True, True, default=True)
    sections = (*shape.persons.sections, replace(shape.persons.sections[0], fields=("NoMail",)))
    shape = replace(shape, fields=(*shape.fields, mail), persons=replace(shape.persons, sections=sections))
    world = people()
    world.backend.objects = Objects((shape, CONTACT), "https://acme.my.salesforce.com")
    form = await editing(world, "/records/Account/new")
    await form.choose_type(PERSON)
    form.type("LastName", "Ruiz")
    await form.save()
    assert sent(world, "createRecord")[0].fields["NoMail"] is True


# Somebody else meanwhile


@pytest.mark.parametrize(("mine", "theirs", "asked"), [
    ({"BillingStateCode": "PA"}, {"BillingCountryCode": "BR"}, "BillingCountryCode"),
    ({"BillingCountryCode": "BR"}, {"BillingStateCode": "TX"}, "BillingStateCode"),
])  # fmt: skip
async def test_a_state_and_a_country_are_never_put_together_from_two_people(
    mine: dict[str, str], theirs: dict[str, str], asked: str
) -> None:
    """PA is Pennsylvania in the one country and Pará in the other."""
    world = people()
    before = {"Name": "Acme", "BillingCountryCode": "US", "BillingStateCode": None, "RecordTypeId": BUSINESS}
    world.backend.add("001b", **before)
    form = await editing(world, "/records/Account/001b/edit")
    for name, value in mine.items():
        form.choose(name, value)
    world.backend.add("001b", "Ada Admin", **{**before, **theirs})
    await form.save()
    assert [c.field for c in form.conflicts] == [asked]


async def test_their_country_removes_my_state_before_anything_is_saved() -> None:
    world = people()
    before = {"Name": "Acme", "BillingCountryCode": "US", "BillingStateCode": None, "RecordTypeId": BUSINESS}
    world.backend.add("001b", **before)
    form = await editing(world, "/records/Account/001b/edit")
    form.choose("BillingStateCode", "PA")
    form.type("Phone", "+44 3")
    world.backend.add("001b", "Ada Admin", **{**before, "BillingCountryCode": "BR"})
    await form.save()
    (conflict,) = form.conflicts
    assert (form.text_of_mine(conflict), form.text_of_theirs(conflict)) == ("United States", "Brazil")
    form.decide("BillingCountryCode", "theirs")
    sent_before = len(sent(world))
    await form.save_decided()
    assert form.hints == {"BillingStateCode": "“PA” was removed: it does not go with Billing Country."}
    assert (len(sent(world)), form.conflicts) == (sent_before, ())
    await form.save()
    saved = world.backend.records["001b"].fields
    assert (saved["BillingCountryCode"], saved["BillingStateCode"], saved["Phone"]) == ("BR", None, "+44 3")


async def test_what_depends_on_a_field_that_somebody_else_has_changed_is_asked_about() -> None:
    world = deals()
    before = {"Name": "One", "StageName": "First", "Kind": "Van", "Load": "Small"}
    world.backend.add("0061", **before)
    form = await editing(world, "/records/Opportunity/0061/edit")
    form.choose("Load", "Large")
    world.backend.add("0061", "Ada Admin", **{**before, "Kind": "Car"})
    await form.save()
    assert [c.field for c in form.conflicts] == ["Kind"]
    form.decide("Kind", "mine")
    await form.save_decided()
    saved = world.backend.records["0061"].fields
    assert (saved["Kind"], saved["Load"]) == ("Van", "Large")


# Amounts


@pytest.mark.parametrize("tag", ["en-US", "de-DE", "ja-JP"])
async def test_a_sign_that_was_typed_does_not_become_another_currency(tag: str) -> None:
    world = rich()
    form = await editing(world, "/records/Opportunity/0062/edit")
    use_language([tag])
    form.type("Amount", "€500")
    form.choose("CurrencyIsoCode", "JPY")
    await form.save()
    assert list(form.errors) == ["Amount"]
    assert sent(world) == []
    form.choose("CurrencyIsoCode", "EUR")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"Amount": 500.0}]


@pytest.mark.parametrize("typed", ["¥500", "￥500", "５００", "￥５００", "-¥500", "−500"])
@pytest.mark.parametrize("tag", ["en-US", "ja-JP"])
async def test_a_yen_sign_of_any_keyboard_is_a_yen_sign(tag: str, typed: str) -> None:
    world = rich()
    form = await editing(world, "/records/Opportunity/0061/edit")
    use_language([tag])
    form.type("Amount", typed)
    await form.save()
    assert form.errors == {}
    assert [r.fields for r in sent(world)] == [{"Amount": -500.0 if typed[0] in "-−" else 500.0}]


@pytest.mark.parametrize(("tag", "typed", "number"), [
    ("de-DE", "1.234,50", 1234.5), ("de-DE", "-1.234,50 €", -1234.5), ("de-DE", "1,234.50", None),
    ("ja-JP", "1,234.50", 1234.5), ("ja-JP", "１，２３４．５０", 1234.5), ("ja-JP", "－５", -5.0),
    ("ja-JP", "1.234,50", None), ("en-US", "-€5.50", -5.5), ("en-US", "12€50", None), ("en-US", "--5", None),
])  # fmt: skip
def test_amounts_as_people_write_them(tag: str, typed: str, number: float | None) -> None:
    use_language([tag])
    assert values.as_number(typed) == number
