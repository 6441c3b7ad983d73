"""What the org tells of itself to clients that draw pages: compact layouts, list views, quick actions, UI API; and the
APIs that it has not.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.routing import Route

from devtools import loopback
from devtools.clients import ADMIN, SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings
from localorg.rest import listviews
from localorg.server import rest_routes

BASE = "/services/data/v68.0"
UI = f"{BASE}/ui-api"
MASTER = "012000000000000AAA"


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=30)) as running:
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


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    return http.get(f"{BASE}/query", params={"q": text}).json()["records"]


def test_compact_layouts_name_the_record_first(http: httpx.Client) -> None:
    found = http.get(f"{BASE}/sobjects/Account/describe/compactLayouts").json()
    (layout,) = found["compactLayouts"]
    assert [i["label"] for i in layout["fieldItems"]][:2] == ["Account Name", "Account Type"]
    assert found["recordTypeCompactLayoutMappings"][0]["recordTypeId"] == MASTER
    assert http.get(found["urls"]["primary"]).json() == layout
    both = http.get(f"{BASE}/compactLayouts", params={"q": "Account,Contact"}).json()
    assert both["Account"] == layout
    assert both["Contact"]["objectType"] == "Contact"
    assert http.get(f"{BASE}/compactLayouts", params={"q": "Nope"}).status_code == 404
    assert http.get(f"{BASE}/compactLayouts").json()[0]["errorCode"] == "INVALID_REQUEST"


def test_list_views_are_described_and_answered(http: httpx.Client, log_in_as: Callable[[str], httpx.Client]) -> None:
    found = http.get(f"{BASE}/sobjects/Opportunity/listviews").json()
    lists = {v["developerName"]: v for v in found["listviews"]}
    assert list(lists) == [
        "AllOpportunities", "MyOpportunities", "ClosingThisMonth", "Won", "NewLastWeek", "RecentlyViewedOpportunities",
    ]  # fmt: skip
    told = http.get(lists["Won"]["describeUrl"]).json()
    assert told["whereCondition"] == {"field": "IsWon", "operator": "equals", "values": ["true"]}
    assert told["id"] == lists["Won"]["id"][:15]
    both = http.get(lists["ClosingThisMonth"]["describeUrl"]).json()["whereCondition"]
    assert (len(both["conditions"]), both["conjunction"]) == (2, "and")
    expected = rows(http, told["query"])
    results = http.get(lists["Won"]["resultsUrl"], params={"limit": 2000}).json()
    assert results["size"] == len(expected) > 0
    values = [{c["fieldNameOrPath"]: c["value"] for c in r["columns"]} for r in results["records"]]
    assert [v["Name"] for v in values] == [r["Name"] for r in expected]
    assert {v["StageName"] for v in values} == {"Closed Won"}
    second = http.get(lists["AllOpportunities"]["resultsUrl"], params={"limit": 2, "offset": 1}).json()["records"]
    every = http.get(lists["AllOpportunities"]["resultsUrl"], params={"limit": 3}).json()["records"]
    assert second == every[1:]
    assert http.get(lists["MyOpportunities"]["resultsUrl"]).json()["size"] == 0  # the administrator owns none
    assert log_in_as(SALES).get(lists["MyOpportunities"]["resultsUrl"]).json()["size"] == 25
    assert http.get(lists["Won"]["url"]).json() == lists["Won"]
    assert http.get(f"{BASE}/sobjects/Account/listviews/{lists['Won']['id']}").status_code == 404
    assert http.get(lists["Won"]["resultsUrl"], params={"limit": "many"}).json()[0]["errorCode"] == "INVALID_REQUEST"


def test_what_a_user_viewed_is_a_list_view_of_their_own(
    http: httpx.Client, log_in_as: Callable[[str], httpx.Client]
) -> None:
    client = http
    deal = rows(client, "SELECT Id FROM Opportunity ORDER BY Name LIMIT 1")[0]["Id"]
    client.get(f"{UI}/records/{deal}", params={"fields": "Opportunity.Name"})
    found = client.get(f"{BASE}/sobjects/Opportunity/listviews").json()["listviews"]
    recent = next(v for v in found if v["developerName"] == "RecentlyViewedOpportunities")
    told = client.get(recent["describeUrl"]).json()
    assert (told["scope"], told["whereCondition"]) == ("mru", {"conditions": [], "conjunction": "and"})
    assert [r["Id"] for r in rows(client, told["query"])] == [deal]
    assert client.get(recent["resultsUrl"]).json()["size"] == 1
    other = log_in_as(SALES)
    assert rows(other, told["query"]) == []


def test_list_views_come_in_pages(monkeypatch: pytest.MonkeyPatch, http: httpx.Client) -> None:
    whole = http.get(f"{BASE}/sobjects/Opportunity/listviews").json()
    assert (whole["done"], whole["nextRecordsUrl"]) == (True, None)
    monkeypatch.setattr(listviews, "PAGE", 4)
    first = http.get(f"{BASE}/sobjects/Opportunity/listviews").json()
    assert (first["done"], first["size"]) == (False, 4)
    second = http.get(first["nextRecordsUrl"]).json()
    assert (second["done"], second["nextRecordsUrl"]) == (True, None)
    assert [*first["listviews"], *second["listviews"]] == whole["listviews"]


def test_favorites_are_each_users_own(http: httpx.Client, log_in_as: Callable[[str], httpx.Client]) -> None:
    client, other = http, log_in_as(SALES)
    assert client.get(f"{UI}/favorites").json()["favorites"] == []
    account = rows(client, "SELECT Id, Name FROM Account ORDER BY Name LIMIT 1")[0]
    wanted = {"target": account["Id"], "targetType": "Record", "name": account["Name"]}
    made = client.post(f"{UI}/favorites", json=wanted)
    assert made.status_code == 201
    assert wanted.items() <= made.json().items()
    assert made.json()["objectType"] == "Account"
    assert client.post(f"{UI}/favorites", json=wanted).json()["id"] == made.json()["id"], "it is there already"
    (kept,) = client.get(f"{UI}/favorites").json()["favorites"]
    assert (kept["id"], kept["name"], kept["subtitle"]) == (made.json()["id"], account["Name"], "Account")
    assert client.get(f"{UI}/favorites/{kept['id']}").json()["target"] == account["Id"]
    assert other.get(f"{UI}/favorites").json()["favorites"] == []
    assert other.delete(f"{UI}/favorites/{kept['id']}").status_code == 404
    assert client.delete(f"{UI}/favorites/{kept['id']}").status_code == 200
    assert client.delete(f"{UI}/favorites/{kept['id']}").status_code == 404
    assert client.get(f"{UI}/favorites").json()["favorites"] == []
    view = client.get(f"{BASE}/sobjects/Account/listviews").json()["listviews"][0]
    made = client.post(f"{UI}/favorites", json={"target": view["id"], "targetType": "ListView"})
    assert made.json()["subtitle"] == "Accounts"
    assert client.post(f"{UI}/favorites", json={"target": "001"}).json()[0]["errorCode"] == "INVALID_REQUEST"
    gone = {"target": "001000000000000AAA", "targetType": "Record"}
    assert client.post(f"{UI}/favorites", json=gone).status_code == 404


def test_quick_actions_create_records(http: httpx.Client, log_in_as: Callable[[str], httpx.Client]) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    for base in (f"{BASE}/quickActions", f"{BASE}/sobjects/Account/quickActions"):
        actions = {a["name"]: a for a in http.get(base).json()}
        assert actions["NewContact"]["type"] == "Create"
        told = http.get(actions["NewContact"]["urls"]["describe"]).json()
        assert told["targetSobjectType"] == "Contact"
        assert told["layout"]["layoutRows"]
    defaults = http.get(f"{BASE}/sobjects/Account/quickActions/NewContact/defaultValues/{account}").json()
    assert defaults["AccountId"] == account
    made = http.post(
        f"{BASE}/sobjects/Account/quickActions/NewContact",
        json={"contextId": account, "record": {"LastName": "Quick", "AccountId": account}},
    )
    assert made.status_code == 201
    assert rows(http, f"SELECT LastName FROM Contact WHERE Id = '{made.json()['id']}'")[0]["LastName"] == "Quick"
    assert (
        http.post(f"{BASE}/quickActions/NewContact", json={"record": {}}).json()[0]["errorCode"]
        == "REQUIRED_FIELD_MISSING"
    )
    assert (
        http.post(f"{BASE}/quickActions/NewContact", json={"record": 5}).json()[0]["errorCode"] == "JSON_PARSER_ERROR"
    )
    assert http.get(f"{BASE}/quickActions/Nope/describe").status_code == 404
    assert log_in_as("readonly@localorg.test").get(f"{BASE}/quickActions").json() == []


def test_objects_are_described(http: httpx.Client) -> None:
    info = http.get(f"{UI}/object-info/Task").json()
    assert info["nameFields"] == ["Subject"]
    assert info["fields"]["WhatId"]["polymorphicForeignKey"]
    assert [r["apiName"] for r in info["fields"]["WhatId"]["referenceToInfos"]] == ["Account", "Case", "Opportunity"]
    assert (
        http.get(f"{UI}/object-info/Account").json()["fields"]["BillingCity"]["compoundFieldName"] == "BillingAddress"
    )
    assert info["recordTypeInfos"][MASTER]["master"]
    both = http.get(f"{UI}/object-info/batch/Account,Nope").json()["results"]
    assert [r["statusCode"] for r in both] == [200, 404]
    assert "Lead" in http.get(f"{UI}/object-info").json()["objects"]
    one = http.get(f"{UI}/object-info/Lead/picklist-values/{MASTER}/Status").json()
    assert one["values"][0]["value"] == one["defaultValue"]["value"] == "Open - Not Contacted"
    every = http.get(f"{UI}/object-info/Lead/picklist-values/{MASTER}").json()["picklistFieldValues"]
    assert every["Status"] == one
    assert http.get(f"{UI}/object-info/Lead/picklist-values/012000000000001AAA").status_code == 404


def test_records_come_as_people_read_them(http: httpx.Client) -> None:
    deal = rows(http, "SELECT Id, Amount, CloseDate, Account.Name, Owner.Name FROM Opportunity ORDER BY Name LIMIT 1")[
        0
    ]
    wanted = ("Amount", "CloseDate", "OwnerId", "Account.Name", "LastModifiedDate")
    fields = ",".join(f"Opportunity.{name}" for name in wanted)
    found = http.get(
        f"{UI}/records/{deal['Id']}",
        params={"fields": fields, "optionalFields": "Opportunity.Nope,Opportunity.StageName"},
    ).json()
    assert found["fields"]["Amount"] == {"displayValue": f"US${deal['Amount']:,.2f}", "value": deal["Amount"]}
    year, month, day = deal["CloseDate"].split("-")
    assert found["fields"]["CloseDate"] == {"displayValue": f"{day}/{month}/{year}", "value": deal["CloseDate"]}
    assert found["fields"]["Owner"]["displayValue"] == deal["Owner"]["Name"]
    assert found["fields"]["Account"]["value"]["fields"]["Name"]["value"] == deal["Account"]["Name"]
    assert found["fields"]["LastModifiedDate"]["value"].endswith("Z")
    assert "StageName" in found["fields"]
    assert "Nope" not in found["fields"]
    full = http.get(f"{UI}/records/{deal['Id']}", params={"layoutTypes": "Full"}).json()
    assert full["fields"]["NextStep"]["value"]
    assert http.get(f"{UI}/records/{deal['Id']}", params={"layoutTypes": "Compact"}).json()["fields"]["StageName"][
        "displayValue"
    ]
    assert deal["Id"] in {r["Id"] for r in http.get(f"{BASE}/recent").json()}
    batch = http.get(
        f"{UI}/records/batch/{deal['Id']},006000000000000AAA", params={"fields": "Opportunity.Name"}
    ).json()
    assert (batch["hasErrors"], [r["statusCode"] for r in batch["results"]]) == (True, [200, 404])


def test_a_task_leads_to_whatever_it_is_about(http: httpx.Client) -> None:
    task = rows(http, "SELECT Id, What.Name, Who.Name FROM Task LIMIT 1")[0]
    found = http.get(f"{UI}/records/{task['Id']}", params={"fields": "Task.WhatId,Task.WhoId"}).json()["fields"]
    assert found["What"]["displayValue"] == task["What"]["Name"]
    assert found["Who"]["value"]["apiName"] == "Contact"


def test_what_one_has_looked_at_is_recent_by_the_name_that_it_has(http: httpx.Client) -> None:
    for sobject, name in (("Case", "CaseNumber"), ("Task", "Subject"), ("Contact", "Name")):
        record = rows(http, f"SELECT Id, {name} FROM {sobject} LIMIT 1")[0]
        assert http.get(f"{UI}/records/{record['Id']}", params={"layoutTypes": "Compact"}).status_code == 200
        latest = http.get(f"{BASE}/recent", params={"limit": 1}).json()[0]
        assert (latest["Id"], latest["Name"]) == (record["Id"], record[name])


def test_records_are_written(http: httpx.Client) -> None:
    made = http.post(f"{UI}/records", json={"apiName": "Account", "fields": {"Name": "UI Ltd", "Industry": "Media"}})
    assert (made.status_code, made.json()["fields"]["Industry"]["displayValue"]) == (201, "Media")
    identifier = made.json()["id"]
    changed = http.patch(f"{UI}/records/{identifier}", json={"fields": {"Industry": "Energy"}}).json()
    assert changed["fields"]["Industry"]["value"] == "Energy"
    assert changed["weakEtag"] > made.json()["weakEtag"]
    assert http.delete(f"{UI}/records/{identifier}").status_code == 204
    assert http.get(f"{UI}/records/{identifier}", params={"fields": "Account.Name"}).status_code == 404
    assert http.post(f"{UI}/records", json={"apiName": "Nope", "fields": {}}).json()[0]["errorCode"] == "INVALID_TYPE"
    assert http.post(f"{UI}/records", json={"apiName": "Account"}).json()[0]["errorCode"] == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(("query", "code"), [
    ({}, "ILLEGAL_QUERY_PARAMETER_VALUE"), ({"fields": "Name"}, "INVALID_FIELD"), ({"fields": "Account.Nope"},
        "INVALID_FIELD"),
    ({"fields": "Account.Name FROM User"}, "MALFORMED_QUERY"), ({"layoutTypes": "Half"}, "INVALID_REQUEST"),
])  # fmt: skip
def test_bad_fields_are_refused(http: httpx.Client, query: dict[str, str], code: str) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    answer = http.get(f"{UI}/records/{account}", params=query)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_lists_and_related_lists_page(http: httpx.Client) -> None:
    lists = http.get(f"{UI}/list-ui/Account").json()["lists"]
    assert [v["apiName"] for v in lists] == ["AllAccounts", "MyAccounts", "NewLastWeek", "RecentlyViewedAccounts"]
    whole = http.get(f"{UI}/list-ui/Account/AllAccounts").json()
    assert whole["info"]["listReference"]["listViewApiName"] == "AllAccounts"
    assert whole == http.get(f"{UI}/list-ui/{lists[0]['id']}").json()
    assert whole["info"]["displayColumns"] == http.get(f"{UI}/list-info/Account/AllAccounts").json()["displayColumns"]
    names: list[str] = []
    page = http.get(f"{UI}/list-records/Account/AllAccounts", params={"pageSize": 12}).json()
    while True:
        names += [r["fields"]["Name"]["value"] for r in page["records"]]
        if page["nextPageUrl"] is None:
            break
        page = http.get(page["nextPageUrl"]).json()
    assert names == [r["Name"] for r in rows(http, "SELECT Name FROM Account ORDER BY Name")]
    account = rows(
        http, "SELECT AccountId, COUNT(Id) n FROM Contact GROUP BY AccountId ORDER BY COUNT(Id) DESC LIMIT 1"
    )[0]
    assert {"Contacts", "Opportunities"} <= {
        r["relatedListId"] for r in http.get(f"{UI}/related-list-info/Account").json()["relatedLists"]
    }
    related = http.get(
        f"{UI}/related-list-records/{account['AccountId']}/Contacts", params={"fields": "Contact.Name,Contact.Email"}
    ).json()
    assert related["count"] == account["n"]
    assert related["records"][0]["fields"]["Email"]["value"]
    assert http.get(f"{UI}/related-list-records/{account['AccountId']}/Nope").status_code == 404
    assert (
        http.get(f"{UI}/list-records/Account/AllAccounts", params={"pageSize": 0}).json()[0]["errorCode"]
        == "INVALID_REQUEST"
    )


def test_what_a_profile_may_not_see_is_not_there(log_in_as: Callable[[str], httpx.Client], http: httpx.Client) -> None:
    reader = log_in_as("readonly@localorg.test")
    deal = rows(http, "SELECT Id FROM Opportunity LIMIT 1")[0]["Id"]
    assert "Amount" not in reader.get(f"{UI}/object-info/Opportunity").json()["fields"]
    assert "Amount" not in reader.get(f"{UI}/records/{deal}", params={"layoutTypes": "Full"}).json()["fields"]
    assert (
        reader.get(f"{UI}/records/{deal}", params={"fields": "Opportunity.Amount"}).json()[0]["errorCode"]
        == "INVALID_FIELD"
    )
    lead = rows(http, "SELECT Id FROM Lead LIMIT 1")[0]["Id"]
    assert reader.get(f"{UI}/records/{lead}", params={"layoutTypes": "Full"}).status_code == 404
    assert reader.get(f"{BASE}/sobjects/Lead/listviews").status_code == 404


@pytest.mark.parametrize(("method", "path", "status", "said"), [
    ("POST", "/services/Soap/u/68.0", 500, "<faultcode>sf:API_DISABLED_FOR_ORG</faultcode>"),
    ("POST", "/services/Soap/m/68.0", 500, "urn:fault.metadata.soap.sforce.com"),
    ("POST", "/cometd/68.0", 200, "403::"),
    ("POST", f"{BASE}/graphql", 403, "API_DISABLED_FOR_ORG"),
    ("POST", f"{BASE}/metadata/deployRequest", 403, "API_DISABLED_FOR_ORG"),
    ("POST", f"{UI}/favorites/batch", 403, "API_DISABLED_FOR_ORG"),
])  # fmt: skip
def test_apis_that_the_org_has_not_are_refused_in_their_own_form(
    http: httpx.Client, method: str, path: str, status: int, said: str
) -> None:
    answer = http.request(method, path, content=b"{}")
    assert answer.status_code == status
    assert said in answer.text


# docs/localorg.md, "Every resource of the REST reference"


def documented(repository: Path) -> dict[str, str]:
    """Each path of the table with yes, part or refused."""
    table = (repository / "docs/localorg.md").read_text().split("### Every resource of the REST reference")[1]
    found: dict[str, str] = {}
    for line in re.findall(r"^\| `.*", table, re.MULTILINE):
        paths, here = line.split("|")[1:3]
        found |= dict.fromkeys(re.findall(r"`(/[^`]*)`", paths), here.strip())
    return found


def test_the_table_names_every_route(repository: Path, own: EmbeddedOrg) -> None:
    assert own.org is not None
    served = {
        re.sub(r"^/services/data/v\{version\}", "", one.path).rstrip("/") or "/"
        for one in rest_routes(own.org)
        if isinstance(one, Route)
    }
    refused = {"/metadata/{rest:path}"}  # the table names examples of them
    assert served - refused <= set(documented(repository))
    assert {path for path, here in documented(repository).items() if here in ("yes", "part")} <= served


def test_what_the_table_calls_refused_is_refused(repository: Path, http: httpx.Client) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    for path, here in documented(repository).items():
        if here != "refused":
            continue
        asked = re.sub(r"\{id\}|\{ids\}", account, path.replace("{sobject}", "Account"))
        asked = re.sub(r"\{[a-z_:]+\}", "x", asked)
        for method in ("GET", "POST"):
            answer = http.request(
                method, asked if asked.startswith(("/services", "/cometd")) else BASE + asked, content=b"{}"
            )
            said = answer.text
            assert answer.status_code in (400, 403, 404, 405, 500) or "403::" in said, (
                method,
                asked,
                answer.status_code,
            )
            assert any(
                word in said
                for word in ("NOT_FOUND", "METHOD_NOT_ALLOWED", "API_DISABLED_FOR_ORG", "InvalidUrl", "403::")
            ), (
                asked,
                said,
            )
