"""TaskStatus says which statuses close a task, and the fields of calls; what ordinary users may ask of activities.

Source: Object Reference, TaskStatus, Task (TaskSubtype, CallDisposition, AccountId), OpenActivity (Usage).
"""

from collections.abc import Iterator

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import SALES, authorize, exchange
from localorg import EmbeddedOrg, OrgSettings

BASE = "/services/data/v68.0"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with EmbeddedOrg(OrgSettings(accounts=3, shape=frozenset({"task-statuses"}))) as org:
        token = exchange(org.url, authorize(org.url, SALES))["access_token"]
        with loopback.Client(base_url=org.url, headers={"Authorization": f"Bearer {token}"}) as client:
            yield client


def rows(http: httpx.Client, text: str) -> list[dict[str, object]]:
    answer = http.get(f"{BASE}/query", params={"q": text})
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def test_the_statuses_that_close_a_task_are_those_that_task_status_says(http: httpx.Client) -> None:
    asked = "SELECT ApiName, MasterLabel, IsClosed, IsDefault FROM TaskStatus ORDER BY SortOrder"
    told = [(r["ApiName"], r["IsClosed"], r["IsDefault"]) for r in rows(http, asked)]
    assert told == [
        ("Planned", False, True),
        ("Waiting", False, False),
        ("Done", True, False),
        ("Dropped", True, False),
    ]
    task = http.post(f"{BASE}/sobjects/Task", json={"Subject": "x", "TaskSubtype": "Call"}).json()["id"]
    for status, closed in (("Done", True), ("Waiting", False), ("Dropped", True)):
        assert http.patch(f"{BASE}/sobjects/Task/{task}", json={"Status": status}).status_code == 204
        assert rows(http, f"SELECT IsClosed FROM Task WHERE Id = '{task}'")[0]["IsClosed"] is closed
    assert http.post(f"{BASE}/sobjects/TaskStatus", json={"MasterLabel": "x"}).status_code == 403


def test_a_composite_may_name_the_status_that_it_has_just_asked_for(http: httpx.Client) -> None:
    closed = "/query?q=SELECT+ApiName+FROM+TaskStatus+WHERE+IsClosed=true+ORDER+BY+SortOrder+LIMIT+1"
    parts = [
        {"method": "GET", "url": BASE + closed, "referenceId": "closed"},
        {"method": "POST", "url": f"{BASE}/sobjects/Task", "referenceId": "made",
         "body": {"Subject": "Call", "Status": "@{closed.records[0].ApiName}", "CallDisposition": "Reached"}},
    ]  # fmt: skip
    answer = http.post(f"{BASE}/composite", json={"allOrNone": True, "compositeRequest": parts}).json()
    made = answer["compositeResponse"][1]["body"]["id"]
    (task,) = rows(http, f"SELECT Status, IsClosed, CallDisposition FROM Task WHERE Id = '{made}'")
    assert (task["Status"], task["IsClosed"], task["CallDisposition"]) == ("Done", True, "Reached")


def test_a_task_belongs_to_the_account_of_its_deal_or_contact(http: httpx.Client) -> None:
    contact = rows(http, "SELECT Id, AccountId, Account.Phone FROM Contact LIMIT 1")[0]
    task = http.post(f"{BASE}/sobjects/Task", json={"Subject": "x", "WhoId": contact["Id"]}).json()["id"]
    (read,) = rows(http, f"SELECT AccountId, Account.Phone FROM Task WHERE Id = '{task}'")
    assert read["AccountId"] == contact["AccountId"]
    refused = http.patch(f"{BASE}/sobjects/Task/{task}", json={"AccountId": contact["AccountId"]})
    assert refused.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


OPEN = "ORDER BY ActivityDate ASC NULLS LAST, LastModifiedDate DESC LIMIT 10"


@pytest.mark.parametrize(("clause", "words"), [
    (f"FROM OpenActivities {OPEN}", ""),
    ("FROM ActivityHistories ORDER BY ActivityDate DESC NULLS LAST, LastModifiedDate DESC LIMIT 500", ""),
    (f"FROM ActivityHistories {OPEN}", "ActivityDate DESC, LastModifiedDate DESC"),
    ("FROM OpenActivities ORDER BY ActivityDate ASC, LastModifiedDate DESC", "a limit of 500 rows"),
    ("FROM OpenActivities ORDER BY ActivityDate ASC, LastModifiedDate DESC LIMIT 501", "a limit of 500 rows"),
    (f"FROM OpenActivities WHERE IsTask = true {OPEN}", "no other filters"),
])  # fmt: skip
def test_whoever_is_no_administrator_reads_activities_in_one_way(http: httpx.Client, clause: str, words: str) -> None:
    account = rows(http, "SELECT Id FROM Account LIMIT 1")[0]["Id"]
    text = f"SELECT Id, (SELECT Id, Subject {clause}) FROM Account WHERE Id = '{account}'"
    answer = http.get(f"{BASE}/query", params={"q": text})
    assert answer.status_code == (400 if words else 200), answer.text
    if words:
        assert answer.json()[0]["errorCode"] == "MALFORMED_QUERY"
        assert words in answer.json()[0]["message"]


def test_and_of_one_record_at_a_time(http: httpx.Client) -> None:
    answer = http.get(f"{BASE}/query", params={"q": f"SELECT (SELECT Id FROM OpenActivities {OPEN}) FROM Account"})
    assert "single parent record" in answer.json()[0]["message"]
