"""Which clauses, functions and types go together in SOQL: each row is a sentence of the SOQL and SOSL Reference.

The page of the reference stands above each table. What is refused is refused with Salesforce's code; what the page
allows answers.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings

Query = Callable[[str], Any]
GOOD = "records"


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with EmbeddedOrg(OrgSettings(accounts=12)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        control(org.url, "limits", {"urlBytes": None})  # for the longest queries
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


@pytest.fixture(scope="module")
def query(client: Any) -> Query:
    return lambda text: client.get("/services/data/v68.0/query", params={"q": text}).json()


def outcome(answer: Any) -> str:
    return answer[0]["errorCode"] if isinstance(answer, list) else GOOD


BAD, NO_OPERATOR, NO_FIELD = "MALFORMED_QUERY", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_FIELD"
ONE_ID = "'001000000000001AAA'"


# SELECT: FIELDS(), Bounded and Unbounded Queries, Limiting Result Rows
@pytest.mark.parametrize(("text", "expected"), [
    ("SELECT FIELDS(STANDARD) FROM Account", GOOD),
    ("SELECT FIELDS(ALL) FROM Account LIMIT 200", GOOD),
    ("SELECT FIELDS(ALL) FROM Account LIMIT 201", BAD),
    ("SELECT FIELDS(ALL) FROM Account", BAD),
    ("SELECT FIELDS(CUSTOM) FROM Account", BAD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id IN ({ONE_ID})", GOOD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id = {ONE_ID} OR Id = {ONE_ID}", GOOD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id = {ONE_ID} AND Name = 'x'", GOOD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id = {ONE_ID} OR Name = 'x'", BAD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id NOT IN ({ONE_ID})", BAD),
    (f"SELECT FIELDS(ALL) FROM Account WHERE Id IN ({', '.join([ONE_ID] * 201)})", BAD),
    ("SELECT Id, FIELDS(ALL) FROM Account LIMIT 200", NO_FIELD),
    ("SELECT Name, (SELECT FIELDS(ALL) FROM Account.Contacts LIMIT 200) FROM Account", GOOD),
    ("SELECT Name, (SELECT FIELDS(ALL) FROM Contacts) FROM Account", BAD),
    ("SELECT FIELDS(STANDARD), COUNT(Id) FROM Account GROUP BY Id", BAD),
])  # fmt: skip
def test_fields(query: Query, text: str, expected: str) -> None:
    assert outcome(query(text)) == expected


# WHERE: Comparison Operators; Query Multi-Select Picklists; the Note on strings; LIKE
@pytest.mark.parametrize(("where", "expected"), [
    ("Account.Name LIKE 'a%'", GOOD), ("StageName LIKE 'a%'", GOOD), ("Amount LIKE '1%'", NO_OPERATOR),
    ("CloseDate LIKE '2%'", NO_OPERATOR), ("IsClosed LIKE 't%'", NO_OPERATOR), ("Id LIKE '006%'", NO_OPERATOR),
    ("AccountId LIKE '001%'", NO_OPERATOR), ("Id > '006'", NO_OPERATOR), ("Id > '006000000000000'", GOOD),
    ("Name LIKE null", BAD), ("Amount > null", BAD), ("Amount = null", GOOD),
    ("Name = '" + "x" * 4000 + "'", GOOD), ("Name = '" + "x" * 4001 + "'", BAD),
    ("Name IN ('a', '" + "x" * 4001 + "')", BAD), ("NOT (Amount > 1 AND Name LIKE '" + "x" * 4001 + "')", BAD),
    ("StageName INCLUDES ('a')", NO_OPERATOR), ("convertCurrency(Amount) > 5", BAD), ("Description = 'x'", NO_FIELD),
])  # fmt: skip
def test_conditions(query: Query, where: str, expected: str) -> None:
    assert outcome(query(f"SELECT Id FROM Opportunity WHERE {where}")) == expected


@pytest.mark.parametrize(("where", "expected"), [
    ("= 'Hardware;Software'", GOOD), ("!= 'Hardware'", GOOD), ("INCLUDES ('Hardware;Software', 'Training')", GOOD),
    ("EXCLUDES ('Hardware')", GOOD), ("> 'Hardware'", NO_OPERATOR), ("LIKE 'H%'", NO_OPERATOR),
    ("IN ('Hardware')", NO_OPERATOR), ("NOT IN ('Hardware')", NO_OPERATOR),
])  # fmt: skip
def test_multi_select_picklists_have_four_operators(query: Query, where: str, expected: str) -> None:
    assert outcome(query(f"SELECT Id FROM Lead WHERE Interests__c {where}")) == expected


# Date Functions
@pytest.mark.parametrize(("text", "expected"), [
    ("SELECT Id FROM Opportunity WHERE CALENDAR_YEAR(CreatedDate) = 2026", GOOD),
    ("SELECT Id FROM Opportunity WHERE CALENDAR_YEAR(CreatedDate) = THIS_YEAR", NO_FIELD),
    ("SELECT CALENDAR_YEAR(CreatedDate), Amount FROM Opportunity", BAD),
    ("SELECT CALENDAR_YEAR(CloseDate) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)", GOOD),
    ("SELECT CALENDAR_YEAR(CloseDate) FROM Opportunity GROUP BY CloseDate", GOOD),
    ("SELECT CALENDAR_YEAR(CreatedDate) FROM Opportunity GROUP BY CreatedDate", BAD),
    ("SELECT Id FROM Opportunity WHERE HOUR_IN_DAY(CloseDate) = 5", BAD),
    ("SELECT Id FROM Opportunity WHERE HOUR_IN_DAY(CreatedDate) = 5", GOOD),
    ("SELECT Id FROM Opportunity WHERE DAY_ONLY(CloseDate) = TODAY", BAD),
    ("SELECT Id FROM Opportunity WHERE DAY_ONLY(CreatedDate) = TODAY", GOOD),
    ("SELECT Id FROM Opportunity WHERE CALENDAR_YEAR(Name) = 2026", BAD),
    ("SELECT convertTimezone(CreatedDate) FROM Opportunity", BAD),
    ("SELECT HOUR_IN_DAY(convertTimezone(CreatedDate)) h FROM Opportunity"
     " GROUP BY HOUR_IN_DAY(convertTimezone(CreatedDate))", GOOD),
    ("SELECT CALENDAR_YEAR(convertTimezone(CloseDate)) y FROM Opportunity"
     " GROUP BY CALENDAR_YEAR(convertTimezone(CloseDate))", BAD),
])  # fmt: skip
def test_date_functions(query: Query, text: str, expected: str) -> None:
    assert outcome(query(text)) == expected


def test_a_date_function_of_a_grouped_date_is_its_part(query: Query) -> None:
    rows = query("SELECT CloseDate d, CALENDAR_YEAR(CloseDate) y FROM Opportunity GROUP BY CloseDate")["records"]
    assert all(row["y"] == int(row["d"][:4]) for row in rows)


# GROUP BY, GROUP BY ROLLUP, GROUP BY CUBE, HAVING, Use Aliases with GROUP BY
@pytest.mark.parametrize(("rest", "expected"), [
    ("GROUP BY StageName HAVING COUNT(Id) > 1", GOOD),
    ("GROUP BY StageName HAVING COUNT(Id) > 1 AND (NOT StageName = 'x')", GOOD),
    ("GROUP BY StageName HAVING Name LIKE 'San%'", BAD),
    ("GROUP BY StageName HAVING COUNT(Id) > 1 AND Name LIKE 'San%'", BAD),
    ("GROUP BY StageName HAVING Account.Name IN ('a')", BAD),
    ("GROUP BY StageName, AccountId HAVING AccountId IN (SELECT Id FROM Account)", BAD),
    ("GROUP BY StageName HAVING SUM(Amount) = null", GOOD), ("GROUP BY StageName HAVING COUNT(Id) IN (1, 2)", GOOD),
    ("WHERE COUNT(Id) IN (1, 2)", BAD),
    ("GROUP BY ROLLUP(StageName) HAVING GROUPING(StageName) = 1", GOOD),
    ("GROUP BY ROLLUP(StageName) HAVING GROUPING(Name) = 1", BAD),
    ("GROUP BY StageName ORDER BY COUNT(Id)", GOOD), ("GROUP BY StageName ORDER BY Name", BAD),
    ("GROUP BY ROLLUP(StageName), Type", BAD), ("GROUP BY ROLLUP(StageName, Type, LeadSource, OwnerId)", BAD),
    ("GROUP BY CUBE(StageName, Type, LeadSource, OwnerId)", BAD),
    ("GROUP BY StageName LIMIT 5", GOOD), ("GROUP BY Amount", NO_FIELD), ("GROUP BY CreatedDate", NO_FIELD),
    ("GROUP BY Description", NO_FIELD), ("LIMIT 1", BAD),
])  # fmt: skip
def test_groups(query: Query, rest: str, expected: str) -> None:
    assert outcome(query(f"SELECT COUNT(Name) n FROM Opportunity {rest}")) == expected


def test_two_items_do_not_share_an_alias(query: Query) -> None:
    (refused,) = query("SELECT StageName s, COUNT(Id) n, COUNT(Name) N FROM Opportunity GROUP BY StageName")
    assert (refused["errorCode"], "duplicate alias: N" in refused["message"]) == (BAD, True)


# Support for Field Types in Aggregate Functions: the table of the page
@pytest.mark.parametrize(("field", "functions"), [
    ("Amount", "AVG COUNT COUNT_DISTINCT MIN MAX SUM"), ("Probability", "AVG COUNT COUNT_DISTINCT MIN MAX SUM"),
    ("Account.NumberOfEmployees", "AVG COUNT COUNT_DISTINCT MIN MAX SUM"),
    ("CloseDate", "COUNT COUNT_DISTINCT MIN MAX"),
    ("CreatedDate", "COUNT COUNT_DISTINCT MIN MAX"), ("Name", "COUNT COUNT_DISTINCT MIN MAX"),
    ("Id", "COUNT COUNT_DISTINCT MIN MAX"), ("AccountId", "COUNT COUNT_DISTINCT MIN MAX"),
    ("StageName", "COUNT COUNT_DISTINCT MIN MAX"), ("Account.Phone", "COUNT COUNT_DISTINCT MIN MAX"),
    ("Account.Website", "COUNT COUNT_DISTINCT MIN MAX"), ("Account.BillingStreet", "COUNT COUNT_DISTINCT MIN MAX"),
    ("IsClosed", ""), ("Description", ""), ("Account.BillingAddress", ""),
])  # fmt: skip
def test_aggregates_of_types(query: Query, field: str, functions: str) -> None:
    for function in ("AVG", "COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM"):
        expected = GOOD if function in functions.split() else BAD
        assert outcome(query(f"SELECT {function}({field}) FROM Opportunity")) == expected, function


# ORDER BY; OFFSET; USING SCOPE; FOR VIEW and FOR REFERENCE; convertCurrency(); FORMAT(); toLabel()
@pytest.mark.parametrize(("text", "expected"), [
    ("SELECT Id FROM Lead ORDER BY Interests__c", NO_FIELD), ("SELECT Id FROM Account ORDER BY Description", NO_FIELD),
    ("SELECT Id FROM Account ORDER BY BillingAddress", NO_FIELD), ("SELECT Id FROM Account ORDER BY Phone, Id", GOOD),
    ("SELECT Id FROM Contact ORDER BY Account.Name DESC NULLS LAST", GOOD),
    ("SELECT Id FROM Account OFFSET 2000", GOOD), ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ("SELECT Id, (SELECT Id FROM Contacts LIMIT 10 OFFSET 2) FROM Account ORDER BY Name LIMIT 1", GOOD),
    ("SELECT Id, (SELECT Id FROM Contacts LIMIT 10 OFFSET 2) FROM Account ORDER BY Name", BAD),
    ("SELECT Id, (SELECT Id FROM Contacts LIMIT 10 OFFSET 2) FROM Account LIMIT 2", BAD),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact OFFSET 2) LIMIT 1", BAD),
    ("SELECT Id, (SELECT Id FROM Contacts USING SCOPE mine) FROM Account", BAD),
    ("SELECT Id FROM Account USING SCOPE mine", GOOD), ("SELECT Id FROM Account USING SCOPE nope", BAD),
    ("SELECT Id FROM Account WITH SECURITY_ENFORCED", GOOD), ("SELECT Id FROM Account WITH USER_MODE", GOOD),
    ("SELECT Id FROM Account FOR VIEW", GOOD), ("SELECT Id FROM Account FOR REFERENCE", GOOD),
    ("SELECT Id FROM Opportunity ORDER BY convertCurrency(Amount)", BAD),
    ("SELECT convertCurrency(SUM(Amount)) FROM Opportunity", BAD),
    ("SELECT FORMAT(MIN(CloseDate)) m FROM Opportunity", GOOD),
    ("SELECT CreatedDate, FORMAT(CreatedDate) FROM Account", NO_FIELD),
    ("SELECT CreatedDate, FORMAT(CreatedDate) shown FROM Account", GOOD),
    ("SELECT toLabel(Name) FROM Account", NO_FIELD), ("SELECT toLabel(Industry) FROM Account", GOOD),
])  # fmt: skip
def test_other_clauses(query: Query, text: str, expected: str) -> None:
    assert outcome(query(text)) == expected


# TYPEOF, Considerations; SOQL SELECT Syntax, typeOfField
ACCOUNT = "WHEN Account THEN Phone"


@pytest.mark.parametrize(("text", "expected"), [
    (f"SELECT TYPEOF What {ACCOUNT} END FROM Task", GOOD),
    (f"SELECT TYPEOF What {ACCOUNT} ELSE Name END, TYPEOF Who WHEN Contact THEN Email END, Subject FROM Task", GOOD),
    (f"SELECT TYPEOF What {ACCOUNT} END, TYPEOF What WHEN Case THEN Subject END FROM Task", BAD),
    (f"SELECT TYPEOF What {ACCOUNT} {ACCOUNT} END FROM Task", BAD),
    (f"SELECT What.Name, TYPEOF What {ACCOUNT} END FROM Task", BAD),
    (f"SELECT WhatId, Who.Name, TYPEOF What {ACCOUNT} END FROM Task", GOOD),
    (f"SELECT FORMAT(CreatedDate) x, TYPEOF What {ACCOUNT} END FROM Task", BAD),
    ("SELECT TYPEOF What WHEN Account THEN FORMAT(CreatedDate) END FROM Task", BAD),
    (f"SELECT TYPEOF What {ACCOUNT} END FROM Task GROUP BY WhatId", BAD),
    ("SELECT TYPEOF What WHEN Account THEN TYPEOF Owner WHEN User THEN Id END END FROM Task", BAD),
    (f"SELECT Id, (SELECT TYPEOF What {ACCOUNT} END FROM Tasks) FROM Account", GOOD),
    ("SELECT Id FROM Contact WHERE OwnerId IN (SELECT TYPEOF Owner WHEN User THEN Id END FROM Case)", BAD),
    (f"SELECT TYPEOF What {ACCOUNT} END FROM Task WHERE CreatedById IN (SELECT CreatedById FROM Case)", GOOD),
])  # fmt: skip
def test_type_of(query: Query, text: str, expected: str) -> None:
    assert outcome(query(text)) == expected


# Understanding Relationship Query Limitations
def test_five_levels_up_and_fifty_five_relationships(query: Query) -> None:
    assert outcome(query(f"SELECT {'Parent.' * 5}Name FROM Account")) == GOOD
    assert outcome(query(f"SELECT {'Parent.' * 6}Name FROM Account")) == NO_FIELD
    people = ("Owner", "CreatedBy", "LastModifiedBy")
    own = [*people, *(f"{one}.{other}" for one in people for other in ("CreatedBy", "LastModifiedBy", "Profile"))]
    # Four parents with twelve relationships below each but the last, which has three.
    paths = [f"{'Parent.' * n}{one}.Id" for n in range(4) for one in own]
    paths += [f"{'Parent.' * 4}{one}.Id" for one in people]
    allowed = query(f"SELECT {', '.join(paths)} FROM Account")
    assert outcome(allowed) == GOOD, allowed
    (refused,) = query(f"SELECT {', '.join([*paths, 'Owner.CreatedBy.CreatedBy.Id'])} FROM Account")
    assert (refused["errorCode"], "at most 55 child-to-parent" in refused["message"]) == (BAD, True)


# SOQL SELECT Syntax, subquery; Using Relationship Queries
def test_a_sub_query_may_name_its_parent(query: Query) -> None:
    text = "SELECT Account.Name, (SELECT Contact.LastName FROM Account.Contacts) FROM Account"
    named, plain = query(text)["records"], query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account")["records"]
    assert [r["Contacts"] and r["Contacts"]["records"] for r in named] == [
        r["Contacts"] and r["Contacts"]["records"] for r in plain
    ]
    assert any(r["Contacts"] for r in named)
    assert outcome(query("SELECT Id, (SELECT Id FROM Contact.Contacts) FROM Account")) == "INVALID_TYPE"


# SELECT, Statement Character Limit: a batch holds a longer text than an address may
def test_a_statement_has_a_hundred_thousand_characters(client: Any) -> None:
    def made(size: int) -> int:
        text = "SELECT Id FROM Account WHERE Name != 'x'"
        job = {"operation": "query", "query": text + " " * (size - len(text))}
        answer = client.post("/services/data/v68.0/jobs/query", json=job)
        assert answer.status_code == 200 or answer.json()[0]["errorCode"] == BAD
        return answer.status_code

    assert (made(100_000), made(100_001)) == (200, 400)


# SELECT, Bounded and Unbounded Queries; OFFSET, Considerations: Bulk
@pytest.mark.parametrize("text", [
    "SELECT FIELDS(ALL) FROM Account LIMIT 200", "SELECT Id FROM Account OFFSET 2",
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account", "SELECT COUNT(Id) FROM Account",
    "SELECT TYPEOF What WHEN Account THEN Phone END FROM Task",
])  # fmt: skip
def test_what_a_bulk_query_does_not_take(client: Any, text: str) -> None:
    answer = client.post("/services/data/v68.0/jobs/query", json={"operation": "query", "query": text})
    assert answer.status_code == 400, text


# SELECT, Statement Character Limit: QUERY_TOO_COMPLICATED. What the tables of this org cannot read is refused so too.
ONE, MANY = "'x'", "'a;b'"
LONG = {
    "AND": ("SELECT Id FROM Account WHERE " + " AND ".join(["Name != 'x'"] * 800), GOOD),
    "OR": ("SELECT Id FROM Account WHERE " + " OR ".join(["Name != 'x'"] * 1000), GOOD),
    "INCLUDES": (f"SELECT Id FROM Lead WHERE Interests__c INCLUDES ({','.join([MANY] * 1500)})", GOOD),
    "IN": (f"SELECT Id FROM Account WHERE Name IN ({','.join([ONE] * 3500)})", GOOD),
    "HAVING": ("SELECT Name FROM Account GROUP BY Name HAVING " + " AND ".join(["COUNT(Id) > 0"] * 700), GOOD),
    "LIKE": (f"SELECT Id FROM Account WHERE Name LIKE '{'%a' * 1900}'", GOOD),
    "brackets": (f"SELECT Id FROM Account WHERE {'(' * 400}Name = 'x'{')' * 400}", "QUERY_TOO_COMPLICATED"),
    "NOT": (f"SELECT Id FROM Account WHERE {'NOT ' * 900}Name = 'x'", "QUERY_TOO_COMPLICATED"),
    "ORDER BY": (f"SELECT Id FROM Account ORDER BY {','.join(['Name'] * 3000)}", "QUERY_TOO_COMPLICATED"),
    "GROUP BY": (f"SELECT Name FROM Account GROUP BY {','.join(['Name'] * 2500)}", "QUERY_TOO_COMPLICATED"),
    "SELECT": (f"SELECT {','.join(f'COUNT(Id) a{n}' for n in range(900))} FROM Account", GOOD),
}


@pytest.mark.parametrize("what", LONG)
def test_a_long_query_is_answered_or_too_complicated(query: Query, what: str) -> None:
    text, expected = LONG[what]
    assert outcome(query(text)) == expected
