"""What jsforce's own suite asks for beyond records and queries: plans, layouts, actions, tabs, themes, upserts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

BASE = "/services/data/v66.0"
THING = """{"Thing__c": {"label": "Thing", "pluralLabel": "Things", "fields": {
  "Code__c": {"type": "Text", "length": 20, "externalId": true},
  "Key__c": {"type": "Text", "length": 20, "externalId": true, "unique": true}}}}"""


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    schema = tmp_path_factory.mktemp("schema") / "things.json"
    Path(schema).write_text(THING)
    with EmbeddedOrg(OrgSettings(accounts=10, schema=(schema,))) as org:
        token = exchange(org.url, authorize(org.url, ADMIN))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


def get(http: httpx.Client, path: str, **parameters: str) -> Any:
    answer = http.get(BASE + path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(http: httpx.Client, text: str) -> list[dict[str, Any]]:
    return get(http, "/query", q=text)["records"]


def test_the_plan_of_a_list_view(http: httpx.Client) -> None:
    view = get(http, "/sobjects/Account/listviews")["listviews"][0]
    (plan,) = get(http, "/query", explain=view["id"])["plans"]
    assert plan["sobjectType"] == "Account"
    for wrong in ("00B000000000000AAA", "001000000000000AAA"):
        refused = http.get(f"{BASE}/query", params={"explain": wrong})
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_ID")


def test_layouts_by_name_and_for_approvals(http: httpx.Client) -> None:
    assert get(http, "/sobjects/Account/describe/approvalLayouts") == {"approvalLayouts": []}
    assert get(http, "/sobjects/Account/describe/approvalLayouts/") == {"approvalLayouts": []}
    assert get(http, "/sobjects/User/describe/namedLayouts/UserAlt")["layouts"]
    for path in (
        "Account/describe/approvalLayouts/No",
        "Account/describe/namedLayouts/No",
        "No/describe/approvalLayouts",
    ):
        refused = http.get(f"{BASE}/sobjects/{path}")
        assert (refused.status_code, refused.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_tabs_are_those_of_the_objects(http: httpx.Client) -> None:
    tabs = {tab["name"]: tab for tab in get(http, "/tabs")}
    account = tabs["standard-Account"]
    assert (account["label"], account["sobjectName"], account["custom"]) == ("Accounts", "Account", False)
    assert {"colors", "icons", "iconUrl", "miniIconUrl", "url"} <= account.keys()
    assert tabs["Thing__c"]["custom"] is True
    assert get(http, "/tabs/") == get(http, "/tabs")


def test_the_theme_has_colors_and_icons(http: httpx.Client) -> None:
    items = {item["name"]: item for item in get(http, "/theme")["themeItems"]}
    assert items["Account"].keys() == {"colors", "icons", "name"}
    assert items["Account"]["colors"][0].keys() == {"color", "context", "theme"}
    assert items["Account"]["icons"][0].keys() == {"contentType", "height", "theme", "url", "width"}
    later = {"If-Modified-Since": "Tue, 01 Jan 2199 00:00:00 GMT"}
    assert http.get(f"{BASE}/theme", headers=later).status_code == 304


def test_an_external_id_that_is_not_unique_gives_choices(http: httpx.Client) -> None:
    made = {http.post(f"{BASE}/sobjects/Thing__c", json={"Code__c": "twice"}).json()["id"] for _ in range(2)}
    url = f"{BASE}/sobjects/Thing__c/Code__c/twice"
    for answer in (http.get(url), http.patch(url, json={"Name": "x"}), http.delete(url)):
        assert answer.status_code == 300
        assert set(answer.json()) == {f"{BASE}/sobjects/Thing__c/{identifier}" for identifier in made}
    part = {"method": "GET", "url": url, "referenceId": "a"}
    composite = http.post(f"{BASE}/composite", json={"compositeRequest": [part]}).json()["compositeResponse"][0]
    assert composite["httpStatusCode"] == 300


def test_an_upsert_of_an_older_version(http: httpx.Client) -> None:
    url = "/services/data/v45.0/sobjects/Thing__c/Key__c/old"
    made = http.patch(url, json={"Code__c": "1"})
    assert (made.status_code, made.json().keys()) == (201, {"id", "success", "errors"})
    changed = http.patch(url, json={"Code__c": "2"})
    assert (changed.status_code, changed.content) == (204, b"")
    newer = http.patch(url.replace("v45.0", "v46.0"), json={"Code__c": "3"})
    assert (newer.status_code, newer.json()["created"]) == (200, False)


def test_quick_actions_are_carried_out_for_a_record(http: httpx.Client) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    url = "/sobjects/Account/quickActions/NewContact"
    defaults = get(http, f"{url}/defaultValues/{account}")
    assert defaults["AccountId"] == account
    done = http.post(BASE + url, json={"contextId": account, "record": {"LastName": "Acted"}})
    assert done.status_code == 201, done.text
    result = done.json()
    assert (result["success"], result["created"], result["contextId"]) == (True, True, account)
    assert rows(http, f"SELECT AccountId FROM Contact WHERE Id = '{result['id']}'")[0]["AccountId"] == account
    other = rows(http, "SELECT Id FROM Account ORDER BY Id DESC LIMIT 1")[0]["Id"]
    said = {"contextId": account, "record": {"LastName": "Said", "AccountId": other}}
    kept = http.post(BASE + url, json=said).json()["id"]
    assert rows(http, f"SELECT AccountId FROM Contact WHERE Id = '{kept}'")[0]["AccountId"] == other
    for wrong in ("001000000000000AAA", "nonsense", 7):
        refused = http.post(BASE + url, json={"contextId": wrong, "record": {"LastName": "x"}})
        assert refused.status_code in (400, 404)
    assert http.post(BASE + url, json={"contextId": account, "record": {}}).json()[0]["errorCode"] == (
        "REQUIRED_FIELD_MISSING"
    )


def test_a_call_is_logged(http: httpx.Client) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    (action,) = [a for a in get(http, "/quickActions") if a["name"] == "LogACall"]
    assert (action["type"], action["label"]) == ("LogACall", "Log a Call")
    assert get(http, "/quickActions/LogACall/defaultValues")["Status"] == "Completed"
    assert get(http, "/quickActions/LogACall/describe")["targetSobjectType"] == "Task"
    done = http.post(f"{BASE}/quickActions/LogACall", json={"contextId": account, "record": {"Description": "spoke"}})
    assert done.status_code == 201, done.text
    (task,) = rows(http, f"SELECT Subject, WhatId, IsClosed FROM Task WHERE Id = '{done.json()['id']}'")
    assert (task["Subject"], task["WhatId"], task["IsClosed"]) == ("Call", account, True)


def test_accounts_have_the_key_of_data_dot_com(http: httpx.Client) -> None:
    assert rows(http, "SELECT Jigsaw, JigsawCompanyId FROM Account LIMIT 1")[0]["Jigsaw"] is None
    made = http.post(f"{BASE}/sobjects/Account", json={"Name": "Keyed", "Jigsaw": "123"}).json()["id"]
    assert get(http, f"/sobjects/Account/{made}")["JigsawCompanyId"] == "123"


def test_a_quick_action_tells_of_every_field_that_it_fills(http: httpx.Client) -> None:
    defaults = get(http, "/quickActions/LogACall/defaultValues")
    assert (defaults["Subject"], defaults["Status"]) == ("Call", "Completed")
    assert [defaults[n] for n in ("Description", "WhoId", "WhatId")] == [None, None, None]
    done = http.post(f"{BASE}/quickActions/LogACall", json={"record": {"Subject": "Called"}}).json()
    assert (done["success"], done["feedItemIds"]) == (True, [])


@pytest.mark.parametrize("all_or_none", [True, False])
def test_an_upsert_that_is_refused_says_what_it_would_have_done(http: httpx.Client, all_or_none: bool) -> None:
    there = http.post(f"{BASE}/sobjects/Thing__c", json={"Key__c": f"there {all_or_none}"}).json()["id"]
    rows = [{"attributes": {"type": "Thing__c"}, "Key__c": key, **more} for key, more in (
        (f"new {all_or_none}", {}), (f"there {all_or_none}", {}), ("wrong", {"OwnerId": "nobody"}),
        (f"there {all_or_none}", {"OwnerId": "nobody"}), (None, {}),
    )]  # fmt: skip
    url = f"{BASE}/composite/sobjects/Thing__c/Key__c"
    answers = http.patch(url, json={"records": rows, "allOrNone": all_or_none}).json()
    assert [r["created"] for r in answers] == [True, False, True, False, True]
    assert [r["success"] for r in answers] == [not all_or_none] * 2 + [False] * 3
    assert answers[2]["errors"][0]["statusCode"] == "MALFORMED_ID"
    assert there == (answers[1].get("id") or there)
