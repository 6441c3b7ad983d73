"""SOQL: what it answers, held against a plain reading of the same records; what it refuses, in Salesforce's words."""

import contextlib
import random
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.soql.dates import date_span
from localorg.soql.syntax import parse
from localorg.soql.tree import SoqlError
from tests.depth import examples
from tests.localorg.soql_evaluator import an_org, asked, differs

Query = Callable[..., Any]


@pytest.fixture(scope="module")
def untouched() -> Iterator[EmbeddedOrg]:
    """An org that no other test writes to."""
    with EmbeddedOrg(OrgSettings(accounts=60)) as running:
        yield running


@pytest.fixture(scope="module")
def query(untouched: EmbeddedOrg) -> Iterator[Query]:
    org = untouched
    token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
    with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:

        def run(text: str, path: str = "/services/data/v68.0/query", **headers: str) -> Any:
            answer = client.get(path, params={"q": text} if text else None, headers=headers)
            return answer.json()

        yield run


@pytest.fixture(scope="module")
def accounts(query: Query) -> list[dict[str, Any]]:
    return query("SELECT FIELDS(STANDARD) FROM Account")["records"]


@pytest.mark.parametrize(
    ("where", "test"),
    [
        ("Industry = 'Media'", lambda a: a["Industry"] == "Media"),
        ("Industry = 'mEDIA'", lambda a: a["Industry"] == "Media"),
        ("Industry != 'Media'", lambda a: a["Industry"] != "Media"),
        ("AnnualRevenue >= 30000000", lambda a: a["AnnualRevenue"] >= 30_000_000),
        ("Name LIKE 'a%'", lambda a: a["Name"].lower().startswith("a")),
        ("Name LIKE '%_n_%'", lambda a: "n" in a["Name"].lower()[1:-1]),
        ("NOT Name LIKE 'A%'", lambda a: not a["Name"].startswith("A")),
        ("Industry IN ('Media', 'Energy')", lambda a: a["Industry"] in ("Media", "Energy")),
        ("Industry NOT IN ('Media', 'Energy')", lambda a: a["Industry"] not in ("Media", "Energy")),
        ("Fax = null", lambda a: a["Fax"] is None),
        ("Fax != null", lambda a: a["Fax"] is not None),
        (
            "(Rating = 'Hot' OR Rating = 'Cold') AND NumberOfEmployees < 4000",
            lambda a: a["Rating"] in ("Hot", "Cold") and a["NumberOfEmployees"] < 4000,
        ),
        ("Owner.Name = 'Sam Sales' AND Owner.Profile.Name LIKE 'Standard%'", lambda a: True),
        ("CreatedDate < 2026-01-01T00:00:00Z", lambda a: a["CreatedDate"] < "2026-01-01"),
        ("CreatedDate = LAST_N_DAYS:100000", lambda a: True),
        ("IsDeleted = false", lambda a: True),
    ],
)
def test_where(
    query: Query, accounts: list[dict[str, Any]], where: str, test: Callable[[dict[str, Any]], bool]
) -> None:
    found = query(f"SELECT Id FROM Account WHERE {where}")
    assert sorted(r["Id"] for r in found["records"]) == sorted(a["Id"] for a in accounts if test(a))
    assert found["totalSize"] == len(found["records"])
    assert query(f"SELECT COUNT() FROM Account WHERE {where}") == {
        "totalSize": found["totalSize"],
        "done": True,
        "records": [],
    }


def test_relationships_in_both_directions(query: Query) -> None:
    contacts = query("SELECT Id, Account.Name, Account.Owner.Name, AccountId FROM Contact")["records"]
    parents = query(
        "SELECT Id, Name, (SELECT Id FROM Contacts ORDER BY Id), (SELECT Id FROM Opportunities) FROM Account"
    )["records"]
    by_account = {p["Id"]: p for p in parents}
    assert all(c["Account"]["Name"] == by_account[c["AccountId"]]["Name"] for c in contacts)
    assert all(c["Account"]["attributes"]["url"].endswith(c["AccountId"]) for c in contacts)
    assert sum(p["Contacts"]["totalSize"] for p in parents) == len(contacts)
    assert any(p["Opportunities"] is None for p in parents)


def test_a_missing_parent_is_null(query: Query) -> None:
    assert all(r["Parent"] is None for r in query("SELECT Parent.Name FROM Account LIMIT 3")["records"])


def test_semi_and_anti_joins(query: Query, accounts: list[dict[str, Any]]) -> None:
    inside = query("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)")[
        "records"
    ]
    outside = query(
        "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)"
    )["records"]
    assert {r["Id"] for r in inside} | {r["Id"] for r in outside} == {a["Id"] for a in accounts}
    assert not {r["Id"] for r in inside} & {r["Id"] for r in outside}


def test_multi_select_picklists(query: Query) -> None:
    leads = query("SELECT Id, Interests__c FROM Lead")["records"]
    chosen = {r["Id"]: set((r["Interests__c"] or "").split(";")) for r in leads}
    found = query("SELECT Id FROM Lead WHERE Interests__c INCLUDES ('Hardware;Software', 'Training')")["records"]
    assert {r["Id"] for r in found} == {
        i for i, c in chosen.items() if {"Hardware", "Software"} <= c or "Training" in c
    }
    left = query("SELECT Id FROM Lead WHERE Interests__c EXCLUDES ('Hardware;Software', 'Training')")["records"]
    assert {r["Id"] for r in found} | {r["Id"] for r in left} == set(chosen)
    assert query("SELECT Id FROM Lead WHERE Name INCLUDES ('x')")[0]["errorCode"] == "INVALID_QUERY_FILTER_OPERATOR"


def test_aggregates_group_and_have(query: Query) -> None:
    deals = query("SELECT StageName, Amount FROM Opportunity")["records"]
    groups = query(
        "SELECT StageName, COUNT(Id), SUM(Amount) total, MAX(Amount) FROM Opportunity GROUP BY StageName HAVING"
        " COUNT(Id) > 2 ORDER BY COUNT(Id) DESC"
    )
    for row in groups["records"]:
        same = [d["Amount"] for d in deals if d["StageName"] == row["StageName"]]
        assert row == {
            "attributes": {"type": "AggregateResult"},
            "StageName": row["StageName"],
            "expr0": len(same),
            "total": sum(same),
            "expr1": max(same),
        }
    counts = [r["expr0"] for r in groups["records"]]
    assert counts == sorted(counts, reverse=True)


def test_paging_follows_the_locator(query: Query) -> None:
    first = query("SELECT Id FROM Contact ORDER BY Id", **{"Sforce-Query-Options": "batchSize=200"})
    total = query("SELECT COUNT() FROM Contact")["totalSize"]
    assert first["totalSize"] == total
    seen = list(first["records"])
    while "nextRecordsUrl" in first:
        first = query("", path=first["nextRecordsUrl"])
        seen += first["records"]
    assert len({r["Id"] for r in seen}) == total
    assert query("", path="/services/data/v68.0/query/01gnonsense-5") == [
        {"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}
    ]


@pytest.mark.parametrize(
    ("text", "code", "ending"),
    [
        ("SELECT Id FORM Account", "MALFORMED_QUERY", "unexpected token: 'Account'"),
        ("SELECT Id", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("SELECT Owner.Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'User'"),
        ("SELECT Nobody.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Nobody'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported."),
        ("SELECT Id, Id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE Name = 'it's'", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Account WHERE Name = 'a\\xb'", "MALFORMED_QUERY", "Illegal escape sequence"),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "INVALID_FIELD",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT Id FROM Account; DROP TABLE Account", "MALFORMED_QUERY", "unexpected token: ';'"),
        ("SELECT Id FROM Account WITH SYSTEM_MODE", "MALFORMED_QUERY", "unexpected token: 'SYSTEM_MODE'"),
        ("DELETE FROM Account", "MALFORMED_QUERY", "unexpected token: 'DELETE'"),
        ("", "MALFORMED_QUERY", "SOQL query is required"),
    ],
)
def test_refusals(query: Query, text: str, code: str, ending: str) -> None:
    (refused,) = query(text)
    assert refused["errorCode"] == code
    assert ending in refused["message"]


def test_the_column_of_an_error_is_the_tokens(query: Query) -> None:
    assert "ERROR at Row:1:Column:8\n" in query("SELECT Nope FROM Account")[0]["message"]
    assert "ERROR at Row:2:Column:6\n" in query("SELECT Id\nFROM Nope")[0]["message"]


_words = st.sampled_from(
    [
        "SELECT",
        "Id",
        "Name",
        "FROM",
        "Account",
        "WHERE",
        "(",
        ")",
        "=",
        "'x'",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        ",",
        "COUNT()",
        "GROUP BY",
        "ORDER BY",
        "LIMIT",
        "5",
        "TODAY",
        "Owner.Name",
        "null",
        "\\",
        "'",
        "LAST_N_DAYS:3",
        "2026-01-01",
        "HAVING",
        "SUM(Amount)",
        "FIELDS(ALL)",
        "\n",
        "-",
        "é",
    ]
)


@given(
    st.lists(_words, max_size=14).map(" ".join)
    | st.text(max_size=40)
    | st.lists(_words, max_size=8).map(lambda w: "SELECT Id FROM Account " + " ".join(w))
)
@settings(max_examples=examples(400), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_answered_or_refused_in_salesforces_form(query: Query, text: str) -> None:
    answer = query(text)
    if isinstance(answer, list):
        assert answer[0]["errorCode"] != "UNKNOWN_EXCEPTION", (text, answer)
        assert set(answer[0]) <= {"message", "errorCode", "fields"}
    else:
        assert {"totalSize", "done", "records"} <= set(answer)


@given(st.text(max_size=60))
def test_the_parser_fails_in_one_way_only(text: str) -> None:
    with contextlib.suppress(SoqlError):
        parse(text)


@pytest.mark.parametrize(
    ("literal", "first", "last"),
    [
        ("TODAY", "2026-11-24", "2026-11-24"),
        ("YESTERDAY", "2026-11-23", "2026-11-23"),
        ("THIS_WEEK", "2026-11-22", "2026-11-28"),
        ("LAST_MONTH", "2026-10-01", "2026-10-31"),
        ("THIS_QUARTER", "2026-10-01", "2026-12-31"),
        ("NEXT_QUARTER", "2027-01-01", "2027-03-31"),
        ("LAST_YEAR", "2025-01-01", "2025-12-31"),
        ("LAST_N_DAYS:30", "2026-10-25", "2026-11-24"),
        ("NEXT_N_MONTHS:2", "2026-12-01", "2027-01-31"),
        ("LAST_N_QUARTERS:2", "2026-04-01", "2026-09-30"),
        ("N_WEEKS_AGO:1", "2026-11-15", "2026-11-21"),
    ],
)
def test_date_literals(literal: str, first: str, last: str) -> None:
    assert date_span(literal, date(2026, 11, 24)) == (date.fromisoformat(first), date.fromisoformat(last))


# What an org of real people has: letters beyond ASCII


@pytest.fixture(scope="module")
def cities() -> Iterator[Query]:
    with EmbeddedOrg(OrgSettings(accounts=0)) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            for city in ("Zürich", "ZÜRICH", "zürich", "Zurich", "Århus", "århus", "Ωmega", "straße", None):
                body = {"Name": city or "nowhere", "BillingCity": city, "Description": city}
                assert client.post("/services/data/v68.0/sobjects/Account", json=body).status_code == 201

            def run(text: str) -> Any:
                return client.get("/services/data/v68.0/query", params={"q": text}).json()

            yield run


@pytest.mark.parametrize(("where", "found"), [
    ("BillingCity = 'ZÜRICH'", ["ZÜRICH", "Zürich", "zürich"]),
    ("BillingCity = 'zürich'", ["ZÜRICH", "Zürich", "zürich"]),
    ("BillingCity LIKE 'ZÜR%'", ["ZÜRICH", "Zürich", "zürich"]),
    ("BillingCity LIKE '%ü%'", ["ZÜRICH", "Zürich", "zürich"]),
    ("BillingCity LIKE 'z_rich'", ["Zurich", "ZÜRICH", "Zürich", "zürich"]),
    ("BillingCity IN ('ZÜRICH', 'ÅRHUS')", ["ZÜRICH", "Zürich", "zürich", "Århus", "århus"]),
    ("BillingCity NOT IN ('ZÜRICH', 'ÅRHUS', 'ωMEGA', null)", ["Zurich", "straße"]),
    ("BillingCity = 'STRASSE'", []),
    ("BillingCity LIKE 'ωM%'", ["Ωmega"]),
    ("BillingCity >= 'ÅRHUS' AND BillingCity < 'Ω'", ["Århus", "århus"]),
    ("BillingCity LIKE '\\\\%%'", []),
    ("BillingCity LIKE '%Ü\\\\_%'", []),
    ("BillingCity = ''", [None]),
    ("BillingCity != ''", ["Zurich", "ZÜRICH", "Zürich", "straße", "zürich", "Århus", "århus", "Ωmega"]),
])  # fmt: skip
def test_text_is_compared_without_regard_to_case_in_any_alphabet(
    cities: Query, where: str, found: list[str | None]
) -> None:
    answer = cities(f"SELECT BillingCity FROM Account WHERE {where}")
    assert sorted((r["BillingCity"] for r in answer["records"]), key=str) == found


def test_text_is_sorted_and_grouped_without_regard_to_case_in_any_alphabet(cities: Query) -> None:
    found = cities(
        "SELECT Name FROM Account WHERE BillingCity LIKE '_rhus' OR BillingCity LIKE 'z%' ORDER BY Name, Id"
    )["records"]
    assert [r["Name"] for r in found] == ["Zurich", "Zürich", "ZÜRICH", "zürich", "Århus", "århus"]
    groups = cities(
        "SELECT COUNT(Id) n FROM Account WHERE BillingCity != null GROUP BY BillingCity ORDER BY COUNT(Id) DESC"
    )["records"]
    assert [g["n"] for g in groups] == [3, 2, 1, 1, 1]
    assert cities("SELECT COUNT_DISTINCT(BillingCity) n FROM Account")["records"][0]["n"] == 5


@pytest.mark.parametrize(("text", "code", "said"), [
    ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Account WHERE OwnerId IN ('005', null)", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: 005"),
    ("SELECT Id FROM Account WHERE ParentId != 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
    ("SELECT Id FROM Account WHERE CreatedDate = 2025-01-01", "INVALID_FIELD",
     "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE CreatedDate IN (2025-01-01)", "INVALID_FIELD",
     "value of filter criterion for field 'CreatedDate' must be of type dateTime and should not be enclosed in quotes"),
    ("SELECT Id FROM Opportunity WHERE CloseDate > 2025-01-01T00:00:00Z", "INVALID_FIELD",
     "value of filter criterion for field 'CloseDate' must be of type date and should not be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD",
     "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Description = null", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Description LIKE '%x%'", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Description IN ('x')", "INVALID_FIELD",
     "field 'Description' can not be filtered in a query call"),
    ("SELECT Id FROM Account ORDER BY Description", "INVALID_FIELD",
     "field 'Description' can not be sorted in a query call"),
    ("SELECT COUNT(Id) FROM Account GROUP BY Description", "INVALID_FIELD",
     "field 'Description' can not be grouped in a query call"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = 2025-02-30", "MALFORMED_QUERY", "Invalid date: 2025-02-30"),
    ("SELECT Id FROM Account WHERE CreatedDate > 2025-02-30T00:00:00Z", "MALFORMED_QUERY",
     "Invalid date: 2025-02-30T00:00:00Z"),
    ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
])  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_salesforces_words(
    cities: Query, text: str, code: str, said: str
) -> None:
    (refused,) = cities(text)
    assert refused["errorCode"] == code
    assert refused["message"].endswith(said)


def test_the_rest_interface_tells_which_fields_cannot_be_filtered_or_sorted(untouched: EmbeddedOrg) -> None:
    token = exchange(untouched.url, authorize(untouched.url, ADMIN))["access_token"]
    url = f"{untouched.url}/services/data/v68.0/sobjects/Account/describe"
    fields = {f["name"]: f for f in loopback.get(url, headers={"Authorization": f"Bearer {token}"}).json()["fields"]}
    assert [fields["Description"][k] for k in ("filterable", "sortable", "groupable")] == [False, False, False]
    assert [fields["BillingStreet"][k] for k in ("filterable", "sortable", "groupable")] == [True, True, True]


# Every answer a second time, without SQL


@pytest.mark.wide
def test_random_queries_are_answered_as_by_reading_the_rows() -> None:
    """`make test-deep` asks more of them."""
    org, schema, rows = an_org()
    different = [
        d for n in range(examples(2000)) if (d := differs(org, schema, rows, asked(random.Random(n)))) is not None
    ]
    org.close()
    assert not different, "\n".join(different[:5])
