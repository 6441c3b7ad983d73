"""What SOQL does not allow, each rule from its page in the SOQL and SOSL Reference."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

Query = Callable[[str], Any]


@pytest.fixture(scope="module")
def query() -> Iterator[Query]:
    with EmbeddedOrg(OrgSettings(accounts=12)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield lambda text: client.get("/services/data/v68.0/query", params={"q": text}).json()


OF_CONTACTS = "Id IN (SELECT AccountId FROM Contact)"
OF_DEALS = "Id NOT IN (SELECT AccountId FROM Opportunity)"
OF_CASES = "Id IN (SELECT AccountId FROM Case)"
SAME = "The inner and outer selects should not be on the same object type"


@pytest.mark.parametrize(("where", "said"), [
    (f"Name = 'x' OR {OF_CONTACTS}", "not allowed with the 'OR' operator"),
    (f"{OF_DEALS} OR Name = 'x'", "not allowed with the 'OR' operator"),
    (f"Name = 'x' AND (Phone = '1' OR {OF_CONTACTS})", "only allowed at the top level WHERE expressions"),
    (f"Name = 'x' AND (Phone = '1' AND {OF_CONTACTS})", "only allowed at the top level WHERE expressions"),
    (f"NOT {OF_CONTACTS}", "not allowed with the 'NOT' operator"),
    (f"Name = 'x' AND (NOT {OF_CONTACTS})", "not allowed with the 'NOT' operator"),
    (f"{OF_CONTACTS} AND {OF_DEALS} AND {OF_CASES}", "at most 2 semi join"),
    ("Id IN (SELECT ParentId FROM Account)", SAME),
    ("Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT ContactId FROM Case))", "Nesting of semi join"),
    ("Id IN (SELECT WhatId FROM Task)", "Task is not supported"),
    ("Parent.Id IN (SELECT AccountId FROM Contact)", "cannot use relationships"),
    ("Id IN (SELECT Account.ParentId FROM Contact)", "cannot use relationships"),
    ("Id IN (SELECT AccountId FROM Contact LIMIT 5)", "not supported in semi join sub-selects"),
    ("Id IN (SELECT AccountId FROM Contact ORDER BY Name)", "not supported in semi join sub-selects"),
    ("Id IN (SELECT COUNT() FROM Contact)", "must select exactly one field"),
    ("Id IN (SELECT AccountId, Id FROM Contact)", "must select exactly one field"),
])  # fmt: skip
def test_a_semi_join_stands_alone_at_the_top(query: Query, where: str, said: str) -> None:
    (refused,) = query(f"SELECT Id FROM Account WHERE {where}")
    assert (refused["errorCode"], said in refused["message"]) == ("MALFORMED_QUERY", True), refused


def test_a_semi_join_compares_ids(query: Query) -> None:
    (label,) = query("SELECT Id FROM Account WHERE toLabel(Industry) IN (SELECT Id FROM Contact)")
    assert label["errorCode"] == "INVALID_FIELD"
    (refused,) = query("SELECT Id FROM Account WHERE Id IN (SELECT LastName FROM Contact)")
    assert refused["errorCode"] == "INVALID_FIELD"
    assert "Semi join sub-selects can only query id fields, cannot use: 'LastName'" in refused["message"]


@pytest.mark.parametrize("where", [
    OF_CONTACTS, f"({OF_CONTACTS})", f"{OF_CONTACTS} AND {OF_DEALS}", f"{OF_CONTACTS} AND (Name = 'x' OR Name = 'y')",
    "Id IN (SELECT AccountId FROM Contact WHERE LastName = 'x' OR LastName = 'y')",
])  # fmt: skip
def test_where_it_is_allowed_it_answers(query: Query, where: str) -> None:
    assert "records" in query(f"SELECT Id FROM Account WHERE {where}")


def test_the_condition_of_a_sub_query_may_hold_one(query: Query) -> None:
    of_contacts = "(SELECT Id FROM Contacts WHERE LastName != 'x' AND Id IN (SELECT ContactId FROM Case))"
    assert "records" in query(f"SELECT Id, {of_contacts} FROM Account")


@pytest.mark.parametrize(("text", "said"), [
    ("SELECT MAX(CreatedDate) FROM Account LIMIT 1", "Non-grouped query that uses overall aggregate functions"),
    ("SELECT COUNT(Id) FROM Account LIMIT 1", "Non-grouped query that uses overall aggregate functions"),
    ("SELECT COUNT() FROM Account GROUP BY Industry", "cannot be used with GROUP BY"),
    ("SELECT COUNT() FROM Account ORDER BY Name", "cannot be used with ORDER BY"),
    ("SELECT COUNT(), MAX(Name) FROM Account", "cannot be used with another item"),
    ("SELECT Name, COUNT() FROM Account", "cannot be used with another item"),
    ("SELECT COUNT(IsDeleted) FROM Account", "does not support aggregate operator COUNT"),
    ("SELECT SUM(Industry) FROM Account", "does not support aggregate operator SUM"),
    ("SELECT MAX(BillingAddress) FROM Account", "does not support aggregate operator MAX"),
    ("SELECT MIN(Interests__c) FROM Lead", "does not support aggregate operator MIN"),
])  # fmt: skip
def test_what_cannot_stand_beside_an_aggregate(query: Query, text: str, said: str) -> None:
    (refused,) = query(text)
    assert (refused["errorCode"], said in refused["message"]) == ("MALFORMED_QUERY", True), refused


@pytest.mark.parametrize("text", [
    "SELECT COUNT() FROM Account LIMIT 3", "SELECT Industry, MAX(Name) FROM Account GROUP BY Industry LIMIT 2",
    "SELECT COUNT(Id), MAX(CloseDate) FROM Opportunity WHERE Amount > 5",
])  # fmt: skip
def test_what_can(query: Query, text: str) -> None:
    assert "records" in query(text)


def test_objects_may_be_named_like_words(query: Query) -> None:
    (missing,) = query("SELECT Id FROM Order LIMIT 1")
    assert (missing["errorCode"], "sObject type 'Order'" in missing["message"]) == ("INVALID_TYPE", True)
    for text in ("SELECT Id FROM ORDER BY Id", "SELECT Id FROM GROUP BY Id", "SELECT Id FROM Where"):
        assert query(text)[0]["errorCode"] == "MALFORMED_QUERY"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-13-01T00:00:00Z"])
def test_a_moment_outside_the_calendar_is_refused(query: Query, moment: str) -> None:
    (refused,) = query(f"SELECT Id FROM Account WHERE CreatedDate > {moment}")
    assert (refused["errorCode"], "Invalid date" in refused["message"]) == ("MALFORMED_QUERY", True)


def test_a_limit_of_any_length_is_a_number(query: Query) -> None:
    assert len(query(f"SELECT Id FROM Account LIMIT {'9' * 5000}")["records"]) == 12
    assert query(f"SELECT Id FROM Account OFFSET {'9' * 30}")[0]["errorCode"] == "NUMBER_OUTSIDE_VALID_RANGE"
