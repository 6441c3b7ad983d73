"""An org of the shape `person-accounts`: accounts that are people, each with a contact beside it.

Sources: SOAP API Developer Guide, "Person Account Record Types"; Salesforce Help article 000386207; Object Reference,
Account, Contact and RecordType; the reports named in localorg/data/persons.py.
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from localorg import EmbeddedOrg, OrgSettings

Values = dict[str, Any]


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=10, shape=frozenset({"person-accounts"}))) as org:
        yield org


def rows(http: httpx.Client, text: str) -> list[Values]:
    answer = http.get("/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def type_id(http: httpx.Client, *, person: bool) -> str:
    text = f"SELECT Id FROM RecordType WHERE SobjectType = 'Account' AND IsPersonType = {str(person).lower()}"
    return str(rows(http, text)[0]["Id"])


@pytest.fixture
def person(http: httpx.Client) -> Values:
    values = {
        "RecordTypeId": type_id(http, person=True), "FirstName": "Ana", "LastName": "Ruiz", "Salutation": "Ms.",
        "PersonEmail": "ana@people.example", "PersonMailingCity": "Porto", "External_Id__pc": None,
    }  # fmt: skip
    made = http.post("/sobjects/Account", json=values)
    assert made.status_code == 201, made.text
    return http.get(f"/sobjects/Account/{made.json()['id']}").json()


def refused(answer: httpx.Response) -> tuple[str, str, list[str]]:
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()
    return error["errorCode"], error["message"], error["fields"]


def bad_names(*names: str) -> tuple[str, str, list[str]]:
    said = f"Account: bad field names on insert/update call: {', '.join(names)}"
    return "INVALID_FIELD_FOR_INSERT_UPDATE", said, list(names)


def test_describe_has_the_fields_of_people(http: httpx.Client) -> None:
    body = http.get("/sobjects/Account/describe").json()
    fields: dict[str, Values] = {f["name"]: f for f in body["fields"]}
    assert (fields["IsPersonAccount"]["type"], fields["IsPersonAccount"]["createable"]) == ("boolean", False)
    assert fields["PersonContactId"]["referenceTo"] == ["Contact"]
    assert not fields["PersonContactId"]["updateable"]
    for name in ("FirstName", "LastName", "Salutation"):
        assert (fields[name]["createable"], fields[name]["nillable"], fields[name]["compoundFieldName"]) == (
            True, True, "Name",
        )  # fmt: skip
    assert (fields["Name"]["createable"], fields["Name"]["nillable"]) == (True, False)
    assert fields["Name"]["extraTypeInfo"] == "switchablepersonname"
    for name in ("PersonEmail", "PersonMobilePhone", "PersonTitle", "PersonBirthdate", "PersonMailingAddress"):
        assert name in fields
    assert fields["PersonMailingCity"]["compoundFieldName"] == "PersonMailingAddress"
    assert fields["External_Id__pc"]["custom"]
    assert [t["name"] for t in body["recordTypeInfos"]] == ["Business Account", "Person Account", "Master"]
    assert "IsPersonType" not in str(body["recordTypeInfos"]), "describe does not say which of them are of people"
    contact = {f["name"]: f for f in http.get("/sobjects/Contact/describe").json()["fields"]}
    assert not contact["IsPersonAccount"]["updateable"]


def test_a_persons_name_is_made_of_its_parts_and_a_contact_is_beside_it(http: httpx.Client, person: Values) -> None:
    assert (person["Name"], person["IsPersonAccount"]) == ("Ana Ruiz", True)
    contact = http.get(f"/sobjects/Contact/{person['PersonContactId']}").json()
    names = ("Name", "Salutation", "Email", "MailingCity", "AccountId", "IsPersonAccount")
    assert [contact[n] for n in names] == ["Ana Ruiz", "Ms.", "ana@people.example", "Porto", person["Id"], True]


def test_without_a_record_type_a_last_name_makes_a_person(http: httpx.Client) -> None:
    made = http.post("/sobjects/Account", json={"LastName": "Only"}).json()["id"]
    row = http.get(f"/sobjects/Account/{made}").json()
    assert (row["Name"], row["IsPersonAccount"], row["RecordTypeId"]) == ("Only", True, type_id(http, person=True))
    made = http.post("/sobjects/Account", json={"Name": "Cedar"}).json()["id"]
    row = http.get(f"/sobjects/Account/{made}").json()
    assert (row["Name"], row["IsPersonAccount"], row["RecordTypeId"]) == ("Cedar", False, type_id(http, person=False))
    assert (row["FirstName"], row["LastName"], row["PersonContactId"]) == (None, None, None)


@pytest.mark.parametrize(("values", "answer"), [
    ({"Name": "Ana Ruiz"}, bad_names("Name")),
    ({"LastName": "Ruiz", "Name": "Ana Ruiz"}, bad_names("Name")),
    ({"FirstName": "Ana"}, ("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])),
])  # fmt: skip
def test_what_a_person_does_not_take(
    http: httpx.Client, person: Values, values: Values, answer: tuple[str, str, list[str]]
) -> None:
    typed = {"RecordTypeId": type_id(http, person=True)}
    assert refused(http.post("/sobjects/Account", json=typed | values)) == answer
    if "Name" in values:
        assert refused(http.patch(f"/sobjects/Account/{person['Id']}", json={"Name": "Anna"})) == bad_names("Name")
    else:
        assert refused(http.patch(f"/sobjects/Account/{person['Id']}", json={"LastName": None})) == answer


def test_what_a_business_does_not_take(http: httpx.Client) -> None:
    typed = {"RecordTypeId": type_id(http, person=False), "Name": "Cedar"}
    for values in ({"LastName": "Ruiz"}, {"PersonEmail": "a@b.example"}, {"External_Id__pc": "1"}):
        assert refused(http.post("/sobjects/Account", json=typed | values)) == bad_names(*values)
    made = http.post("/sobjects/Account", json=typed).json()["id"]
    assert refused(http.patch(f"/sobjects/Account/{made}", json={"FirstName": "A", "LastName": "B"})) == bad_names(
        "FirstName", "LastName"
    )
    change = {"RecordTypeId": type_id(http, person=True), "Phone": "1"}
    said = "Cannot specify any additional fields when marrying or separating a Person-Account"
    assert refused(http.patch(f"/sobjects/Account/{made}", json=change)) == (
        "INVALID_FIELD_FOR_INSERT_UPDATE", said, [],
    )  # fmt: skip


def test_what_may_not_point_to_a_person(http: httpx.Client, person: Values) -> None:
    """FileUploadImproved's tests in an org of people (LightningFlowComponents#1708); "Person Account Record Types": the
    person's contact is the only one that can be associated with the person."""
    parts = {"PathOnClient": "a.txt", "VersionData": "YQ=="}
    version = http.post("/sobjects/ContentVersion", json=parts).json()["id"]
    document = http.get(f"/sobjects/ContentVersion/{version}").json()["ContentDocumentId"]
    link = {"ContentDocumentId": document, "LinkedEntityId": person["PersonContactId"], "ShareType": "V"}
    assert refused(http.post("/sobjects/ContentDocumentLink", json=link)) == (
        "INVALID_PERSON_ACCOUNT_OPERATION", "cannot reference person contact", [],
    )  # fmt: skip
    link["LinkedEntityId"] = person["Id"]
    assert http.post("/sobjects/ContentDocumentLink", json=link).status_code == 201
    for sobject, values in (
        ("Contact", {"LastName": "C", "AccountId": person["Id"]}),
        ("Account", {"Name": "Below", "ParentId": person["Id"]}),
    ):
        answer = http.post(f"/sobjects/{sobject}", json=values)
        assert refused(answer)[0] == "INVALID_PERSON_ACCOUNT_OPERATION"
    for sobject, values in (
        ("Case", {"ContactId": person["PersonContactId"], "AccountId": person["Id"]}),
        ("Task", {"WhoId": person["PersonContactId"], "WhatId": person["Id"]}),
    ):
        assert http.post(f"/sobjects/{sobject}", json=values).status_code == 201
    other = http.post("/sobjects/Contact", json={"LastName": "Other"}).json()["id"]
    assert refused(http.patch(f"/sobjects/Contact/{other}", json={"AccountId": person["Id"]}))[0] == (
        "INVALID_PERSON_ACCOUNT_OPERATION"
    )


def test_account_and_contact_change_together(http: httpx.Client, person: Values) -> None:
    account, contact = f"/sobjects/Account/{person['Id']}", f"/sobjects/Contact/{person['PersonContactId']}"
    change = {"LastName": "Díaz", "PersonMobilePhone": "5", "Phone": "6"}
    assert http.patch(account, json=change).status_code == 204
    row = http.get(contact).json()
    assert [row[n] for n in ("Name", "MobilePhone", "Phone")] == ["Ana Díaz", "5", "6"]
    assert http.patch(contact, json={"FirstName": "Eva", "Email": "eva@people.example"}).status_code == 204
    row = http.get(account).json()
    assert [row[n] for n in ("Name", "FirstName", "PersonEmail")] == ["Eva Díaz", "Eva", "eva@people.example"]
    assert row["SystemModstamp"] > person["SystemModstamp"]
    assert refused(http.patch(contact, json={"AccountId": person["Id"]})) == bad_names("AccountId")


@pytest.mark.parametrize("which", ["Account", "Contact"])
def test_account_and_contact_are_deleted_together(http: httpx.Client, person: Values, which: str) -> None:
    ids = {"Account": person["Id"], "Contact": person["PersonContactId"]}
    assert http.delete(f"/sobjects/{which}/{ids[which]}").status_code == 204
    for sobject, identifier in ids.items():
        assert http.get(f"/sobjects/{sobject}/{identifier}").status_code == 404
        text = f"SELECT IsDeleted FROM {sobject} WHERE Id = '{identifier}'"
        assert http.get("/queryAll", params={"q": text}).json()["records"][0]["IsDeleted"]


def test_each_type_has_the_layout_of_its_kind(http: httpx.Client) -> None:
    def laid_out(identifier: str) -> set[str]:
        layout = http.get(f"/sobjects/Account/describe/layouts/{identifier}").json()
        return {
            name
            for section in layout["detailLayoutSections"]
            for row in section["layoutRows"]
            for item in row["layoutItems"]
            for component in item["layoutComponents"]
            for name in (component["value"], *(c["value"] for c in component.get("components", ())))
        }

    business, people = laid_out(type_id(http, person=False)), laid_out(type_id(http, person=True))
    assert {"Name", "ParentId"} <= business
    assert not {"LastName", "PersonEmail"} & business
    assert {"Name", "FirstName", "LastName", "PersonEmail", "PersonMailingCity"} <= people
    assert "ParentId" not in people


def test_the_demo_data_has_people(http: httpx.Client) -> None:
    people = rows(http, "SELECT Name, LastName, PersonContact.Email FROM Account WHERE IsPersonAccount = true")
    assert len(people) > 5
    assert all(row["Name"].endswith(row["LastName"]) for row in people)
    assert rows(http, "SELECT Id FROM Contact WHERE IsPersonAccount = true")
    assert rows(http, "SELECT Id, Account.IsPersonAccount FROM Opportunity WHERE Account.IsPersonAccount = true")


def test_people_in_a_collection_and_in_bulk_keep_the_rules(http: httpx.Client) -> None:
    records = [
        {"attributes": {"type": "Account"}, "LastName": "First"},
        {"attributes": {"type": "Account"}, "LastName": "Second", "Name": "No"},
    ]
    good, bad = http.post("/composite/sobjects", json={"records": records}).json()
    assert good["success"]
    assert bad["errors"][0]["statusCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
