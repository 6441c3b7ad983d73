"""An org with person accounts: some accounts are people, whose name is made of first and last name."""

from collections.abc import AsyncIterator, Iterator

import pytest

from backend.records.describe import decode, encode
from backend.values import Caller
from contract.calls import (
    CreateRecord,
    DeleteRecord,
    Describe,
    FieldValue,
    GetRecord,
    ListRecords,
    Search,
    SobjectShape,
    UpdateRecord,
)
from contract.errors import NotFound, Reason, RefusedRequest
from devtools.clients import ADMIN, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances


@pytest.fixture(scope="module")
def people_org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=10, shape=frozenset({"person-accounts"}))) as org:
        yield org


@pytest.fixture
async def people(people_org: EmbeddedOrg) -> AsyncIterator[tuple[Instances, Caller]]:
    instances = Instances(people_org)
    uid, _ = await instances.connect(ADMIN)
    yield instances, Caller(uid, "phone")
    await instances.http.close()


async def account(people: tuple[Instances, Caller]) -> SobjectShape:
    instances, caller = people
    return await instances.each[0].queries.describe(caller, Describe("Account"))


async def test_the_shape_says_how_people_differ_from_businesses(people: tuple[Instances, Caller]) -> None:
    shape = await account(people)
    persons = shape.persons
    assert persons is not None
    assert persons.flag in {f.name for f in shape.fields}
    assert [t.name for t in shape.record_types] == ["Business Account", "Person Account"]
    assert persons.record_types == (shape.record_types[1].id,)
    assert persons.required == ("LastName",)
    assert "Contacts" in {r.name for r in shape.related}
    assert set(persons.related) == {r.name for r in shape.related} - {"Contacts"}, "people have no contacts"
    business = [name for section in shape.sections for name in section.fields]
    person = [name for section in persons.sections for name in section.fields]
    assert {"Name", "Phone", "ParentId", "BillingCity"} <= set(business)
    assert {"Salutation", "FirstName", "LastName", "Phone", "PersonEmail", "PersonMailingCity"} <= set(person)
    assert not {"Name", "ParentId"} & set(person)
    assert not [n for n in business if n.startswith("Person") or n in ("FirstName", "LastName", "Salutation")]
    assert persons.flag not in (*business, *person)
    assert persons.sections[0].heading, "the names stand in the page layout's first section"
    assert "LastName" in persons.sections[0].fields


async def test_a_person_is_made_changed_found_and_deleted(people: tuple[Instances, Caller]) -> None:
    instances, caller = people
    process, shape = instances.each[0], await account(people)
    assert shape.persons is not None
    fields: dict[str, FieldValue] = {
        shape.record_type: shape.persons.record_types[0], "FirstName": "Ana", "LastName": "Quincey",
        "PersonEmail": "ana@people.example",
    }  # fmt: skip
    made = await process.changes.create_record(caller, CreateRecord("Account", fields))
    assert made.record is not None
    assert (made.record.fields["Name"], made.record.fields[shape.persons.flag]) == ("Ana Quincey", True)
    change: dict[str, FieldValue] = {"LastName": "Quincy"}
    saved = (
        await process.changes.update_record(caller, UpdateRecord("Account", made.id, change, made.record.version))
    ).record
    assert saved.fields["Name"] == "Ana Quincy"
    listed = await process.queries.list_records(caller, ListRecords("Account", "quincy"))
    assert [r.fields["Name"] for r in listed.records] == ["Ana Quincy"]
    hits = (await process.queries.search(caller, Search("Quincy", ("Account",)))).hits
    assert [hit.record.id for hit in hits] == [made.id]
    detail = await process.queries.get_record(caller, GetRecord("Account", made.id, ("Contacts", "Opportunities")))
    assert [r.fields["Name"] for r in detail.related["Contacts"]] == ["Ana Quincy"]
    await process.changes.delete_record(caller, DeleteRecord("Account", made.id))
    with pytest.raises(NotFound):
        await process.queries.get_record(caller, GetRecord("Contact", detail.related["Contacts"][0].id))


@pytest.mark.parametrize(("person", "fields", "wrong"), [
    (True, {"LastName": "Q", "Name": "Q"}, ["Name"]),
    (False, {"Name": "Q", "PersonEmail": "q@people.example", "FirstName": "Q"}, ["PersonEmail", "FirstName"]),
])  # fmt: skip
async def test_what_a_new_record_does_not_have_never_reaches_salesforce(
    people: tuple[Instances, Caller], person: bool, fields: dict[str, FieldValue], wrong: list[str]
) -> None:
    instances, caller = people
    shape = await account(people)
    typed: dict[str, FieldValue] = {shape.record_type: shape.record_types[int(person)].id, **fields}
    control(instances.org.url, "counters/reset")
    with pytest.raises(RefusedRequest) as refused:
        await instances.each[0].changes.create_record(caller, CreateRecord("Account", typed))
    assert (refused.value.reason, refused.value.details["fields"]) == (Reason.FIELD_NOT_EDITABLE, wrong)
    assert not control(instances.org.url, "counters"), "nothing was sent"


async def test_a_name_that_an_older_app_sends_is_refused_with_its_field(people: tuple[Instances, Caller]) -> None:
    instances, caller = people
    process = instances.each[0]
    text = "SELECT Id FROM Account WHERE IsPersonAccount = true LIMIT 1"
    ((row,),) = await process.rest.query(caller.uid, text)
    with pytest.raises(RefusedRequest) as refused:
        await process.changes.update_record(caller, UpdateRecord("Account", str(row["Id"]), {"Name": "New"}))
    assert (refused.value.reason, refused.value.details["fields"]) == (Reason.FIELD_NOT_EDITABLE, ["Name"])


async def test_people_cost_one_request_with_the_describe_and_none_later(people: tuple[Instances, Caller]) -> None:
    instances, caller = people
    control(instances.org.url, "counters/reset")
    await account(people)
    first = control(instances.org.url, "counters")
    assert first.get("rest.composite") == 2
    await account(people)
    assert control(instances.org.url, "counters").get("rest.composite") == 2
    described = await instances.each[0].rest.describe(caller.uid, {"Account": None, "Contact": None})
    kept = decode(encode(described))  # pyright: ignore[reportArgumentType]
    assert kept["Account"] is not None
    assert kept["Account"].people is not None
    assert kept["Contact"] is not None
    assert kept["Contact"].people is None


async def test_an_org_without_people_says_so(instances: Instances) -> None:
    uid, _ = await instances.connect(ADMIN)
    shape = await instances.each[0].queries.describe(Caller(uid, "phone"), Describe("Account"))
    assert shape.persons is None
    grouped = [name for section in shape.sections for name in section.fields]
    assert "Name" in grouped
