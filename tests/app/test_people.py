"""Accounts of which some are people, and addresses whose country and state are chosen from picklists."""

from dataclasses import replace

import pytest

from contract.calls import AddressShape, FieldShape, Objects, PersonShape, Section, SobjectShape
from contract.picklists import RecordType
from tests.app.forms import editing, sent, text
from tests.app.world import ACCOUNT, CONTACT, World
from ui.records.form_view_model import FormViewModel
from ui.records.record_view_model import RecordViewModel
from ui.shared import kinds, values

pytestmark = pytest.mark.virtual_time
BUSINESS, PERSON = "012000000000001AAA", "012000000000002AAA"
COUNTRIES = {"US": "United States", "BR": "Brazil", "DE": "Germany"}
_CODES = (
    FieldShape("BillingState", "Billing State", "string", False, False, False, 80),
    FieldShape("BillingStateCode", "Billing State", "picklist", False, True, True, picklist=("PA", "TX"),
               labels={"PA": "Pará", "TX": "Texas"}, controller="BillingCountryCode",
               valid_for={"PA": ("BR", "US"), "TX": ("US",)}, labels_with={"US": {"PA": "Pennsylvania"}}),
    FieldShape("BillingCountry", "Billing Country", "string", False, False, False, 80),
    FieldShape("BillingCountryCode", "Billing Country", "picklist", False, True, True, picklist=tuple(COUNTRIES),
               labels=COUNTRIES),
)  # fmt: skip
_PEOPLE = (
    FieldShape("IsPersonAccount", "Is Person Account", "boolean", False, False, False),
    FieldShape("FirstName", "First Name", "string", False, True, True, 40),
    FieldShape("LastName", "Last Name", "string", False, True, True, 80),
    FieldShape("PersonEmail", "Email", "email", False, True, True, 80),
)


def with_people() -> SobjectShape:
    """The object with people among its records, and with codes in its address."""
    return replace(
        ACCOUNT,
        fields=(*ACCOUNT.fields, *_CODES, *_PEOPLE),
        sections=(*ACCOUNT.sections, Section("Where", ("BillingCountryCode", "BillingStateCode"))),
        addresses=(AddressShape("Billing Address", "BillingStreet", "", "BillingCity", "BillingState", "BillingCountry",
                                "BillingStateCode", "BillingCountryCode"),),
        record_type="RecordTypeId",
        record_types=(RecordType(BUSINESS, "Business Account", True), RecordType(PERSON, "Person Account")),
        persons=PersonShape(
            "IsPersonAccount",
            (PERSON,),
            (Section("Person", ("FirstName", "LastName", "Phone", "PersonEmail")), Section("Where", ("BillingCity",))),
            ("LastName",),
        ),
    )  # fmt: skip


def people() -> World:
    world = World()
    world.backend.objects = Objects((with_people(), CONTACT), "https://acme.my.salesforce.com")
    world.backend.add(
        "001p", Name="Ana Ruiz", FirstName="Ana", LastName="Ruiz", PersonEmail="ana@x.example", RecordTypeId=PERSON,
        IsPersonAccount=True, BillingCity="Porto",
    )  # fmt: skip
    world.backend.add("001b", Name="Acme", Phone="+44 1", RecordTypeId=BUSINESS, IsPersonAccount=False)
    return world


async def page(world: World, record_id: str) -> RecordViewModel:
    app = await world.start(f"/records/Account/{record_id}")
    assert isinstance(app.screen, RecordViewModel)
    return app.screen


def lines(model: RecordViewModel) -> dict[str, str]:
    return {line.label: line.text for group in model.groups for line in group.lines}


async def test_the_page_of_a_person_has_their_names_and_the_page_of_a_business_has_none() -> None:
    world = people()
    person = await page(world, "001p")
    assert person.title == "Ana Ruiz"
    assert lines(person) == {
        "First Name": "Ana", "Last Name": "Ruiz", "Email": "ana@x.example", "Billing Address": "Porto",
    }  # fmt: skip
    assert [line.link for line in person.actions] == ["mailto:ana@x.example"]
    business = await page(world, "001b")
    assert lines(business) == {"Phone": "+44 1"}
    assert business.title == "Acme"
    assert [r.name for r in business.related_lists] == ["Contacts"]
    assert person.related_lists == ()


@pytest.mark.parametrize(("fields", "text"), [
    ({"BillingCountryCode": "US", "BillingStateCode": "PA", "BillingState": "x", "BillingCountry": "y"},
     "Pennsylvania\nUnited States"),
    ({"BillingCountryCode": "BR", "BillingStateCode": "PA"}, "Pará\nBrazil"),
    ({"BillingCountryCode": "DE"}, "Germany"),
    ({"BillingCountry": "Old Country", "BillingState": "Old State"}, "Old State\nOld Country"),
])  # fmt: skip
async def test_an_address_reads_by_the_names_of_its_codes(fields: dict[str, str], text: str) -> None:
    world = people()
    world.backend.add("001c", Name="Cedar", **fields)
    assert lines(await page(world, "001c")) == {"Billing Address": text}


def test_a_record_that_does_not_say_is_a_person_by_its_type() -> None:
    shape = with_people()
    for fields, person in (
        ({"IsPersonAccount": True, "RecordTypeId": BUSINESS}, True),
        ({"RecordTypeId": PERSON}, True),
        ({"RecordTypeId": BUSINESS}, False),
        ({}, False),
    ):
        assert kinds.is_person(shape, fields) is person
    assert not kinds.is_person(ACCOUNT, {"IsPersonAccount": True})
    assert kinds.shape_for(ACCOUNT, {}) is ACCOUNT


def names(form: FormViewModel) -> list[str]:
    return [f.name for _section, fields in form.sections for f in fields]


async def test_a_new_account_is_a_business_or_a_person() -> None:
    world = people()
    form = await editing(world, "/records/Account/new")
    assert [t.name for t in form.record_types] == ["Business Account", "Person Account"]
    assert form.record_type == BUSINESS
    assert "Name" in names(form)
    assert "LastName" not in names(form)
    form.type("Name", "Ana Ruiz Ltd")
    form.type("Phone", "+44 2")
    await form.choose_type(PERSON)
    assert names(form) == ["FirstName", "LastName", "Phone", "PersonEmail", "BillingCity"]
    await form.save()
    assert form.errors == {"LastName": "This cannot be empty."}
    form.type("LastName", "Ruiz")
    await form.save()
    (made,) = sent(world, "createRecord")
    assert made.fields == {"RecordTypeId": PERSON, "LastName": "Ruiz", "Phone": "+44 2"}


async def test_a_persons_name_is_never_sent() -> None:
    world = people()
    form = await editing(world, "/records/Account/001p/edit")
    assert names(form) == ["FirstName", "LastName", "Phone", "PersonEmail", "BillingCity"]
    assert form.draft is not None
    form.draft = replace(form.draft, typed={"Name": "Somebody Else"})  # of an app that did not know of people
    form.type("FirstName", "Anna")
    form.type("LastName", "")
    await form.save()
    assert form.errors == {"LastName": "This cannot be empty."}
    form.type("LastName", "Ruiz")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"FirstName": "Anna"}]


async def test_a_businesss_form_has_its_name() -> None:
    world = people()
    form = await editing(world, "/records/Account/001b/edit")
    assert "Name" in names(form)
    assert not {"FirstName", "LastName", "PersonEmail"} & set(names(form))
    form.type("Name", "")
    await form.save()
    assert form.errors == {"Name": "This cannot be empty."}


async def test_one_chooses_a_country_and_then_one_of_its_states_by_name() -> None:
    world = people()
    form = await editing(world, "/records/Account/001b/edit")
    fields = {f.name: f for f in form.fields}
    country, state = fields["BillingCountryCode"], fields["BillingStateCode"]
    waiting = form.waits_for(state)
    assert waiting is not None
    assert waiting.name == country.name
    form.choose(country.name, "BR")
    assert form.offered(state) == ("PA",)
    assert form.label_of(state, "PA") == "Pará"
    form.choose(state.name, "PA")
    form.choose(country.name, "BR")
    assert text(form, state.name) == "PA", "nothing was changed"
    form.choose(country.name, "US")
    assert text(form, state.name) == "", "the code is that of another state there"
    assert form.hints[state.name] == "“PA” was removed: it does not go with Billing Country."
    assert [form.label_of(state, v) for v in form.offered(state)] == ["Pennsylvania", "Texas"]
    form.choose(state.name, "TX")
    await form.save()
    (change,) = sent(world)
    assert change.fields == {"BillingCountryCode": "US", "BillingStateCode": "TX"}, "codes are sent, and no texts"


async def test_a_country_without_states_leaves_none() -> None:
    world = people()
    world.backend.add("001t", Name="Texan", BillingCountryCode="US", BillingStateCode="TX", RecordTypeId=BUSINESS)
    form = await editing(world, "/records/Account/001t/edit")
    form.choose("BillingCountryCode", "DE")
    await form.save()
    assert [r.fields for r in sent(world)] == [{"BillingCountryCode": "DE", "BillingStateCode": None}]


def test_a_code_is_read_as_the_state_of_its_records_country() -> None:
    (state,) = [f for f in _CODES if f.name == "BillingStateCode"]
    for country, name in (("US", "Pennsylvania"), ("BR", "Pará")):
        assert values.value(state, "PA", {"BillingCountryCode": country}) == name
    assert values.value(state, "TX", {}) == "Texas"
