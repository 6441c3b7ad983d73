"""ActivityHistories and OpenActivities: what was and is to be done with a record.

Source: Object Reference, ActivityHistory, OpenActivity: closed tasks and past events, open tasks and coming events;
`AccountId` is the account of What, else that of Who; only sub-queries read them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from devtools import loopback
from devtools.clients import ADMIN, authorize, control, exchange
from localorg import EmbeddedOrg, OrgSettings

BASE = "/services/data/v68.0"
VISIT = '{"Visit__c": {"label": "Visit", "pluralLabel": "Visits", "enableActivities": true, "fields": {}}}'


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedOrg]:
    schema = tmp_path_factory.mktemp("schema") / "visit.json"
    Path(schema).write_text(VISIT)
    with EmbeddedOrg(OrgSettings(accounts=3, schema=(schema,))) as running:
        yield running


@pytest.fixture(scope="module")
def http(own: EmbeddedOrg) -> Iterator[httpx.Client]:
    token = exchange(own.url, authorize(own.url, ADMIN))["access_token"]
    with loopback.Client(base_url=own.url, headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


def made(http: httpx.Client, sobject: str, **fields: Any) -> str:
    answer = http.post(f"{BASE}/sobjects/{sobject}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def subjects(http: httpx.Client, sobject: str, identifier: str, relationship: str) -> list[str]:
    fields = "Id, Subject, ActivityDate, IsClosed, IsTask, ActivityType, Owner.Name, What.Name, Account.Name"
    text = f"SELECT (SELECT {fields} FROM {relationship} ORDER BY Subject) FROM {sobject} WHERE Id = '{identifier}'"
    (record,) = http.get(f"{BASE}/query", params={"q": text}).json()["records"]
    return [r["Subject"] for r in (record[relationship] or {"records": []})["records"]]


def test_each_object_has_what_was_done_and_what_is_to_do(own: EmbeddedOrg, http: httpx.Client) -> None:
    account = made(http, "Account", Name="Acme")
    contact = made(http, "Contact", LastName="Doe", AccountId=account)
    deal = made(http, "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2030-01-01", AccountId=account)
    visit = made(http, "Visit__c", Name="Visit")
    made(http, "Task", Subject="1 done", Status="Completed", WhatId=account)
    made(http, "Task", Subject="2 open", WhatId=deal)
    made(http, "Task", Subject="3 done", Status="Completed", WhoId=contact)
    made(http, "Event", Subject="4 past", WhatId=deal, StartDateTime="2020-01-01T10:00:00Z", DurationInMinutes=60)
    made(http, "Event", Subject="5 coming", WhoId=contact, StartDateTime="2999-01-01T10:00:00Z", DurationInMinutes=60)
    made(http, "Task", Subject="6 done", Status="Completed", WhatId=visit)
    assert subjects(http, "Account", account, "ActivityHistories") == ["1 done", "3 done", "4 past"]
    assert subjects(http, "Account", account, "OpenActivities") == ["2 open", "5 coming"]
    assert subjects(http, "Contact", contact, "ActivityHistories") == ["3 done"]
    assert subjects(http, "Contact", contact, "OpenActivities") == ["5 coming"]
    assert subjects(http, "Opportunity", deal, "ActivityHistories") == ["4 past"]
    assert subjects(http, "Visit__c", visit, "ActivityHistories") == ["6 done"]
    assert subjects(http, "Visit__c", visit, "OpenActivities") == []
    own.save("then")
    control(own.url, "clock", {"advanceSeconds": 3600})
    own.restore("then")
    assert subjects(http, "Account", account, "OpenActivities") == ["2 open", "5 coming"]


def test_only_sub_queries_read_them(http: httpx.Client) -> None:
    for text in ("SELECT Id FROM ActivityHistory", "SELECT COUNT() FROM OpenActivity"):
        refused = http.get(f"{BASE}/query", params={"q": text}).json()[0]
        assert refused["errorCode"] == "INVALID_TYPE_FOR_OPERATION"
        assert "does not support query" in refused["message"]
    joined = "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM ActivityHistory)"
    assert http.get(f"{BASE}/query", params={"q": joined}).json()[0]["errorCode"] == "MALFORMED_QUERY"
    assert http.post(f"{BASE}/sobjects/ActivityHistory", json={"Subject": "x"}).status_code == 403


def test_every_address_of_theirs_answers(http: httpx.Client) -> None:
    described = http.get(f"{BASE}/sobjects/ActivityHistory/describe").json()
    assert (described["queryable"], described["createable"], described["keyPrefix"]) == (False, False, None)
    account = http.get(f"{BASE}/sobjects/Account/describe").json()
    assert {"ActivityHistories", "OpenActivities"} <= {c["relationshipName"] for c in account["childRelationships"]}
    for path in ("", "/describe/layouts", "/describe/compactLayouts", "/listviews", "/quickActions"):
        assert http.get(f"{BASE}/sobjects/OpenActivity{path}").status_code == 200, path
    for path in ("/ui-api/object-info/OpenActivity", "/limits/recordCount", "/sobjects", "/recent", "/tabs"):
        assert http.get(BASE + path).status_code == 200, path
    some = http.get(f"{BASE}/query", params={"q": "SELECT Id FROM Task LIMIT 1"}).json()["records"][0]["Id"]
    assert http.get(f"{BASE}/sobjects/ActivityHistory/{some}").status_code == 404
    assert "searchRecords" in http.get(f"{BASE}/search", params={"q": "FIND {call}"}).json()
