"""Records by every form of address: external ids, Id, parents by external id, collections inside a composite request.

Source: REST API Developer Guide, sObject Rows by External ID, Insert or Update (Upsert) a Record Using an External ID,
Composite; jsforce issue 667 and pull request 998, forcedotcom/cli issue 3367.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.rest.bulk import _as_java as as_java
from tests.localorg.test_metadata import field, write, xml

DATA = "/services/data/v68.0"
BOX = {
    "objects/Box__c/Box__c.object-meta.xml": xml("CustomObject", "<label>Box</label><pluralLabel>Boxes</pluralLabel>"),
    "objects/Box__c/fields/Mark__c.field-meta.xml": field(
        "Mark__c", "Text", "<length>20</length><externalId>true</externalId>"
    ),
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = write(tmp_path_factory.mktemp("schema"), BOX)
    with EmbeddedOrg(OrgSettings(accounts=2, schema=(folder,))) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            made = client.post(f"{DATA}/sobjects/Account", json={"Name": "Parent", "External_Id__c": "U1"})
            assert made.status_code == 201
            yield client


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    return http.get(f"{DATA}/query", params={"q": text}).json()["records"]


def test_id_is_an_external_id_too(http: httpx.Client) -> None:
    made = http.post(f"{DATA}/sobjects/Account/Id", json={"Name": "x"})
    assert made.status_code == 201
    address = f"{DATA}/sobjects/Account/Id/{made.json()['id']}"
    changed = http.patch(address, json={"Name": "y"})
    assert changed.status_code == 200
    assert changed.json() == {"id": made.json()["id"], "success": True, "errors": [], "created": False}
    assert http.get(address).json()["Name"] == "y"
    assert http.delete(address).status_code == 204
    assert http.patch(address, json={"Name": "z"}).status_code == 404
    assert http.patch(f"{DATA}/sobjects/Account/Id/001000000000XyzAAA", json={"Name": "z"}).status_code == 404


@pytest.mark.parametrize("ending", ["External_Id__c/", "External_Id__c", "Id", "Id/"])
def test_an_address_without_a_value_makes_no_record(http: httpx.Client, ending: str) -> None:
    for method in ("PATCH", "DELETE"):
        refused = http.request(method, f"{DATA}/sobjects/Account/{ending}", json={"Name": "Nobody"})
        assert refused.status_code == 405
        assert refused.json()[0] == {
            "errorCode": "METHOD_NOT_ALLOWED",
            "message": f"HTTP Method '{method}' not allowed. Allowed are HEAD,GET,POST",
        }
    assert rows(http, "SELECT Id FROM Account WHERE Name = 'Nobody'") == []


def test_a_change_is_answered_without_a_body_before_v46(http: httpx.Client) -> None:
    assert http.patch("/services/data/v45.0/sobjects/Account/External_Id__c/U1", json={"Site": "1"}).status_code == 204
    assert http.patch("/services/data/v46.0/sobjects/Account/External_Id__c/U1", json={"Site": "2"}).status_code == 200


def test_an_external_id_that_several_records_have_is_300(http: httpx.Client) -> None:
    made = [http.post(f"{DATA}/sobjects/Box__c", json={"Name": n, "Mark__c": "m"}).json()["id"] for n in "ab"]
    addresses = [f"{DATA}/sobjects/Box__c/{i}" for i in made]
    for method in ("GET", "PATCH", "DELETE"):
        answer = http.request(method, f"{DATA}/sobjects/Box__c/Mark__c/m", json={"Name": "c"})
        assert (answer.status_code, answer.json()) == (300, addresses)


def test_a_parent_may_be_named_by_its_external_id(http: httpx.Client) -> None:
    (parent,) = rows(http, "SELECT Id FROM Account WHERE External_Id__c = 'U1'")
    body = {"LastName": "r", "Account": {"attributes": {"type": "Account"}, "External_Id__c": "U1"}}
    made = http.post(f"{DATA}/sobjects/Contact", json=body)
    assert made.status_code == 201
    address = f"{DATA}/sobjects/Contact/{made.json()['id']}"
    assert http.get(address).json()["AccountId"] == parent["Id"]
    assert http.patch(address, json={"Account": None}).status_code == 204
    assert http.get(address).json()["AccountId"] is None
    assert http.patch(address, json={"Account": {"External_Id__c": "U1"}}).status_code == 204
    assert http.get(address).json()["AccountId"] == parent["Id"]
    many = {"records": [{"attributes": {"type": "Contact"}, "LastName": "s", "Account": {"External_Id__c": "U1"}}]}
    (saved,) = http.post(f"{DATA}/composite/sobjects", json=many).json()
    assert http.get(f"{DATA}/sobjects/Contact/{saved['id']}").json()["AccountId"] == parent["Id"]


@pytest.mark.parametrize(("given", "said"), [
    ({"External_Id__c": "NOPE"}, "Foreign key external ID: NOPE not found for field External_Id__c in entity Account"),
    ({"Name": "Parent"}, "Field name provided, Name does not match an External ID for Account"),
    ({}, "Exactly 1 field"),
    ({"External_Id__c": "U1", "Name": "Parent"}, "Exactly 1 field"),
    ({"attributes": {"type": "Lead"}, "External_Id__c": "U1"}, "Exactly 1 field"),
    ({"attributes": 5, "External_Id__c": ["U1"]}, "not found for field External_Id__c"),
])  # fmt: skip
def test_a_parent_that_is_not_there_is_refused(http: httpx.Client, given: dict[str, Any], said: str) -> None:
    refused = http.post(f"{DATA}/sobjects/Contact", json={"LastName": "r", "Account": given})
    assert refused.status_code == 400
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD"
    assert said in refused.json()[0]["message"]


def test_collections_inside_a_composite_request(http: httpx.Client) -> None:
    new = {"records": [{"attributes": {"type": "Account"}, "Name": f"In a part {n}"} for n in range(2)]}
    parts = [
        {"method": "POST", "url": f"{DATA}/composite/sobjects", "referenceId": "made", "body": new},
        {
            "method": "GET",
            "url": f"{DATA}/composite/sobjects/Account?ids=@{{made[0].id}}&fields=Name",
            "referenceId": "g",
        },
        {
            "method": "DELETE",
            "url": f"{DATA}/composite/sobjects?ids=@{{made[0].id}},@{{made[1].id}}",
            "referenceId": "d",
        },
    ]
    answers = http.post(f"{DATA}/composite", json={"compositeRequest": parts}).json()["compositeResponse"]
    assert [a["httpStatusCode"] for a in answers] == [200, 200, 200], answers
    assert answers[1]["body"][0]["Name"] == "In a part 0"
    assert [r["success"] for r in answers[2]["body"]] == [True, True]


def test_no_more_than_five_queries_and_collections_in_a_composite_request(http: httpx.Client) -> None:
    urls = [f"{DATA}/query?q=SELECT+Id+FROM+Account", f"{DATA}/composite/sobjects/Account?ids=&fields=Id"] * 3
    parts = [{"method": "GET", "url": url, "referenceId": f"r{n}"} for n, url in enumerate(urls)]
    assert http.post(f"{DATA}/composite", json={"compositeRequest": parts[:5]}).status_code == 200
    refused = http.post(f"{DATA}/composite", json={"compositeRequest": parts})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")
    tree = {"method": "POST", "url": f"{DATA}/composite/tree/Account", "referenceId": "t", "body": {"records": []}}
    answers = http.post(f"{DATA}/composite", json={"compositeRequest": [tree]}).json()["compositeResponse"]
    assert answers[0]["httpStatusCode"] == 404


@pytest.mark.parametrize(("number", "text"), [
    (19200000.0, "1.92E7"), (9999999.0, "9999999.0"), (1e7, "1.0E7"), (0.0, "0.0"), (-12345678.5, "-1.23456785E7"),
    (0.001, "0.001"), (0.00012, "1.2E-4"), (5.5, "5.5"), (1e17, "1.0E17"), (100.0, "100.0"),
])  # fmt: skip
def test_numbers_in_bulk_results_are_written_as_java_does(number: float, text: str) -> None:
    assert as_java(number) == text
