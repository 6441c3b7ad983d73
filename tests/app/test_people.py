"""Accounts of which some are people, and addresses whose country and state are chosen from picklists."""

from dataclasses import replace

import pytest

from contract.calls import AddressShape, FieldShape, Objects, PersonShape, Section, SobjectShape
from contract.picklists import RecordType
from tests.app.world import ACCOUNT, CONTACT, World
from ui.records.record_view_model import RecordViewModel
from ui.shared import kinds

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
