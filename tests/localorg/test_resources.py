"""Search, composite, upsert, recent, limits, ETags, and what each profile may see, over HTTP."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.oauth.people import check_password
from tests.depth import examples

BASE = "/services/data/v68.0"
READ_ONLY = "readonly@localorg.test"


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=40)) as running:
        yield running


@pytest.fixture(scope="module")
def log_in_as(own: EmbeddedOrg) -> Callable[[str], httpx.Client]:
    def client(username: str) -> httpx.Client:
        token = exchange(own.url, authorize(own.url, username))["access_token"]
        return loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {token}"})

    return client


@pytest.fixture(scope="module")
def http(log_in_as: Callable[[str], httpx.Client]) -> httpx.Client:
    return log_in_as(ADMIN)


def query(http: httpx.Client, text: str) -> Any:
    return http.get(f"{BASE}/query", params={"q": text}).json()


# Upsert


def test_upsert_creates_then_updates(http: httpx.Client) -> None:
    url = f"{BASE}/sobjects/Account/External_Id__c/A%2F1"
    made = http.patch(url, json={"Name": "Upserted"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    again = http.patch(url, json={"Phone": "1"})
    assert (again.status_code, again.json()) == (
        200,
        {"id": made.json()["id"], "success": True, "errors": [], "created": False},
    )
    assert http.get(url).json()["Phone"] == "1"
    assert (
        http.patch(f"{BASE}/sobjects/Account/External_Id__c/nope?updateOnly=true", json={"Name": "x"}).status_code
        == 404
    )
    assert http.patch(f"{BASE}/sobjects/Account/Name/x", json={"Name": "x"}).json()[0]["errorCode"] == "NOT_FOUND"
    twice = http.post(f"{BASE}/sobjects/Account", json={"Name": "x", "External_Id__c": "A/1"})
    assert twice.json()[0]["errorCode"] == "DUPLICATE_VALUE"


def test_relationships_are_walked_by_url(http: httpx.Client) -> None:
    contact = query(http, "SELECT Id, AccountId FROM Contact LIMIT 1")["records"][0]
    parent = http.get(f"{BASE}/sobjects/Contact/{contact['Id']}/Account").json()
    assert parent["Id"] == contact["AccountId"]
    children = http.get(f"{BASE}/sobjects/Account/{contact['AccountId']}/Contacts").json()
    assert contact["Id"] in [r["Id"] for r in children["records"]]


def test_compound_addresses_are_shown_and_not_written(http: httpx.Client) -> None:
    record_id = http.post(
        f"{BASE}/sobjects/Account", json={"Name": "Addressed", "BillingCity": "Lyon", "BillingStreet": "1 Rue"}
    ).json()["id"]
    address = {
        "city": "Lyon",
        "country": None,
        "latitude": None,
        "longitude": None,
        "postalCode": None,
        "state": None,
        "street": "1 Rue",
    }
    shown = http.get(f"{BASE}/sobjects/Account/{record_id}").json()
    assert shown["BillingAddress"] == {**address, "geocodeAccuracy": None}
    assert shown["ShippingAddress"] is None
    assert (
        query(http, f"SELECT BillingAddress FROM Account WHERE Id = '{record_id}'")["records"][0]["BillingAddress"]
        == shown["BillingAddress"]
    )
    refused = http.patch(f"{BASE}/sobjects/Account/{record_id}", json={"BillingAddress": {}})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert query(http, "SELECT Id FROM Account WHERE BillingAddress = 'x'")[0]["errorCode"] == "INVALID_FIELD"
    assert query(http, "SELECT Id FROM Account ORDER BY BillingAddress")[0]["errorCode"] == "INVALID_FIELD"


def test_fields_that_follow_from_others(http: httpx.Client) -> None:
    deal = {"Name": "Derived", "StageName": "Negotiation/Review", "CloseDate": "2027-05-31", "Amount": 1000}
    record_id = http.post(f"{BASE}/sobjects/Opportunity", json=deal).json()["id"]
    shown = http.get(f"{BASE}/sobjects/Opportunity/{record_id}").json()
    names = ("Probability", "ExpectedRevenue", "ForecastCategoryName", "FiscalYear", "FiscalQuarter", "IsClosed")
    assert [shown[n] for n in names] == [90.0, 900.0, "Commit", 2027, 2, False]
    http.patch(f"{BASE}/sobjects/Opportunity/{record_id}", json={"StageName": "Closed Won"})
    assert http.get(f"{BASE}/sobjects/Opportunity/{record_id}?fields=IsClosed,IsWon").json()["IsWon"] is True


# Conditions and limits


def test_etags_are_for_accounts(http: httpx.Client) -> None:
    record_id = http.post(f"{BASE}/sobjects/Account", json={"Name": "Tagged"}).json()["id"]
    url = f"{BASE}/sobjects/Account/{record_id}"
    etag = http.get(url).headers["etag"]
    assert http.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert http.patch(url, json={"Phone": "1"}, headers={"If-Match": '"other"'}).status_code == 412
    assert http.patch(url, json={"Phone": "2"}, headers={"If-Match": etag}).status_code == 204
    assert http.patch(url, json={"Phone": "3"}, headers={"If-Match": etag}).status_code == 412
    assert (
        "etag"
        not in http.get(
            f"{BASE}/sobjects/Contact/{query(http, 'SELECT Id FROM Contact LIMIT 1')['records'][0]['Id']}"
        ).headers
    )


def test_every_answer_tells_the_limit_and_long_ones_are_compressed(http: httpx.Client) -> None:
    first = http.get(f"{BASE}/sobjects/Account/describe", headers={"Accept-Encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    used = int(first.headers["sforce-limit-info"].split("=")[1].split("/")[0])
    second = http.get(f"{BASE}/limits")
    assert second.headers["sforce-limit-info"] == f"api-usage={used + 1}/15000"
    assert second.json()["DailyApiRequests"] == {"Max": 15000, "Remaining": 15000 - used - 1}
    counts = http.get(f"{BASE}/limits/recordCount", params={"sObjects": "Account,Lead"}).json()["sObjects"]
    assert {c["name"] for c in counts} == {"Account", "Lead"}


def test_recent_begins_with_the_latest_change(http: httpx.Client) -> None:
    record_id = http.post(f"{BASE}/sobjects/Lead", json={"LastName": "Late", "Company": "Latest"}).json()["id"]
    recent = http.get(f"{BASE}/recent", params={"limit": 3}).json()
    assert recent[0]["Id"] == record_id
    assert len(recent) == 3


# Search


def test_sosl_finds_words_in_names(http: httpx.Client) -> None:
    found = http.get(
        f"{BASE}/search",
        params={"q": "FIND {alder} IN NAME FIELDS RETURNING Account(Id, Name ORDER BY Name LIMIT 3), Contact(Id)"},
    ).json()
    names = [r["Name"] for r in found["searchRecords"] if r["attributes"]["type"] == "Account"]
    assert names
    assert all("Alder" in n for n in names)
    assert (
        http.get(f"{BASE.replace('68', '36')}/search", params={"q": "FIND {alder} RETURNING Account"}).json()[0][
            "attributes"
        ]["type"]
        == "Account"
    )


def test_parameterized_search_in_both_forms(http: httpx.Client) -> None:
    got = http.get(
        f"{BASE}/parameterizedSearch",
        params={"q": "alder", "sobject": "Account", "Account.fields": "id,name", "Account.limit": "2"},
    ).json()
    body = {"q": "alder", "fields": ["id", "name"], "sobjects": [{"name": "Account", "limit": 2}], "in": "NAME"}
    posted = http.post(f"{BASE}/parameterizedSearch", json=body).json()
    assert got == posted
    assert len(got["searchRecords"]) == 2


def test_reserved_characters_stand_for_themselves_when_escaped(http: httpx.Client) -> None:
    made = http.post(f"{BASE}/sobjects/Account", json={"Name": "What? (really)"}).json()["id"]
    found = http.get(f"{BASE}/search", params={"q": r"FIND {What\? \(really\)} RETURNING Account(Id)"}).json()[
        "searchRecords"
    ]
    assert [r["Id"] for r in found] == [made]


@pytest.mark.parametrize(("find", "found"), [
    ("Qalpha OR Qbeta", ["Qalpha", "Qalpha Qbeta", "Qbeta"]), ("Qalpha AND Qbeta", ["Qalpha Qbeta"]), ("Qalpha Qbeta",
        ["Qalpha Qbeta"]),
    ("Qalpha AND NOT Qbeta", ["Qalpha"]), ("Qgamma OR Qalpha AND Qbeta", ["Qalpha Qbeta", "Qgamma"]),
    ("(Qgamma OR Qalpha) AND Qbeta", ["Qalpha Qbeta"]), ('"Qalpha Qbeta" OR qGAMMA', ["Qalpha Qbeta", "Qgamma"]),
    ("Q*beta", ["Qalpha Qbeta", "Qbeta"]),
    ("Q?eta", ["Qalpha Qbeta", "Qbeta"]),
])  # fmt: skip
def test_words_of_a_search_are_combined(http: httpx.Client, find: str, found: list[str]) -> None:
    for name in ("Qalpha", "Qbeta", "Qalpha Qbeta", "Qgamma"):
        made = http.patch(f"{BASE}/sobjects/Account/External_Id__c/{name.replace(' ', '')}", json={"Name": name})
        assert made.status_code in (200, 201)
    answer = http.get(
        f"{BASE}/search", params={"q": f"FIND {{{find}}} IN NAME FIELDS RETURNING Account(Name ORDER BY Name)"}
    ).json()
    assert [r["Name"] for r in answer["searchRecords"]] == found


_BAD_SEARCHES = (
    "",
    "FIND",
    "FIND {a}",
    "FIND {(ab}",
    "FIND {ab)}",
    "FIND {ab OR}",
    "FIND {ab AND NOT}",
    "FIND {ab} RETURNING Nope",
    "FIND {ab} RETURNING Account(Nope)",
    "FIND {ab} RETURNING Account(Id",
    "FIND {ab} x",
)


@pytest.mark.parametrize("text", _BAD_SEARCHES)
def test_bad_searches_are_refused(http: httpx.Client, text: str) -> None:
    answer = http.get(f"{BASE}/search", params={"q": text})
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] in ("MALFORMED_SEARCH", "INVALID_TYPE", "INVALID_FIELD")


# Composite


def test_parts_refer_to_earlier_parts(http: httpx.Client) -> None:
    parts = [
        {"method": "POST", "url": f"{BASE}/sobjects/Account", "referenceId": "acc", "body": {"Name": "Composite"}},
        {
            "method": "POST",
            "url": f"{BASE}/sobjects/Contact",
            "referenceId": "con",
            "body": {"LastName": "Part", "AccountId": "@{acc.id}"},
        },
        {
            "method": "GET",
            "url": f"{BASE}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{{con.id}}'",
            "referenceId": "back",
        },
    ]
    answer = http.post(f"{BASE}/composite", json={"allOrNone": True, "compositeRequest": parts}).json()[
        "compositeResponse"
    ]
    assert [r["httpStatusCode"] for r in answer] == [201, 201, 200]
    assert answer[2]["body"]["records"][0]["Account"]["Name"] == "Composite"


def test_all_or_none_takes_everything_back(http: httpx.Client) -> None:
    parts = [
        {"method": "POST", "url": f"{BASE}/sobjects/Account", "referenceId": "a", "body": {"Name": "Taken back"}},
        {"method": "POST", "url": f"{BASE}/sobjects/Account", "referenceId": "b", "body": {}},
        {"method": "GET", "url": f"{BASE}/limits", "referenceId": "c"},
    ]
    rows = http.post(f"{BASE}/composite", json={"allOrNone": True, "compositeRequest": parts}).json()[
        "compositeResponse"
    ]
    assert [r["body"][0]["errorCode"] for r in rows] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
        "PROCESSING_HALTED",
    ]
    assert query(http, "SELECT COUNT() FROM Account WHERE Name = 'Taken back'")["totalSize"] == 0


def test_batch_halts_when_asked(http: httpx.Client) -> None:
    batch = [
        {"method": "GET", "url": "v68.0/limits"},
        {"method": "GET", "url": "v68.0/sobjects/Nope"},
        {"method": "GET", "url": "v68.0/limits"},
    ]
    answer = http.post(f"{BASE}/composite/batch", json={"haltOnError": True, "batchRequests": batch}).json()
    assert answer["hasErrors"] is True
    assert [r["statusCode"] for r in answer["results"]] == [200, 404, 412]


def test_collections_save_what_is_good(http: httpx.Client) -> None:
    good, bad = {"attributes": {"type": "Account"}, "Name": "Collected"}, {"attributes": {"type": "Account"}}
    mixed = http.post(f"{BASE}/composite/sobjects", json={"allOrNone": False, "records": [good, bad]}).json()
    assert [r["success"] for r in mixed] == [True, False]
    assert mixed[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    none = http.post(f"{BASE}/composite/sobjects", json={"allOrNone": True, "records": [good, bad]}).json()
    assert none[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert query(http, "SELECT COUNT() FROM Account WHERE Name = 'Collected'")["totalSize"] == 1
    record = {"attributes": {"type": "Account"}, "id": mixed[0]["id"], "Name": "Changed"}
    assert http.patch(f"{BASE}/composite/sobjects", json={"records": [record]}).json()[0]["success"]
    read = http.get(f"{BASE}/composite/sobjects/Account", params={"ids": mixed[0]["id"], "fields": "Name"}).json()
    assert read[0]["Name"] == "Changed"
    assert http.request("DELETE", f"{BASE}/composite/sobjects", params={"ids": mixed[0]["id"]}).json()[0]["success"]


def test_a_tree_grows_whole_or_not_at_all(http: httpx.Client) -> None:
    contact = {"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "Leaf"}
    tree = {"attributes": {"type": "Account", "referenceId": "a1"}, "Name": "Trunk", "Contacts": {"records": [contact]}}
    made = http.post(f"{BASE}/composite/tree/Account", json={"records": [tree]})
    assert made.status_code == 201
    assert [r["referenceId"] for r in made.json()["results"]] == ["a1", "c1"]
    broken = tree | {
        "Name": "Broken trunk",
        "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "c2"}}]},
    }
    refused = http.post(f"{BASE}/composite/tree/Account", json={"records": [broken]})
    assert (refused.status_code, refused.json()["results"][0]["referenceId"]) == (400, "c2")
    assert query(http, "SELECT COUNT() FROM Account WHERE Name = 'Broken trunk'")["totalSize"] == 0


_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "x", "POST", f"{BASE}/limits", "@{a.b}", "Account"])
)
_names = (
    "compositeRequest",
    "records",
    "attributes",
    "type",
    "url",
    "method",
    "referenceId",
    "body",
    "batchRequests",
    "Contacts",
    "httpHeaders",
)
_json = st.recursive(
    _leaves, lambda i: st.lists(i, max_size=3) | st.dictionaries(st.sampled_from(_names), i, max_size=4), max_leaves=12
)


@given(
    body=_json,
    path=st.sampled_from(
        ["composite", "composite/batch", "composite/sobjects", "composite/tree/Account", "parameterizedSearch"]
    ),
)
@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_malformed_is_a_500(http: httpx.Client, body: object, path: str) -> None:
    answer = http.post(f"{BASE}/{path}", json=body)
    assert answer.status_code < 500, (path, body, answer.text)


# What each profile may see and change


def test_a_hidden_field_is_not_there_in_any_way(log_in_as: Callable[[str], httpx.Client]) -> None:
    http = log_in_as(READ_ONLY)
    names = {f["name"] for f in http.get(f"{BASE}/sobjects/Opportunity/describe").json()["fields"]}
    assert "Amount" not in names
    record_id = query(http, "SELECT Id FROM Opportunity LIMIT 1")["records"][0]["Id"]
    assert "Amount" not in http.get(f"{BASE}/sobjects/Opportunity/{record_id}").json()
    for selected in (
        "Amount FROM Opportunity",
        "Id FROM Opportunity WHERE Amount > 1",
        "Id FROM Opportunity ORDER BY Amount",
        "SUM(Amount) FROM Opportunity",
    ):
        assert query(http, f"SELECT {selected}")[0]["errorCode"] == "INVALID_FIELD", selected
    assert (
        http.get(f"{BASE}/search", params={"q": "FIND {alder} RETURNING Opportunity(Amount)"}).json()[0]["errorCode"]
        == "INVALID_FIELD"
    )


def test_a_hidden_object_is_not_there_in_any_way(log_in_as: Callable[[str], httpx.Client]) -> None:
    http = log_in_as(READ_ONLY)
    assert http.get(f"{BASE}/sobjects/Lead/describe").status_code == 404
    assert "Lead" not in {o["name"] for o in http.get(f"{BASE}/sobjects").json()["sobjects"]}
    assert query(http, "SELECT Id FROM Lead")[0]["errorCode"] == "INVALID_TYPE"


def test_a_reader_changes_nothing(log_in_as: Callable[[str], httpx.Client]) -> None:
    http = log_in_as(READ_ONLY)
    record_id = query(http, "SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    url = f"{BASE}/sobjects/Account/{record_id}"
    for answer in (
        http.post(f"{BASE}/sobjects/Account", json={"Name": "x"}),
        http.patch(url, json={"Phone": "1"}),
        http.delete(url),
    ):
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    assert not any(f["updateable"] for f in http.get(f"{BASE}/sobjects/Account/describe").json()["fields"])


def test_a_read_only_field_is_shown_and_kept(log_in_as: Callable[[str], httpx.Client]) -> None:
    http = log_in_as(SALES)
    record = query(http, "SELECT Id, AccountNumber FROM Account LIMIT 1")["records"][0]
    refused = http.patch(f"{BASE}/sobjects/Account/{record['Id']}", json={"AccountNumber": "1"})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert query(http, "SELECT Birthdate FROM Contact")[0]["errorCode"] == "INVALID_FIELD"


# What clients ask before anything else


def test_passwords_are_changed(log_in_as: Callable[[str], httpx.Client], http: httpx.Client, own: EmbeddedOrg) -> None:
    sales = log_in_as(SALES)
    ids = {r["Username"]: r["Id"] for r in query(http, "SELECT Id, Username FROM User")["records"]}
    url = f"{BASE}/sobjects/User/{ids[READ_ONLY]}/password"
    assert http.get(url).json() == {"IsExpired": False}
    assert sales.post(url, json={"NewPassword": "another one"}).status_code == 403
    assert http.post(url, json={"NewPassword": "short"}).json()[0]["errorCode"] == "INVALID_NEW_PASSWORD"
    made = http.delete(url).json()["NewPassword"]
    assert own.org is not None
    assert [check_password(own.org, READ_ONLY, p) is not None for p in ("localorg1", made)] == [False, True]
    assert http.post(url, json={"NewPassword": "localorg1"}).status_code == 204
    assert check_password(own.org, READ_ONLY, "localorg1") is not None


def test_records_are_deleted_by_external_id(http: httpx.Client) -> None:
    url = f"{BASE}/sobjects/Account/External_Id__c/to-be-deleted"
    assert http.patch(url, json={"Name": "Gone soon"}).status_code == 201
    assert [http.delete(url).status_code for _ in range(2)] == [204, 404]


def test_slashes_put_together_twice_are_one(http: httpx.Client) -> None:
    """Salesforce's command-line client sends `//services/data/…`."""
    raw = http.get(
        httpx.URL(str(http.base_url)).copy_with(raw_path=f"/{BASE}//query?q=SELECT+Id+FROM+Account+LIMIT+1".encode())
    )
    assert raw.status_code == 200, raw.text
    upserted = http.patch(f"{BASE}/sobjects/Account/External_Id__c/A%2F%2F7", json={"Name": "Two slashes in the value"})
    assert upserted.status_code == 201
    assert http.get(f"{BASE}/sobjects/Account/{upserted.json()['id']}").json()["External_Id__c"] == "A//7"


def test_the_version_names_its_resources_and_who_asks(http: httpx.Client, own: EmbeddedOrg) -> None:
    resources = http.get(BASE).json()
    assert resources["sobjects"] == f"{BASE}/sobjects"
    assert {"tooling", "jobs", "ui-api", "composite", "limits", "query", "connect", "recent", "actions"} <= set(
        resources
    )
    assert http.get(resources["identity"]).json()["username"] == ADMIN
    assert resources["identity"].startswith(f"{own.url}/id/00D")


def test_limits_are_salesforces(http: httpx.Client) -> None:
    limits = http.get(f"{BASE}/limits").json()
    assert len(limits) > 50
    assert all(0 <= row["Remaining"] <= row["Max"] for row in limits.values())
    used = limits["DailyApiRequests"]["Max"] - limits["DailyApiRequests"]["Remaining"]
    assert (
        http.get(f"{BASE}/limits").headers["Sforce-Limit-Info"]
        == f"api-usage={used + 1}/{limits['DailyApiRequests']['Max']}"
    )


def test_the_orgs_settings_tell_its_currency(http: httpx.Client) -> None:
    told = http.get(f"{BASE}/connect/organization").json()
    assert (told["features"]["defaultCurrencyIsoCode"], told["features"]["multiCurrency"]) == ("USD", False)
    assert (told["userSettings"]["currencySymbol"], told["userSettings"]["timeZone"]["name"]) == ("$", "Europe/Berlin")
    assert told["orgId"][:3] == "00D"


def test_the_columns_of_a_query_are_told_as_trees(http: httpx.Client) -> None:
    def columns(text: str) -> Any:
        return http.get(f"{BASE}/query", params={"q": text, "columns": "true"}).json()

    told = columns(
        "SELECT Id, Name, Owner.Name, Owner.Profile.Name, (SELECT LastName, Account.Name FROM Contacts) FROM Account"
    )
    assert (told["entityName"], told["keyPrefix"], told["idSelected"], told["groupBy"]) == (
        "Account",
        "001",
        True,
        False,
    )

    def names(rows: Any) -> Any:
        return [(r["columnName"], names(r["joinColumns"])) if r["joinColumns"] else r["columnName"] for r in rows]

    assert names(told["columnMetadata"]) == [
        "Id", "Name", ("Owner", ["Name", ("Profile", ["Name"])]), ("Contacts", ["LastName", ("Account", ["Name"])]),
    ]  # fmt: skip
    assert [r["aggregate"] for r in told["columnMetadata"]] == [False, False, False, True]
    counted = columns("SELECT Industry, COUNT(Id), SUM(AnnualRevenue) total FROM Account GROUP BY Industry")
    assert [(r["columnName"], r["displayName"], r["aggregate"]) for r in counted["columnMetadata"]] == [
        ("Industry", "Industry", False), ("expr0", "count(Id)", True), ("total", "total", True),
    ]  # fmt: skip
    assert columns("SELECT Nope FROM Account")[0]["errorCode"] == "INVALID_FIELD"


def test_an_org_without_sandboxes_says_so(http: httpx.Client) -> None:
    told = http.get(
        f"{BASE}/tooling/query", params={"q": "SELECT Id, SandboxName FROM SandboxProcess WHERE Status != 'E'"}
    ).json()
    assert (told["totalSize"], told["done"], told["records"]) == (0, True, [])
    assert (
        http.get(f"{BASE}/tooling/query", params={"q": "SELECT Id FROM ApexClass"}).json()[0]["errorCode"]
        == "INVALID_TYPE"
    )
    assert http.get(f"{BASE}/tooling/query", params={"q": "SELECT"}).json()[0]["errorCode"] == "MALFORMED_QUERY"


@pytest.mark.parametrize(("host", "status"), [
    ("127.0.0.1:{port}", 200), ("localhost:{port}", 200), ("localhost", 200), ("[::1]:{port}", 200),
    ("evil.example:{port}", 403), ("evil.example", 403), ("127.0.0.1.evil.example", 403),
    ("localhost.evil.example:{port}", 403),
])  # fmt: skip
def test_a_name_that_somebody_gave_this_address_does_not_control_the_org(
    own: EmbeddedOrg, host: str, status: int
) -> None:
    """DNS rebinding: the page's own name leads to this machine, and the browser takes the org for the page's own
    server.
    """
    name = host.format(port=httpx.URL(own.url).port)
    for path in ("/localorg/control/counters", "/localorg"):
        answer = loopback.get(own.url + path, headers={"Host": name})
        assert answer.status_code == status, (path, answer.text)


# Replication


def test_what_was_changed_and_deleted_in_a_span(http: httpx.Client, own: EmbeddedOrg) -> None:
    def told(which: str, start: float, end: float) -> Any:
        def iso(minutes: float) -> str:
            return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()

        return http.get(f"{BASE}/sobjects/Account/{which}/", params={"start": iso(start), "end": iso(end)}).json()

    kept, gone = (http.post(f"{BASE}/sobjects/Account", json={"Name": name}).json()["id"] for name in ("Kept", "Gone"))
    http.delete(f"{BASE}/sobjects/Account/{gone}")
    updated = told("updated", -5, 2)
    assert kept in updated["ids"]
    assert gone not in updated["ids"]
    deleted = told("deleted", -5, 2)
    assert gone in {r["id"] for r in deleted["deletedRecords"]}
    assert {"earliestDateAvailable", "latestDateCovered"} <= set(deleted)
    assert told("updated", -50, -40)["ids"] == []
    for which, start, end in (
        ("updated", 2, -5),
        ("updated", 0, 0),
        ("updated", -60 * 24 * 31, 0),
        ("deleted", -60 * 24 * 16, 0),
    ):
        assert told(which, start, end)[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    assert http.get(f"{BASE}/sobjects/Account/updated").json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"
    assert http.get(f"{BASE}/sobjects/Nope/updated").status_code == 404


# Graphs


def _node(name: str, url: str, method: str = "POST", **body: object) -> dict[str, object]:
    return {"referenceId": name, "method": method, "url": f"{BASE}/{url}", "body": body}


def test_a_graph_is_kept_whole_or_not_at_all(http: httpx.Client) -> None:
    whole = [
        _node("a", "sobjects/Account", Name="Graph A"),
        _node("c", "sobjects/Contact", LastName="Graph C", AccountId="@{a.id}"),
    ]
    broken = [
        _node("a", "sobjects/Account", Name="Graph B"),
        _node("c", "sobjects/Contact", FirstName="No last name", AccountId="@{a.id}"),
    ]
    answer = http.post(
        f"{BASE}/composite/graph",
        json={"graphs": [{"graphId": "1", "compositeRequest": whole}, {"graphId": "2", "compositeRequest": broken}]},
    )
    first, second = answer.json()["graphs"]
    assert [(g["graphId"], g["isSuccessful"]) for g in (first, second)] == [("1", True), ("2", False)]
    assert [r["httpStatusCode"] for r in first["graphResponse"]["compositeResponse"]] == [201, 201]
    codes = [r["body"][0]["errorCode"] for r in second["graphResponse"]["compositeResponse"]]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"]
    assert [r["Name"] for r in query(http, "SELECT Name FROM Account WHERE Name LIKE 'Graph%'")["records"]] == [
        "Graph A"
    ]
    assert (
        query(http, "SELECT Account.Name FROM Contact WHERE LastName = 'Graph C'")["records"][0]["Account"]["Name"]
        == "Graph A"
    )


def test_graphs_have_bounds(http: httpx.Client) -> None:
    def told(graphs: list[dict[str, object]]) -> Any:
        return http.post(f"{BASE}/composite/graph", json={"graphs": graphs}).json()

    def one(name: str, *nodes: dict[str, object]) -> dict[str, object]:
        return {"graphId": name, "compositeRequest": list(nodes)}

    read = [_node(f"n{n}", "sobjects/Account", Name="x") for n in range(251)]
    assert told([one("1", *read), one("2", *read)])[0]["errorCode"] == "LIMIT_EXCEEDED"
    assert told([one("same", read[0]), one("same", read[0])])[0]["errorCode"] == "INVALID_INPUT"
    assert told([one(str(n), read[0]) for n in range(76)])[0]["errorCode"] == "LIMIT_EXCEEDED"
    (query_node,) = told([one("q", _node("q", "query?q=SELECT+Id+FROM+Account", "GET"))])["graphs"]
    assert not query_node["isSuccessful"]  # only records are nodes
    many = told([one(str(n), _node("x", "sobjects/Contact", FirstName="x")) for n in range(20)])["graphs"]
    codes = [g["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"] for g in many]
    assert codes == ["REQUIRED_FIELD_MISSING"] * 15 + ["PROCESSING_HALTED"] * 5


def test_many_records_are_upserted_at_once(http: httpx.Client) -> None:
    def upsert(
        *given: dict[str, object], sobject: str = "Account", field: str = "External_Id__c", all_or_none: bool = False
    ) -> Any:
        body = {"allOrNone": all_or_none, "records": [{"attributes": {"type": sobject}, **r} for r in given]}
        return http.patch(f"{BASE}/composite/sobjects/{sobject}/{field}", json=body).json()

    first = upsert({"External_Id__c": "many-1", "Name": "Many 1"}, {"External_Id__c": "many-2", "Name": "Many 2"})
    assert [(r["success"], r["created"]) for r in first] == [(True, True), (True, True)]
    again = upsert({"External_Id__c": "MANY-1", "Phone": "7"}, {"External_Id__c": "many-3"}, {"Name": "No key"})
    assert [(r["success"], r["created"]) for r in again] == [(True, False), (False, True), (False, True)]
    assert [r["errors"][0]["statusCode"] for r in again[1:]] == ["REQUIRED_FIELD_MISSING", "MISSING_ARGUMENT"]
    assert again[0]["id"] == first[0]["id"]
    undone = upsert({"External_Id__c": "many-4", "Name": "Many 4"}, {"External_Id__c": "many-5"}, all_or_none=True)
    assert [r["success"] for r in undone] == [False, False]
    assert query(http, "SELECT Id FROM Account WHERE External_Id__c = 'many-4'")["totalSize"] == 0
    by_id = upsert({"Id": first[1]["id"], "Phone": "8"}, {"Name": "Many 6"}, field="Id")
    assert [(r["success"], r["created"]) for r in by_id] == [(True, False), (True, True)]
    assert upsert({"Name": "x"}, field="Phone")[0]["errorCode"] == "NOT_FOUND"


@pytest.mark.parametrize(("where", "kind", "fields"), [
    ("WHERE Name = 'Alder Energy'", "Index", ["Name"]), ("WHERE Phone = '1'", "TableScan", []), ("", "TableScan", []),
    ("WHERE Id = '0015e0000000001AAA'", "Index", ["Id"]), ("WHERE OwnerId = '0055e0000000001AAA' ORDER BY Name",
                                                           "Index", ["OwnerId"]),
])  # fmt: skip
def test_a_query_is_explained_by_what_the_org_would_do(
    http: httpx.Client, where: str, kind: str, fields: list[str]
) -> None:
    text = f"SELECT Id FROM Account {where}"
    (plan,) = http.get(f"{BASE}/query", params={"explain": text}).json()["plans"]
    assert (plan["leadingOperationType"], plan["fields"], plan["sobjectType"]) == (kind, fields, "Account")
    assert plan["cardinality"] == query(http, text)["totalSize"] <= plan["sobjectCardinality"]
    assert (
        http.get(f"{BASE}/query", params={"explain": "SELECT Nope FROM Account"}).json()[0]["errorCode"]
        == "INVALID_FIELD"
    )
