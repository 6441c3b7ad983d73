"""An org of the shape `encrypted-names`: names are encrypted at rest by the probabilistic scheme of Shield Platform
Encryption, so that the database can neither compare nor sort them.

Sources: Salesforce Help, "General Shield Platform Encryption Considerations" (no WHERE, GROUP BY, ORDER BY or
aggregate of such a field in SOQL and SOSL), "Which Standard Fields Can I Encrypt?"; the errors of real orgs: NPSP#4465
and EDA#908 (filtered), declarative-lookup-rollup-summaries#1068 (sorted), LightningFlowComponents#1092 (grouped),
soql-lib#251 (an aggregate), apex-sobjectdataloader#34 (LIKE, of what the deterministic scheme has encrypted:
"Considerations for Using Deterministic Encryption").
"""

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from localorg import EmbeddedOrg, OrgSettings

ENCRYPTED = [
    ("Account", "Name"),
    ("Contact", "Name"),
    ("Contact", "LastName"),
    ("Lead", "Name"),
    ("Case", "Subject"),
]


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20, shape=frozenset({"encrypted-names"}))) as org:
        yield org


def query(http: httpx.Client, text: str) -> httpx.Response:
    return http.get("/query", params={"q": text})


@pytest.mark.parametrize(("sobject", "name"), ENCRYPTED)
def test_describe_says_what_cannot_be_done_with_the_field(http: httpx.Client, sobject: str, name: str) -> None:
    fields: dict[str, Any] = {f["name"]: f for f in http.get(f"/sobjects/{sobject}/describe").json()["fields"]}
    f = fields[name]
    keys = ("encrypted", "filterable", "sortable", "groupable", "aggregatable")
    assert [f[k] for k in keys] == [True, False, False, False, False]
    assert f["type"] in ("string", "email"), "Shield's fields keep their type"
    assert fields["CreatedDate"]["sortable"]
    assert not fields["CreatedDate"]["encrypted"]
    info = http.get(f"/ui-api/object-info/{sobject}").json()["fields"][name]
    assert (info["filterable"], info["sortable"]) == (False, False)


@pytest.mark.parametrize(("text", "message"), [
    ("SELECT Id FROM Account WHERE Name = 'X'", "field 'Name' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Name LIKE 'X%'", "field 'Name' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Name IN ('X')", "field 'Name' can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE Name != null", "field 'Name' can not be filtered in a query call"),
    ("SELECT Id FROM Account ORDER BY Name", "field 'Name' can not be sorted in a query call"),
    ("SELECT Id FROM Contact WHERE LastName = 'X'", "field 'LastName' can not be filtered in a query call"),
    ("SELECT Id FROM Contact ORDER BY Account.Name", "field 'Account.Name' can not be sorted in a query call"),
    ("SELECT Id, (SELECT Id FROM Contacts ORDER BY Name) FROM Account",
     "field 'Name' can not be sorted in a query call"),
    ("SELECT Name FROM Account GROUP BY Name", "field 'Name' can not be grouped in a query call"),
])  # fmt: skip
def test_soql_refuses_to_compare_sort_and_group(http: httpx.Client, text: str, message: str) -> None:
    refused = query(http, text)
    assert refused.status_code == 400
    (error,) = refused.json()
    assert error["errorCode"] == "INVALID_FIELD"
    assert error["message"].endswith(message)


@pytest.mark.parametrize("function", ["COUNT", "COUNT_DISTINCT", "MIN", "MAX"])
def test_soql_refuses_aggregates(http: httpx.Client, function: str) -> None:
    (error,) = query(http, f"SELECT {function}(Name) n FROM Account").json()
    assert error["errorCode"] == "MALFORMED_QUERY"
    assert error["message"].endswith(f"encrypted field Account.Name does not support aggregate operator {function}")


@pytest.mark.parametrize(("sobject", "name"), [("Opportunity", "Name"), ("Contact", "Email"), ("Lead", "Email")])
def test_what_is_encrypted_deterministically_is_compared_for_equality_only(
    http: httpx.Client, sobject: str, name: str
) -> None:
    fields: dict[str, Any] = {f["name"]: f for f in http.get(f"/sobjects/{sobject}/describe").json()["fields"]}
    assert [fields[name][k] for k in ("encrypted", "filterable", "sortable")] == [True, True, False]
    for condition in (f"{name} = 'x@y.example'", f"{name} != null", f"{name} IN ('x@y.example')"):
        assert query(http, f"SELECT Id FROM {sobject} WHERE {condition}").status_code == 200, condition
    for operator in ("LIKE", "<", ">="):
        (error,) = query(http, f"SELECT Id FROM {sobject} WHERE {name} {operator} 'x@y.example'").json()
        assert error["message"].endswith(f"The operator {operator.lower()} is not supported on an encrypted field")
    (error,) = query(http, f"SELECT Id FROM {sobject} ORDER BY {name}").json()
    assert error["message"].endswith(f"field '{name}' can not be sorted in a query call")


def test_names_are_read_written_and_found(http: httpx.Client) -> None:
    made = http.post("/sobjects/Account", json={"Name": "Quince Orchard"}).json()["id"]
    assert http.get(f"/sobjects/Account/{made}").json()["Name"] == "Quince Orchard"
    text = "FIND {Quince*} IN NAME FIELDS RETURNING Account(Id, Name ORDER BY CreatedDate LIMIT 5)"
    assert [r["Id"] for r in http.get("/search", params={"q": text}).json()["searchRecords"]] == [made]
    found = http.get("/parameterizedSearch", params={"q": "Quince", "sobject": "Account"}).json()["searchRecords"]
    assert [r["Id"] for r in found] == [made]
    for inside in ("Id ORDER BY Name", "Id WHERE Name = 'Quince Orchard'"):
        refused = http.get("/search", params={"q": f"FIND {{Quince}} RETURNING Account({inside})"})
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_what_sorts_by_the_name_elsewhere_sorts_by_the_id(http: httpx.Client) -> None:
    account = query(http, "SELECT Id FROM Account LIMIT 1").json()["records"][0]["Id"]
    views = http.get("/sobjects/Account/listviews").json()["listviews"]
    for address in (
        f"/sobjects/Account/listviews/{views[0]['id']}/results",
        f"/ui-api/list-ui/Account/{views[0]['developerName']}",
        f"/ui-api/list-records/{views[0]['id']}",
        f"/ui-api/related-list-records/{account}/Contacts",
        f"/ui-api/records/{account}?layoutTypes=Full",
    ):
        assert http.get(address).status_code == 200, address
