"""Addresses, composite requests, trees, collections and searches at the edges that the reference draws.

Source: REST API Developer Guide, sObject Relationships, Composite, sObject Tree, sObject Collections; SOQL and SOSL
Reference, FIND, OFFSET n.
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

DATA = "/services/data/v68.0"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with EmbeddedOrg(OrgSettings(accounts=3)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


def made(http: httpx.Client, sobject: str, **fields: Any) -> str:
    return http.post(f"{DATA}/sobjects/{sobject}", json=fields).json()["id"]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


@pytest.mark.parametrize("path", ["001", "%00", "001000000000001AA", "nope", "Name", "describe/nope"])
def test_an_address_that_is_not_there_sends_nobody_on(http: httpx.Client, path: str) -> None:
    assert code(http.get(f"{DATA}/sobjects/Account/{path}")) == (404, "NOT_FOUND")


def test_a_parent_is_changed_and_deleted_by_its_relationship(http: httpx.Client) -> None:
    account = made(http, "Account", Name="Parent")
    contact = made(http, "Contact", LastName="Child", AccountId=account)
    address = f"{DATA}/sobjects/Contact/{contact}/Account"
    assert http.patch(address, json={"Phone": "1"}).status_code == 204
    assert http.get(address).json()["Phone"] == "1"
    for wrong in ("Nope", "ReportsTo", "Name"):
        assert code(http.patch(f"{DATA}/sobjects/Contact/{contact}/{wrong}", json={})) == (404, "NOT_FOUND")
    assert http.delete(address).status_code == 204
    assert http.get(f"{DATA}/sobjects/Account/{account}").status_code == 404


def composite(http: httpx.Client, *parts: dict[str, Any]) -> httpx.Response:
    return http.post(f"{DATA}/composite", json={"compositeRequest": list(parts)})


@pytest.mark.parametrize("name", ["a b", "a.b", "_a", "ä", "a-b"])
def test_reference_ids_are_words(http: httpx.Client, name: str) -> None:
    part = {"method": "GET", "url": f"{DATA}/limits", "referenceId": name}
    assert code(composite(http, part)) == (400, "INVALID_INPUT")
    assert composite(http, part | {"referenceId": "1_a"}).status_code == 200


def test_a_part_with_a_method_that_there_is_not(http: httpx.Client) -> None:
    (row,) = composite(http, {"method": "NOPE", "url": f"{DATA}/limits", "referenceId": "a"}).json()[
        "compositeResponse"
    ]
    assert (row["httpStatusCode"], row["body"][0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")


def record(name: str | None, sobject: str = "Account", **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": sobject, **({} if name is None else {"referenceId": name})}, **fields}


@pytest.mark.parametrize(("trees", "said"), [
    ([record("a", Name="x"), record("a", Name="y")], "Duplicate ReferenceId"),
    ([record("a", Name="x", Contacts={"records": [record("a", "Contact", LastName="y")]})], "Duplicate ReferenceId"),
    ([record(None, Name="x")], "Include a reference ID"),
    ([record("a", "Contact", LastName="x")], "are of type Account"),
])  # fmt: skip
def test_a_tree_names_each_record_once(http: httpx.Client, trees: list[dict[str, Any]], said: str) -> None:
    answer = http.post(f"{DATA}/composite/tree/Account", json={"records": trees})
    assert (answer.status_code, answer.json()["hasErrors"]) == (400, True)
    (error,) = answer.json()["results"][0]["errors"]
    assert (error["statusCode"], said in error["message"]) == ("INVALID_INPUT", True)


def test_a_tree_of_an_object_that_there_is_not(http: httpx.Client) -> None:
    answer = http.post(f"{DATA}/composite/tree/Nope", json={"records": [record("a", "Nope")]})
    assert code(answer) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", [
    {"ids": "x", "fields": ["Id"]}, {"ids": [1], "fields": ["Id"]}, {"ids": [None], "fields": ["Id"]},
    {"ids": [], "fields": "Id"}, {"fields": ["Id"]}, {"ids": ["x"]},
])  # fmt: skip
def test_the_ids_of_a_collection_are_texts(http: httpx.Client, body: dict[str, Any]) -> None:
    assert code(http.post(f"{DATA}/composite/sobjects/Account", json=body)) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(("find", "expected"), [
    ("{alder} RETURNING Account(Id LIMIT 5 OFFSET 1)", 200),
    ("{alder} RETURNING Account(Id), Contact(Id OFFSET 1)", 400),
    ("{alder} RETURNING Account(COUNT(Id))", 400), ("{alder} RETURNING Account(Id OFFSET 2001)", 400),
    ("{" + "x" * 5000 + "}", 200), ("{" + "x" * 10001 + "}", 200), ("{alder} RETURNING ActivityHistory(Id)", 200),
])  # fmt: skip
def test_what_a_search_takes(http: httpx.Client, find: str, expected: int) -> None:
    assert http.get(f"{DATA}/search", params={"q": f"FIND {find}"}).status_code == expected
