"""Limits of collections, trees and sub-queries, each from its page in Salesforce's reference.

Source: REST API Developer Guide, sObject Tree, sObject Collections; SOQL and SOSL Reference, Understanding Relationship
Query Limitations.
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
    with EmbeddedOrg(OrgSettings(accounts=1)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


def account(name: str, **more: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account", "referenceId": name}, "Name": name, **more}


def chain(levels: int) -> dict[str, Any]:
    one = account(f"level {levels}")
    for n in range(levels - 1, 0, -1):
        one = account(f"level {n}", ChildAccounts={"records": [one]})
    return one


def grown(http: httpx.Client, trees: list[dict[str, Any]]) -> httpx.Response:
    return http.post(f"{DATA}/composite/tree/Account", json={"records": trees})


def test_a_tree_is_five_levels_deep_at_most(http: httpx.Client) -> None:
    assert grown(http, [chain(5)]).status_code == 201
    for levels in (6, 80):
        refused = grown(http, [chain(levels)])
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_INPUT")


def test_trees_have_two_hundred_records_in_all(http: httpx.Client) -> None:
    below = {"records": [account(f"c{n}") for n in range(199)]}
    assert grown(http, [account("root", ChildAccounts=below)]).status_code == 201
    refused = grown(http, [account("root", ChildAccounts=below), account("other")])
    assert "at most 200 records across all trees" in refused.json()[0]["message"]


def test_a_collection_has_ten_chunks_at_most(http: httpx.Client) -> None:
    contact = {"attributes": {"type": "Contact"}, "LastName": "x"}
    turns = [account("a"), contact] * 6
    refused = http.post(f"{DATA}/composite/sobjects", json={"records": turns})
    assert (refused.status_code, "more than 10 chunks" in refused.json()[0]["message"]) == (400, True)
    assert all(r["success"] for r in http.post(f"{DATA}/composite/sobjects", json={"records": turns[:10]}).json())
    together = sorted(turns, key=lambda r: r["attributes"]["type"])
    assert all(r["success"] for r in http.post(f"{DATA}/composite/sobjects", json={"records": together}).json())


def test_two_thousand_records_are_read_at_once_and_none_is_left_out(http: httpx.Client) -> None:
    (one,) = http.get(f"{DATA}/query", params={"q": "SELECT Id FROM Account LIMIT 1"}).json()["records"]
    address = f"{DATA}/composite/sobjects/Account"
    found = http.post(address, json={"ids": [one["Id"]] * 2000, "fields": ["Name"]}).json()
    assert [r["Id"] for r in found] == [one["Id"]] * 2000
    refused = http.post(address, json={"ids": [one["Id"]] * 2001, "fields": ["Name"]})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")


def nested(levels: int) -> str:
    text = "SELECT Id FROM ChildAccounts"
    for _ in range(levels - 2):
        text = f"SELECT Id, ({text}) FROM ChildAccounts"
    return f"SELECT Id, ({text}) FROM Account"


@pytest.mark.parametrize(("version", "levels", "good"), [
    ("68.0", 5, True), ("68.0", 6, False), ("58.0", 5, True), ("57.0", 2, True), ("57.0", 3, False),
])  # fmt: skip
def test_children_below_children(http: httpx.Client, version: str, levels: int, good: bool) -> None:
    answer = http.get(f"/services/data/v{version}/query", params={"q": nested(levels)})
    assert answer.status_code == (200 if good else 400), answer.text
    assert good or answer.json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_twenty_sub_queries_at_most(http: httpx.Client) -> None:
    subs = ", ".join(["(SELECT Id FROM Contacts)"] * 21)
    refused = http.get(f"{DATA}/query", params={"q": f"SELECT Id, {subs} FROM Account"})
    assert (refused.status_code, "at most 20 parent-to-child" in refused.json()[0]["message"]) == (400, True)
